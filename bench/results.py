"""The run file: typed, versioned, raw; loaded, validated and saved whole.

Every figure in it is as a meter read it, in bytes or seconds; all else is derived when it
is read. ``bench/run.schema.json`` is the JSON Schema of this module.
"""

from __future__ import annotations

import json
import math
import statistics as averages
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from bench import files, statistics
from bench.errors import UsageError
from bench.wording import title_text

FORMAT: Final = "gradmeter run"
VERSION: Final = 3
LONGEST: Final = 86_400  # seconds
EFFECT: Final = 0.02
CONFIDENCE: Final = 0.99
CANNOT: Final = "cannot"  # the kind of failure of what an engine is known not to do
ORDINARY: Final = 0  # the size of what has none: the call of an ordinary test


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the run file: frozen, and strict about what it is read from."""


class SelfTest(Value, frozen=True, kw_only=True):
    """What a meter said of something known; see bench.meters.selftest.

    ``tolerance`` is by how much it may be off: 0 for what is exact.
    """

    name: str
    expected: int
    measured: int
    tolerance: int
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether the meter may be believed."""
        return not self.problem and abs(self.measured - self.expected) <= self.tolerance


class Environment(Value, frozen=True, kw_only=True):
    """Where a run was made."""

    started: str
    gradmeter: str
    python: str
    implementation: str
    versions: dict[str, str]
    system: str
    cpu: str
    cores: int
    memory_bytes: int
    collector_thresholds: list[int]
    blas_threads: int
    pinned: bool
    commit: str | None
    dirty: bool | None


class Predicted(Value, frozen=True, kw_only=True):
    """Bytes of array data as derived by hand; see bench.workloads.Prediction."""

    forward: int
    backward: int
    peak: int
    held: int
    dropped: int


class Allocations(Value, frozen=True, kw_only=True):
    """One pass of exact bytes; see bench.meters.allocations."""

    forward: int
    backward: int
    peak: int
    held: int


class Cycles(Value, frozen=True, kw_only=True):
    """What only the collector can free; see bench.meters.cycles."""

    dropped: int
    bytes: int
    objects: int
    types: dict[str, int]
    leaked: int


class Heap(Value, frozen=True, kw_only=True):
    """One pass of every byte that a process took; see bench.meters.heap."""

    peak: int
    held: int


class Residency(Value, frozen=True, kw_only=True):
    """A run's resident peak, and what a sampler that watched it from outside saw.

    ``sampled`` is the largest sample less ``before``, None where no sample fell into the
    run; see bench.meters.residency.
    """

    method: str
    bytes: int
    before: int
    sampled: int | None
    samples: int
    interval: float


class TimeSet(Value, frozen=True, kw_only=True):
    """The rounds of one process: seconds per run of the program, by phase.

    ``number`` tells the set, whose processes took turns round by round. ``loops`` runs
    were timed together in each round.
    """

    number: int
    core: int | None
    loops: int
    forward: list[float]
    backward: list[float]
    step: list[float]
    cpu: list[float]

    def __post_init__(self) -> None:
        """Refuse rounds that miss a phase, and seconds that are no duration."""
        phases = (self.forward, self.backward, self.step, self.cpu)
        if len({len(phase) for phase in phases}) > 1:
            raise ValueError("every phase has a figure for every round")
        if not all(math.isfinite(s) and s >= 0 for phase in phases for s in phase):
            raise ValueError("seconds are finite and not negative")

    @property
    def total(self) -> list[float]:
        """Seconds of each round, all phases."""
        phases = zip(self.forward, self.backward, self.step, strict=True)
        return [sum(seconds) for seconds in phases]


class Failure(Value, frozen=True):
    """Why a case has no figures: at which meter, what kind of failure, and what it said."""

    stage: str
    kind: str
    message: str


class Operation(Value, frozen=True, array_like=True):
    """What one operation did to memory; see bench.meters.timeline."""

    name: str
    phase: str
    number: int
    begin: int
    end: int
    before: int
    peak: int
    after: int
    raised: bool


class ArrayLife(Value, frozen=True, array_like=True):
    """One array from its first byte to its last; see bench.meters.timeline."""

    name: str
    kind: str
    bytes: int
    born: int
    died: int | None
    early: bool
    used: int
    saved: int | None
    released: int | None
    retained: int | None


class Timeline(Value, frozen=True, kw_only=True):
    """What every operation did to memory, and when every array lived; see bench.meters.timeline.

    The parts that there are many of are lists of figures, in the order of their fields.
    """

    operations: list[Operation]
    arrays: list[ArrayLife]
    levels: list[int]
    peaks: list[int]
    dropped: int
    leaked: int
    loop: list[str]

    def __post_init__(self) -> None:
        """Refuse figures that speak of ticks or intervals that there are not."""
        end = len(self.levels) - 1
        if end < 0 or len(self.peaks) != end + 1:
            raise ValueError("a timeline has a level and a peak for every tick and for its end")
        if not all(0 <= o.begin <= o.end <= end for o in self.operations):
            raise ValueError("an operation begins and ends at ticks of its timeline, in order")
        if not all(-1 <= a.born <= end and 0 <= (a.died or 0) <= end for a in self.arrays):
            raise ValueError("an array is born and dies in intervals of its timeline")


class Case(Value, frozen=True, kw_only=True):
    """A workload at a size in a variant, and every reading of it.

    ``again`` are times of the very same thing in further processes of the same sets: what
    it differs by from ``times`` is the machine's noise. ``first_run`` are the seconds of the
    first run in a process with nothing compiled yet. ``array_data`` says whether the engine's
    arrays are NumPy's, so that there can be exact bytes of them.
    """

    workload: str
    size: int
    variant: str
    collector: str
    array_bytes: int
    array_data: bool = True
    predicted: Predicted | None = None
    checked: str = ""
    first_run: float | None = None
    allocations: list[Allocations] = field(default_factory=list)
    cycles: Cycles | None = None
    timeline: Timeline | None = None
    collected_peak: int | None = None
    heap: list[Heap] = field(default_factory=list)
    residency: Residency | None = None
    times: list[TimeSet] = field(default_factory=list)
    again: list[TimeSet] = field(default_factory=list)
    failure: Failure | None = None
    finished: bool = False

    def __post_init__(self) -> None:
        """Refuse arrays of no bytes, in which nothing can be counted."""
        if self.array_bytes < 1:
            raise ValueError("array_bytes is positive")
        if self.first_run is not None and not 0 <= self.first_run < math.inf:
            raise ValueError("seconds are finite and not negative")

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells this case from the others of its run."""
        return (self.workload, self.size, self.variant)

    @property
    def title(self) -> str:
        """What a person calls the case."""
        return title_text(*self.key)

    @property
    def ordinary(self) -> bool:
        """Whether it is the call of an ordinary test: no size, no phases, no array to count in."""
        return self.size == ORDINARY

    @property
    def memory(self) -> Allocations | None:
        """The exact bytes of the last pass; None where there are none."""
        return self.allocations[-1] if self.allocations else None

    @property
    def figures(self) -> dict[str, int] | None:
        """The exact bytes by name, the most telling first; None where they are not all there."""
        memory, cycles = self.memory, self.cycles
        if memory is None or cycles is None:
            return None
        return {
            "peak": memory.peak,
            "held": memory.held,
            "cycle": cycles.bytes,
            "forward": memory.forward,
            "backward": memory.backward,
            "dropped": cycles.dropped,
        }

    @property
    def deterministic(self) -> bool:
        """Whether all passes agree to the byte."""
        return len(self.allocations) > 1 and all(a == self.allocations[0] for a in self.allocations)

    @property
    def heap_figures(self) -> dict[str, int] | None:
        """The bytes of the heap by name, of the last pass; None where there are none."""
        if not self.heap:
            return None
        return {"heap peak": self.heap[-1].peak, "heap held": self.heap[-1].held}

    @property
    def failed(self) -> bool:
        """Whether it should have been measured and was not."""
        return self.failure is not None and self.failure.kind != CANNOT

    @property
    def medians(self) -> list[float]:
        """The median total seconds of each set."""
        return [averages.median(times.total) for times in self.times if times.total]

    @property
    def median(self) -> float | None:
        """The median of those; None where nothing was timed."""
        return averages.median(self.medians) if any(self.medians) else None

    @property
    def seconds(self) -> list[float]:
        """The total seconds of every round of every set."""
        return [total for times in self.times for total in times.total]


class Comparison(Value, frozen=True, kw_only=True):
    """A baseline and its candidates, on one workload and size; variants by name."""

    workload: str
    size: int
    baseline: str
    candidates: list[str]


class Options(Value, frozen=True, kw_only=True):
    """How a run was asked to measure.

    Every case is timed in ``sets`` sets, ``budget`` seconds in all of them. An undecided
    comparison gets more sets, up to ``most_sets``, until ``seconds`` have gone for it, or four
    times as many where its estimate lies beyond the smallest effect.
    ``effect`` is the smallest that matters and ``confidence`` that of the intervals, both
    as fractions.
    """

    collector: str
    seed: int
    sets: int
    budget: float
    min_rounds: int
    limit: float
    most_sets: int = 0
    seconds: float = 0.0
    effect: float = EFFECT
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        """Refuse durations that never end or never begin, and fractions that are none."""
        if not (0 <= self.budget <= LONGEST and 0 < self.limit <= LONGEST):
            raise ValueError(
                f"a budget is 0 to {LONGEST} seconds and a limit more than 0 to {LONGEST} seconds"
            )
        if not 0 <= self.seconds <= LONGEST:
            raise ValueError(f"the seconds for a comparison are 0 to {LONGEST}")
        if not 0 < self.effect <= 10:
            raise ValueError("the smallest effect that matters is a fraction, more than 0 to 10")
        if not 0.5 <= self.confidence <= 0.9999:
            raise ValueError("confidence is a fraction, 0.5 to 0.9999")

    @property
    def looks(self) -> list[int]:
        """The numbers of sets at which comparisons are looked at."""
        return statistics.looks(self.sets, self.most_sets)

    @property
    def alpha(self) -> float:
        """The probability of an error that each look may take up."""
        return (1 - self.confidence) / len(self.looks)


class Ground(Value, frozen=True, kw_only=True):
    """What a variant ran on: its engine's version ("" where that has none), and its Python's."""

    engine: str
    python: str
    numpy: str
    threads: int


class Run(Value, frozen=True, kw_only=True):
    """One execution of the harness.

    ``revisions`` says for each label in a variant's name (engine@label) what it stands for,
    ``grounds`` for each variant what it ran on. ``notes`` are sentences on what is left out.
    """

    format: Literal["gradmeter run"] = FORMAT
    version: Literal[3] = VERSION
    environment: Environment
    options: Options
    self_tests: list[SelfTest]
    comparisons: list[Comparison]
    cases: list[Case]
    finished: bool
    revisions: dict[str, str] = field(default_factory=dict)
    grounds: dict[str, Ground] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse two cases where one is meant."""
        if len({case.key for case in self.cases}) < len(self.cases):
            raise ValueError("a case is there twice")

    def case(self, workload: str, size: int, variant: str) -> Case | None:
        """The case of this key, if the run has it."""
        key = (workload, size, variant)
        return next((case for case in self.cases if case.key == key), None)


def schema() -> dict[str, Any]:
    """The JSON Schema of the run file."""
    return msgspec.json.schema(Run)


def load(path: Path) -> Run:
    """Read a run file.

    Raises:
        UsageError: it cannot be read, is not complete, of another format or version, or
            holds what a run file does not; the message says where.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not complete JSON, so no run file can be read from it: {error}"
        ) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UsageError(f'{path} is no run file: its "format" is not "{FORMAT}"')
    if found.get("version") != VERSION:
        raise UsageError(
            f"{path} is a run file of version {found.get('version')!r}; "
            f"this gradmeter reads version {VERSION}"
        )
    try:
        return msgspec.convert(found, Run)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path} is not a valid run file: {error}") from None


def save(run: Run, path: Path) -> None:
    """Write a run file: a reader sees the old one or the new one, whole.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    found = msgspec.to_builtins(run)
    cases = [_line(case) for case in found.pop("cases")]
    # One case a line: short, and what changed shows as the lines that changed.
    text = _line(found)[:-1] + ', "cases": [\n' + ",\n".join(cases) + "\n]}"
    # What a worker said last may be no text in any encoding.
    files.write(path, text.encode(errors="replace") + b"\n")


def _line(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, allow_nan=False)


def write_schema(path: Path) -> None:
    """Write the JSON Schema, for who changes this module."""
    files.write(path, json.dumps(schema(), indent=1, sort_keys=True).encode() + b"\n")
