"""A run: environment, options, cases with their readings, and comparisons.

Every figure is a raw reading, in bytes or seconds; everything else is derived when it is
read. ``bench/run.schema.json`` is the JSON Schema of this module.
"""

from __future__ import annotations

import statistics as averages
from functools import cached_property
from typing import Final, Literal

from msgspec import field

from gradmeter.bench import statistics
from gradmeter.bench.numbers import title_text
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.lines import Lines, LineTimeline
from gradmeter.bench.results.readings import (
    LONGEST_MEASURED,
    MOST,
    Allocations,
    Allocator,
    Count,
    Cycles,
    Failure,
    Heap,
    Instructions,
    Layer,
    Predicted,
    Residency,
    Resident,
    SelfTest,
    Timeline,
    TimeSet,
    Value,
)
from gradmeter.bench.results.shard import Shard

FORMAT: Final = "gradmeter run"
VERSION: Final = 3
LONGEST: Final = 86_400  # seconds
MOST_ROUNDS: Final = 1_000_000
MOST_SETS: Final = 2000  # an interval is made of the averages of every two
EFFECT: Final = 0.02
CONFIDENCE: Final = 0.99
CANNOT: Final = "cannot"  # the kind of failure where the engine is known not to support the case
UNSEEN: Final = 1_000_000  # bytes; resident memory of calls without any rises by up to 0.2 MB
ORDINARY: Final = 0  # the size of a test's call, which has none


class Case(Value, frozen=True, kw_only=True):
    """A workload x size x variant, or a call x variant, with every reading of it.

    ``again`` are times of the same case in further workers of the same sets: their difference
    from ``times`` is the machine's noise. ``first_run`` are the seconds of the first run in a
    process where nothing is compiled yet. ``array_data`` says whether the engine's arrays are
    NumPy's, whose bytes can be read exactly. Of a test's call, ``kept`` are the bytes alive after
    each of a few calls in a row, where a call leaves any, and ``resident`` the resident memory of
    one, ``layers`` what was read of it in other layers of memory, by `layers.LAYERS`. ``lines``
    are those that matter most, see lines/kept.py, and ``line_timeline`` is the timeline of an
    engine that does not report its operations. ``uncounted`` is why instructions were not
    counted, where they were asked for. Of a parametrised test, ``parameters`` are those that are
    whole numbers and ``template`` is its name with their places, see results/parametrised.py.
    ``machine`` names that of the run's machines which measured it, where the run has several.
    """

    workload: str
    size: Count
    variant: str
    collector: str
    array_bytes: Count
    array_data: bool = True
    allocator: Allocator = "system"
    predicted: Predicted | None = None
    checked: str = ""
    first_run: float | None = None
    allocations: list[Allocations] = field(default_factory=list)
    cycles: Cycles | None = None
    timeline: Timeline | None = None
    lines: Lines | None = None
    line_timeline: LineTimeline | None = None
    collected_peak: Count | None = None
    heap: list[Heap] = field(default_factory=list)
    residency: Residency | None = None
    instructions: Instructions | None = None
    uncounted: str = ""
    times: list[TimeSet] = field(default_factory=list)
    again: list[TimeSet] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    resident: Resident | None = None
    layers: dict[Literal["python", "heap"], Layer] = field(default_factory=dict)
    template: str = ""
    parameters: dict[str, int] = field(default_factory=dict)
    machine: str = ""
    failure: Failure | None = None
    finished: bool = False

    def __post_init__(self) -> None:
        """Refuse arrays of no bytes, a first run that is no duration, and too many sets."""
        if self.array_bytes < 1:
            raise ValueError("array_bytes is positive")
        if self.first_run is not None and not 0 <= self.first_run <= LONGEST_MEASURED:
            raise ValueError("seconds are finite and not negative")
        if max(len(self.times), len(self.again)) > 2 * MOST_SETS:
            raise ValueError(f"a case has {2 * MOST_SETS:,} sets at most")

    @property
    def key(self) -> tuple[str, int, str]:
        """The workload, size and variant, which are unique in a run."""
        return (self.workload, self.size, self.variant)

    @property
    def title(self) -> str:
        """The name of the case in reports."""
        return title_text(*self.key)

    @property
    def ordinary(self) -> bool:
        """Whether this is a test's call, which has no size, no phases and no array size."""
        return self.size == ORDINARY

    @property
    def traced(self) -> bool:
        """Whether there is a timeline, by operations or by lines."""
        return self.timeline is not None or self.line_timeline is not None

    @property
    def memory(self) -> Allocations | None:
        """The exact bytes of the last pass; None where there are none."""
        return self.allocations[-1] if self.allocations else None

    @property
    def figures(self) -> dict[str, int] | None:
        """The exact bytes by name, the most telling first; None if any of them is missing."""
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
        """Whether there are several passes and all agree to the byte."""
        return len(self.allocations) > 1 and len({a.alive for a in self.allocations}) == 1

    @property
    def unseen(self) -> Resident | None:
        """Resident memory that array data does not account for; None where that is but noise.

        It is the least that there was: the peaks can be at different times, and an array that
        nothing was written into is not resident. A figure within the noise is 0.
        """
        if self.memory is None or self.resident is None:
            return None
        peak = self.resident.peak - self.memory.peak
        held = self.resident.held - self.memory.held
        noise = max(UNSEEN, self.memory.peak // 100)
        if max(peak, held) < noise:
            return None
        return Resident(peak=max(peak, held), held=held if held >= noise else 0)

    @property
    def alive(self) -> tuple[int, int] | None:
        """Peak and held, whose bytes source lines account for; None where it has no figures."""
        figures = self.figures if self.failure is None else None
        return None if figures is None else (figures["peak"], figures["held"])

    @property
    def heap_figures(self) -> dict[str, int] | None:
        """The bytes of the heap by name, of the last pass; None where there are none."""
        if not self.heap:
            return None
        return {"heap peak": self.heap[-1].peak, "heap held": self.heap[-1].held}

    @property
    def failed(self) -> bool:
        """Whether the case failed although its engine supports it."""
        return self.failure is not None and self.failure.kind != CANNOT

    @property
    def medians(self) -> list[float]:
        """The median total seconds of each set."""
        return [averages.median(times.total) for times in self.times if times.total]

    @property
    def median(self) -> float | None:
        """The median of the sets' medians; None where nothing was timed."""
        return averages.median(self.medians) if any(self.medians) else None

    @property
    def seconds(self) -> list[float]:
        """The total seconds of every round of every set."""
        return [total for times in self.times for total in times.total]


class Comparison(Value, frozen=True, kw_only=True):
    """A baseline and its candidates, on one workload and size; variants by name.

    ``same_code`` says that a test's call runs the same code in all of them.
    """

    workload: str
    size: Count
    baseline: str
    candidates: list[str]
    same_code: bool = False


class Options(Value, frozen=True, kw_only=True):
    """The options of a run.

    Every case is timed in ``sets`` sets, for ``budget`` seconds in all. An undecided
    comparison gets more sets, up to ``most_sets``, until ``seconds`` are spent on it, or four
    times as many where its estimate lies beyond the smallest effect.
    ``effect`` is the smallest that matters and ``confidence`` that of the intervals, both
    as fractions. ``allocator`` is the policy under which cases are timed; see
    runs/allocators.py. Runs from before there was one were timed under "system".
    ``instructions`` says whether these are counted, ``functions`` whether by function, too.
    ``exact`` says that resident memory, which differs from run to run, is left out, and ``lines``
    that lines are measured also where every engine reports its operations; ``differing_lines``,
    that they are of cases whose peak or held bytes differ from those of their baseline.
    """

    collector: str
    seed: Count
    sets: Count
    budget: float
    min_rounds: Count
    limit: float
    most_sets: Count = 0
    seconds: float = 0.0
    effect: float = EFFECT
    confidence: float = CONFIDENCE
    allocator: Allocator = "system"
    instructions: bool = False
    functions: bool = False
    exact: bool = False
    lines: bool = False
    differing_lines: bool = False

    def __post_init__(self) -> None:
        """Refuse durations, numbers of sets and fractions outside their ranges."""
        if max(self.sets, self.most_sets) > MOST_SETS or min(self.sets, self.most_sets) < 0:
            raise ValueError(f"the sets of a case are 0 to {MOST_SETS:,}")
        if not 1 <= self.min_rounds <= MOST_ROUNDS:
            raise ValueError(f"the fewest rounds of a case are 1 to {MOST_ROUNDS:,}")
        if not 0 <= self.seed <= MOST:
            raise ValueError(f"a seed is 0 to {MOST}")
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
        """The numbers of sets after which undecided comparisons are evaluated."""
        return statistics.looks(self.sets, self.most_sets)

    @property
    def alpha(self) -> float:
        """The probability of an error that is allowed to each look."""
        return (1 - self.confidence) / len(self.looks)


class Ground(Value, frozen=True, kw_only=True):
    """The versions that a variant ran on: its engine's ("" where it has none), and its Python's."""

    engine: str
    python: str
    numpy: str
    threads: Count


class Origin(Value, frozen=True, kw_only=True):
    """Where a workload comes from that is none of gradmeter's own.

    ``where`` is its file, relative to the working folder of the run where it lies in that, and
    its name there; or the entry point. ``digest`` is the SHA-256 of that file, "" for an
    entry point.
    """

    meaning: str
    where: str
    digest: str


class Run(Value, frozen=True, kw_only=True, dict=True):
    """One execution of the harness.

    ``revisions`` gives the meaning of each label in a variant's name (engine@label),
    ``grounds`` the versions that each variant ran on, ``workloads`` where each workload comes
    from that is none of ours. ``notes`` are sentences on what is left out. ``spent`` are the
    seconds that each group took, by its title or its tests' name. ``shard`` is the share of a plan
    that was measured, None where that is all of it. ``machines`` are those that measured a run,
    by name, where several did; ``environment`` is then what they have in common and the first's.
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
    workloads: dict[str, Origin] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    shard: Shard | None = None
    machines: dict[str, Environment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse two cases of one key, and one of a machine that is not the run's."""
        if len({case.key for case in self.cases}) < len(self.cases):
            raise ValueError("two cases have the same workload, size and variant")
        if not {case.machine for case in self.cases} <= {"", *self.machines}:
            raise ValueError("a case names a machine that the run does not have")
        if not all(0 <= seconds <= LONGEST_MEASURED for seconds in self.spent.values()):
            raise ValueError("seconds are finite and not negative")

    @cached_property
    def _by_key(self) -> dict[tuple[str, int, str], Case]:
        return {case.key: case for case in self.cases}

    def case(self, workload: str, size: int, variant: str) -> Case | None:
        """The case of this key; None if the run has none."""
        return self._by_key.get((workload, size, variant))
