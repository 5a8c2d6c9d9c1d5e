"""A recording: the exact figures of one run, the commit they are of, and what measured them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from msgspec import field as value_field

from gradmeter.bench.errors import GradmeterError
from gradmeter.bench.results import baseline, layers
from gradmeter.bench.results.baseline import EXACT, Figures
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.lines import FewLines
from gradmeter.bench.results.readings import Count, Value
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import instructions
from gradmeter.bench.verdicts.regressions import reason_not_exact

Key = tuple[str, int, str]
INSTRUCTIONS: Final = "instructions"
NOT_THERE: Final = "it is not there at this commit"
_LONGEST_REASON = 200
_AT = " at "  # before the commit of a checkout of gradmeter


class NotRecordedError(GradmeterError):
    """A run cannot be recorded; the message says why, and what to do."""


class Versions(Value, frozen=True, kw_only=True):
    """What measured: gradmeter, Python, NumPy and the platform."""

    gradmeter: str
    python: str
    numpy: str
    platform: str

    @property
    def text(self) -> str:
        """All of it in one line."""
        return f"{self.python}, NumPy {self.numpy}, {self.platform}, gradmeter {self.gradmeter}"

    def is_like(self, other: Versions) -> bool:
        """Whether figures by another are not measured again: all but gradmeter's commit agree."""
        one, two = (each.gradmeter.partition(_AT)[0] for each in (self, other))
        return one == two and msgspec.structs.replace(other, gradmeter=self.gradmeter) == self


class Head(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What a recording is of: the commit, and when and by what it was measured.

    ``dirty`` says that tracked files differed from the commit. ``problem`` is why nothing could
    be measured at the commit; empty where something was.
    """

    commit: str
    measured: str
    versions: Versions
    dirty: bool = False
    problem: str = ""


class CaseFigures(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The exact figures of a case, without anything that another commit changes by itself.

    ``figures`` are by name: the exact bytes of results/baseline.py, those of results/layers.py,
    and ``instructions``, of which ``allowed`` is what identical code may differ by. ``grounds``
    are the digests of what the figures of a layer depend on besides the code, by the layer or
    ``instructions``; array data depends on nothing else. The places of ``lines`` have no line
    numbers, which every commit moves.
    """

    workload: str
    size: Count
    variant: str = ""
    array_bytes: Count = 1
    figures: dict[str, Count]
    allowed: Count = 0
    grounds: dict[str, str] = value_field(default_factory=dict)
    lines: FewLines | None = None

    @property
    def key(self) -> Key:
        """The workload, size and variant."""
        return (self.workload, self.size, self.variant)


@dataclass(frozen=True, slots=True)
class CaseAt:
    """The figures of a case at a commit.

    Attributes:
        figures: which other commits may have, too: then it is the same object when read.
        numbers: the line number of each place of its lines at this commit, with spaces between.
    """

    figures: CaseFigures
    numbers: str = ""

    @property
    def lines(self) -> FewLines | None:
        """The few lines at the peak, with the numbers that they have at this commit."""
        few = self.figures.lines
        if few is None:
            return None
        places = [
            (file, int(number), function, text)
            for (file, _, function, text), number in zip(
                few.places, self.numbers.split(), strict=True
            )
        ]
        return msgspec.structs.replace(few, places=places)


@dataclass(frozen=True)
class Recording:
    """The exact figures of one run.

    Attributes:
        missing: why a case has no exact figures, of cases that have none.
        grounds: what figures depend on besides the code, by the digests that cases name.
    """

    head: Head
    cases: Mapping[Key, CaseAt] = field(default_factory=dict)
    missing: Mapping[Key, str] = field(default_factory=dict)
    grounds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def has(self, key: Key, layers: Iterable[str]) -> bool:
        """Whether a case was measured in some layers, or these could not be measured."""
        case = self.cases.get(key)
        return case is not None and all(
            layer in case.figures.grounds or f"{layer}: " in self.missing.get(key, "")
            for layer in layers
        )

    def is_like(self, other: Recording) -> bool:
        """Whether another recording is of the same commit and state, by the same versions."""
        one, two = self.head, other.head
        return (one.commit, one.versions, one.dirty) == (two.commit, two.versions, two.dirty)

    def says_the_same(self, other: Recording) -> bool:
        """Whether another recording holds the same, whenever it was measured."""
        return (
            self.is_like(other)
            and self.head.problem == other.head.problem
            and self.cases == other.cases
            and self.missing == other.missing
        )


def digest(text: str) -> str:
    """The name of a text in the store: 56 bits, one collision in a million at 380,000 texts."""
    return hashlib.blake2b(text.encode(), digest_size=7).hexdigest()


def encoded(value: object) -> str:
    """A value as JSON on one line, the same whenever it is the same."""
    return msgspec.json.encode(value, order="deterministic").decode()


def of_run(run: Run, *, dirty: bool = False) -> Recording:
    """The recording of a run, under the commit of the repository that it was started in.

    Args:
        dirty: whether a run of changed files may be recorded, which is marked as such.

    Raises:
        NotRecordedError: the run is of no commit or of several, is not finished, or has no exact
            figures.
    """
    environment = run.environment
    commit = environment.repository_commit
    if commit is None:
        raise NotRecordedError(
            "the run does not say which commit it is of, since it was started outside of a git "
            "repository; measure it in one"
        )
    if run.revisions:
        raise NotRecordedError(
            f"the run compares revisions ({', '.join(run.revisions)}); record a run of one "
            "commit, such as of gradmeter run or of pytest"
        )
    if not run.finished:
        raise NotRecordedError(
            "the run was not finished; measure it again, or continue it with run --resume"
        )
    if environment.repository_dirty and not dirty:
        raise NotRecordedError(
            f"the run is of files that differ from commit {commit[:12]}, so its figures are of no "
            "commit; commit the changes and measure again, or record it as changed with --dirty"
        )
    made = of_figures(run, commit, dirty=bool(environment.repository_dirty))
    if not made.cases:
        raise NotRecordedError("the run has no exact figures to record")
    return made


def at_commit(run: Run, commit: str, wanted: Iterable[Key]) -> Recording:
    """The recording of a run of files that were checked out at a commit.

    Args:
        wanted: the cases that were to be measured; what is missing of them, or of their layers,
            is recorded with why.
    """
    made = of_figures(run, commit)
    missing = dict(made.missing)
    for key in wanted:
        case = run.case(*key)
        if key in made.cases and case is not None:
            lacking = {n: layer.missing for n, layer in case.layers.items() if layer.missing}
            if lacking:
                missing[key] = "; ".join(_short(f"{n}: {why}") for n, why in lacking.items())
        elif key not in missing:
            failure = case.failure if case is not None else None
            why = f"{failure.stage}: {failure.message}" if failure else NOT_THERE
            missing[key] = _short(why)
    return replace(made, missing=missing)


def unmeasurable(
    commit: str, problem: str, environment: Environment, wanted: Iterable[Key] | None = None
) -> Recording:
    """The recording of a commit at which nothing could be measured.

    Args:
        problem: why.
        environment: of the process that tried.
        wanted: the cases that this is said of; None for any.
    """
    why = _short(problem)
    head = Head(
        commit=commit,
        measured=environment.started,
        versions=versions(environment, commit),
        problem=why if wanted is None else "",
    )
    return Recording(head, missing=dict.fromkeys(wanted or (), why))


def of_figures(run: Run, commit: str, *, dirty: bool = False) -> Recording:
    """The recording of what a run has, under a commit."""
    grounds: dict[str, Mapping[str, str]] = {}
    cases = {}
    for each in baseline.figures(run):
        case = run.case(*each.key)
        assert case is not None
        cases[each.key] = _case_at(each, case, grounds)
    return Recording(
        Head(
            commit=commit,
            measured=run.environment.started,
            dirty=dirty,
            versions=versions(run.environment, commit),
        ),
        cases,
        {case.key: _short(why) for case in run.cases if (why := reason_not_exact(case))},
        grounds,
    )


def versions(environment: Environment, commit: str) -> Versions:
    """What measures at a commit; of gradmeter its own commit, too, unless it is that one."""
    meter = environment.gradmeter
    if environment.commit is not None and environment.commit != commit:
        meter += f"{_AT}{environment.commit[:12]}{' with changes' * bool(environment.dirty)}"
    return Versions(
        gradmeter=meter,
        python=f"{environment.implementation} {environment.python}",
        numpy=environment.versions.get("numpy", "not installed"),
        platform=environment.system,
    )


def _case_at(exact: Figures, case: Case, grounds: dict[str, Mapping[str, str]]) -> CaseAt:
    """The figures of a case; adds what they depend on to ``grounds``."""
    values = {name: getattr(exact, name) for name in EXACT}
    of_layers: dict[str, Mapping[str, str]] = {}
    for layer, read in exact.layers.items():
        values |= read.figures
        if layer != layers.ARRAYS:
            of_layers[layer] = read.ground
    allowed = 0
    counts = exact.instructions
    if counts is not None and counts.ground:  # else it is comparable with none
        values[INSTRUCTIONS] = instructions.median(counts.totals)
        allowed = instructions.scatter([*counts.totals, *counts.again])
        of_layers[INSTRUCTIONS] = counts.ground
    named = {layer: digest(encoded(ground)) for layer, ground in of_layers.items()}
    grounds |= {named[layer]: ground for layer, ground in of_layers.items()}
    few = exact.lines
    numbers = ""
    if few is not None:
        numbers = " ".join(str(line) for _, line, _, _ in few.places)
        places = [(file, 0, function, text) for file, _, function, text in few.places]
        few = msgspec.structs.replace(few, places=places)
    figures = CaseFigures(
        workload=exact.workload,
        size=exact.size,
        variant=exact.variant,
        array_bytes=case.array_bytes,
        figures=values,
        allowed=allowed,
        grounds=named,
        lines=few,
    )
    return CaseAt(figures, numbers)


def _short(reason: str) -> str:
    first = reason.splitlines()[0]
    return first if len(first) <= _LONGEST_REASON else f"{first[: _LONGEST_REASON - 3]}..."
