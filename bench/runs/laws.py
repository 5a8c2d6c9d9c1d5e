"""Find the laws of a workload under a variant: one worker measures it at many sizes and depths."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import msgspec
import psutil

from gradmeter.bench import workloads
from gradmeter.bench.cases.interpreters import ground
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.cases.watched import watched
from gradmeter.bench.engines import EXECUTION
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.laws import extra
from gradmeter.bench.laws.law import Law, Measured, Point, UnmeasurableError
from gradmeter.bench.laws.names import DEPTH, SIZE, values_text
from gradmeter.bench.results.laws import Laws, formula_of
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.spec import spec_of
from gradmeter.bench.workloads import Workload, checking

SIZES = (400, 1600, 3600, 6400, 10_000)  # squares, of which a side is a whole number
DEPTHS = (4, 5, 7, 10, 14)
LONGEST_STEP = 20  # depths that are multiples of more are not tried
SECONDS = 1.0  # that one held-out measurement may be expected to take
COMPILED_SECONDS = 2.0  # that of a program that is compiled before
MOST_BYTES = 2 * 10**9
ENDED = ("crashed", "killed", "timed out", "rubbish")  # kinds of errors after which no worker is

changed = msgspec.structs.replace


@dataclass(frozen=True)
class Part:
    """Laws in some parameters, and what was measured at points of these parameters."""

    laws: Laws
    measured: Mapping[Point, Measured]


@dataclass(frozen=True)
class Found:
    """The laws of a workload under a variant.

    Attributes:
        parts: with the depth as a parameter, where the workload takes one; then, of figures that
            have no law there, those at the depth that it was named with.
        seconds: that it took.
    """

    parts: tuple[Part, ...]
    seconds: float


def refuse(variant: Variant) -> None:
    """Refuse an engine whose arrays are not NumPy's, or that is not installed.

    Raises:
        UsageError: the engine has an allocator of its own, or cannot be measured here.
    """
    if variant.engine.memory == "own":
        raise UsageError(
            f"{variant.engine.name} allocates the memory of its arrays itself, so its bytes are "
            "not exact and follow no law; laws are of engines whose arrays are NumPy's"
        )
    ground(variant)  # refuses what is missing


def find(workload: Workload, variant: Variant, seed: int, limit: float) -> Found:
    """Find the laws of a workload's figures under a variant.

    Args:
        limit: the most seconds that a worker may take for one point.

    Raises:
        UsageError: SymPy is missing, or as `refuse`.
        WorkerError: the workload cannot be measured.
    """
    extra.need()
    refuse(variant)
    reason = variant.engine.reason(workload.name, dict(variant.of_engine))
    if reason:
        raise WorkerError("cannot", reason)
    began = time.perf_counter()
    points = _Points(workload, variant, seed, limit)
    try:
        parts = _searched(points)
    except UnmeasurableError as error:
        raise WorkerError("raised", str(error)) from None
    finally:
        points.close()
    return Found(parts, time.perf_counter() - began)


def _searched(points: _Points) -> tuple[Part, ...]:
    """The laws in size and depth; then those of the other figures at the depth that was named."""
    whole: Part | None = None
    problem = ""
    for depths in points.depths():
        try:
            part = points.search(depths)
        except UnmeasurableError as error:
            problem = problem or str(error)
            continue
        whole = part if whole is None else _joined(whole, part)
        if not whole.laws.reasons.keys() - points.differ.keys():
            return (whole,)
    fixed = points.search(())
    if whole is None and not problem:
        return (fixed,)
    if whole is None:
        reasons = dict.fromkeys([*fixed.laws.figures, *fixed.laws.reasons], problem)
        return (Part(points.laws(in_depth=True, reasons=reasons), {}), fixed)
    return (whole, Part(_chosen(fixed.laws, whole.laws.reasons), fixed.measured))


def _joined(first: Part, second: Part) -> Part:
    """Two searches as one: of a figure that has a law in both, it is the first's."""
    figures = {**second.laws.figures, **first.laws.figures}
    verified = first.laws.verified
    laws = changed(
        first.laws,
        figures=figures,
        reasons={f: reason for f, reason in first.laws.reasons.items() if f not in figures},
        verified={n: max(v, second.laws.verified.get(n, 0)) for n, v in verified.items()},
    )
    return Part(laws, {**first.measured, **second.measured})


def _chosen(laws: Laws, names: Collection[str]) -> Laws:
    """The same laws of some figures only."""
    return changed(
        laws,
        figures={name: law for name, law in laws.figures.items() if name in names},
        reasons={name: reason for name, reason in laws.reasons.items() if name in names},
    )


class _Points:
    """Measures a workload at sizes and depths in one worker, and searches laws there.

    Attributes:
        depth: that the workload was named with; None for one that takes none.
        differ: of each figure that is not the same from pass to pass, a sentence about it.
    """

    def __init__(self, workload: Workload, variant: Variant, seed: int, limit: float) -> None:
        self.depth = workloads.depth_of(workload)
        self.differ: dict[str, str] = {}
        self._workload, self._variant = workload, variant
        self._seed, self._limit = seed, limit
        self._worker: Process | None = None
        execution = variant.all_settings.get(EXECUTION.name, EXECUTION.default)
        self._compiles = execution != EXECUTION.default
        # Squares of whole numbers, also where the workload takes no small size.
        scale = ceil(sqrt(max(1, workload.least / SIZES[0]))) ** 2
        self._sizes = tuple(size * scale for size in SIZES)
        chosen = watched(variant.engine, workload)
        self._watched = {"modules": [*chosen.modules], "files": [*chosen.files]}

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def depths(self) -> Iterator[tuple[int, ...]]:
        """Choices of depths that laws are found from.

        A setting that is a number may divide the depth, as the segments of a checkpoint do. A
        program that is compiled is another one at each depth, which takes seconds to compile.
        """
        if self.depth is None or self._compiles:
            return
        for _, number in self._variant.of_engine:
            if type(number) is int and 1 < number <= LONGEST_STEP and self.depth % number == 0:
                yield tuple(depth * number for depth in DEPTHS)
        yield DEPTHS

    def search(self, depths: tuple[int, ...]) -> Part:
        """Search laws in the size and, where depths are given, in the depth.

        Raises:
            UnmeasurableError: a point that laws are found from cannot be measured.
            WorkerError: the engine is known not to support the workload.
        """
        from gradmeter.bench.laws import search

        parameters = [search.Parameter(SIZE, self._sizes, self._workload.least)]
        if depths:
            parameters.append(search.Parameter(DEPTH, depths))
        most = min(MOST_BYTES, psutil.virtual_memory().available // 2)
        seconds = COMPILED_SECONDS if self._compiles else SECONDS
        findings = search.find(parameters, self.measure, search.Limits(seconds, most))
        measured = dict(findings.measured)
        laws = {figure: law for figure, law in findings.laws.items() if law is not None}
        reasons = dict(findings.reasons)
        held_out = [*findings.held_out]
        if depths:
            for figure, law in laws.copy().items():
                point = self._named(law)
                problem = self._problem(figure, law, point, measured)
                if problem:
                    del laws[figure]
                    reasons[figure] = problem
                else:
                    held_out.append(point)
        figures = {
            name: law for name, law in laws.items() if name not in self.differ
        }  # a later point may differ
        return Part(
            self.laws(
                in_depth=bool(depths),
                figures={name: formula_of(name, law) for name, law in figures.items()},
                reasons={**reasons, **self.differ},
                verified={
                    name: max(point[i] for point in held_out)
                    for i, name in enumerate(findings.names)
                    if held_out
                },
            ),
            measured,
        )

    def _named(self, law: Law) -> Point:
        """The smallest of the sizes that a law speaks of, at the depth that was named."""
        assert self.depth is not None
        step = law.multiple.get(SIZE, 1)
        size = max(self._sizes[0], law.since.get(SIZE, 1))
        return (-(-size // step) * step, self.depth)

    def _problem(self, figure: str, law: Law, point: Point, measured: dict[Point, Measured]) -> str:
        """Why a law does not hold at the depth that was named; empty where it does."""
        size, depth = point
        parameters = {SIZE: size, DEPTH: depth}
        if not law.holds_at(parameters):
            return f"its law says nothing at n = {depth:,}"
        try:
            if point not in measured:
                measured[point] = self.measure(point, places=False)
        except UnmeasurableError as error:
            return str(error)
        if measured[point].figures.get(figure) != law.expression.value(parameters):
            return f"what holds for others fails at {_text(point)}"
        return ""

    def laws(self, *, in_depth: bool, **fields: Any) -> Laws:
        """Laws of the workload, in its depth or at the depth that it was named with."""
        name = self._workload.name
        if in_depth:
            name = f"{name.removesuffix(str(self.depth))}{DEPTH}"
        return Laws(
            program=name,
            variant=str(self._variant),
            parameters=[SIZE, DEPTH] if in_depth else [SIZE],
            itemsize=checking.item_bytes(self._workload),
            **fields,
        )

    def measure(self, point: Point, places: bool) -> Measured:
        """Measure at a size and, where the point has one, a depth.

        Raises:
            UnmeasurableError: the worker failed there.
            WorkerError: the engine is known not to support the workload.
        """
        size, *depths = point
        name = self._workload.source or self._workload.name
        if depths:
            name = workloads.name_at_depth(self._workload, depths[0])
        request: dict[str, Any] = {"workload": name, "size": size, "seed": self._seed}
        if places:
            request |= self._watched
        try:
            with readings():
                answer = self._ready().ask("law_point", **request)
                reading = Measured(
                    figures={figure: int(value) for figure, value in answer["figures"].items()},
                    places=answer["places"],
                    seconds=float(answer["seconds"]),
                )
                for figure, (one, other) in answer["differ"].items():
                    self.differ.setdefault(
                        figure,
                        f"differs from pass to pass: {one:,} B and {other:,} B at {_text(point)}",
                    )
        except WorkerError as error:
            if error.kind in ENDED:
                self.close()
            if error.kind == "cannot":
                raise
            raise UnmeasurableError(f"at {_text(point)}: {error}") from None
        return reading

    def _ready(self) -> Process:
        """The worker, started where there is none."""
        if self._worker is None:
            spec = spec_of(
                self._workload, self._sizes[0], self._variant, collector="off", seed=self._seed
            )
            self._worker = Process(spec, self._limit)
            self._worker.ready()
        return self._worker


def _text(point: Point) -> str:
    return values_text(dict(zip((SIZE, DEPTH), point, strict=False)))
