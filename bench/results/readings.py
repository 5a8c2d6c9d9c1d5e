"""The readings of the meters, as the run file holds them: raw integers and seconds."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

MOST: Final = 2**63 - 1  # what other readers of JSON take as an integer
LONGEST_MEASURED: Final = 1e12  # seconds
Count = Annotated[int, Meta(ge=0, le=MOST)]
Allocator = Literal["kept", "returned", "system"]
Number = Annotated[int, Meta(ge=-MOST, le=MOST)]


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the run file: frozen, and without unknown fields."""


class SelfTest(Value, frozen=True, kw_only=True):
    """A meter's reading of a known quantity; see gradmeter.bench.meters.selftest.

    ``tolerance`` is the largest difference that passes: 0 for what is exact.
    """

    name: str
    expected: Number
    measured: Number
    tolerance: Count
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether the meter had no problem and its reading is within the tolerance."""
        return not self.problem and abs(self.measured - self.expected) <= self.tolerance


class Predicted(Value, frozen=True, kw_only=True):
    """Predicted bytes of array data, derived by hand; see gradmeter.bench.workloads.Prediction."""

    forward: Count
    backward: Count
    peak: Count
    held: Count
    dropped: Count


class Allocations(Value, frozen=True, kw_only=True):
    """The exact bytes of array data in one pass; see gradmeter.bench.meters.allocations.

    ``number`` is how many blocks were allocated and ``allocated`` the bytes of all of them; None
    where they were not counted.
    """

    forward: Count
    backward: Count
    peak: Count
    held: Count
    number: Count | None = None
    allocated: Count | None = None

    @property
    def alive(self) -> tuple[int, int, int, int]:
        """The bytes that were alive, in which passes have to agree."""
        return self.forward, self.backward, self.peak, self.held


class LayerPass(Value, frozen=True, kw_only=True):
    """One pass of a call, of the bytes of one layer beyond what was alive before it.

    ``peak`` is the most alive at once, ``held`` what is alive with the returned value. ``number``
    is how many blocks were allocated and ``allocated`` the bytes of all of them; None where they
    were not counted.
    """

    peak: Count
    held: Count
    number: Count | None = None
    allocated: Count | None = None


class Layer(Value, frozen=True, kw_only=True):
    """What was read of a call in one layer of memory other than array data.

    ``passes`` should agree. ``growth`` are the bytes that each further call leaves after the first
    few, dropped and followed by a collection. ``ground`` names what all these depend on besides
    the code. ``missing`` is why there are no passes; empty where there are.
    """

    passes: list[LayerPass] = []
    growth: Count = 0
    ground: dict[str, str] = {}
    missing: str = ""


class Cycles(Value, frozen=True, kw_only=True):
    """Memory that only the collector can free; see gradmeter.bench.meters.cycles."""

    dropped: Count
    bytes: Count
    objects: Count
    types: dict[str, Count]
    leaked: Count


class Heap(Value, frozen=True, kw_only=True):
    """The bytes that a process allocates in one pass; see gradmeter.bench.meters.heap."""

    peak: Count
    held: Count


class Instructions(Value, frozen=True, kw_only=True):
    """Instructions and simulated cache misses of one run; see meters/instructions.py.

    Both by phase, one figure for each round; what answering takes is subtracted. ``again`` are
    the totals of each round in a second process, of another history: the difference is what
    identical code differs by. ``ground`` names what a count
    depends on besides the code. ``functions`` are the instructions of each C function alone, all
    phases of one round, and ``calls`` those of each Python function; empty where they were not
    asked for.
    """

    valgrind: str
    rounds: dict[str, list[Count]]
    misses: dict[str, list[Count]]
    again: list[Count] = []
    ground: dict[str, str] = {}
    functions: dict[str, Number] = {}
    calls: dict[str, Count] = {}

    def __post_init__(self) -> None:
        """Refuse counts that are not of the same rounds."""
        if not all(self.again):
            raise ValueError("every round of a second process executes something")
        counts = [*self.rounds.values(), *self.misses.values()]
        if not counts or len({len(each) for each in counts}) > 1 or not counts[0]:
            raise ValueError("every phase has a count for every round")
        if self.rounds.keys() != self.misses.keys():
            raise ValueError("instructions and misses are of the same phases")
        if not all(self.totals):
            raise ValueError("every round has a phase that executes something")

    @property
    def totals(self) -> list[int]:
        """The instructions of each round, all phases."""
        return [sum(counts) for counts in zip(*self.rounds.values(), strict=True)]


class Residency(Value, frozen=True, kw_only=True):
    """The resident peak of one run of the program, and what an outside sampler read of it.

    ``sampled`` is the largest sample less ``before``, None where no sample fell into the
    run. ``left`` is what is resident beyond ``before`` when all is dropped, None where it was not
    measured, and ``allocator`` the policy that decides about it; see
    gradmeter.bench.meters.residency and runs/allocators.py.
    """

    method: str
    bytes: Number
    before: Count
    sampled: Number | None
    samples: Count
    interval: float
    left: Number | None = None
    allocator: Allocator = "system"

    def __post_init__(self) -> None:
        """Refuse an interval that is no duration."""
        if not 0 <= self.interval <= LONGEST_MEASURED:
            raise ValueError("seconds are finite and not negative")


class Resident(Value, frozen=True, kw_only=True):
    """How far the resident memory of a process rose in one call, above what it was before.

    ``peak`` is the most at once, ``held`` that with the returned value; pages, not exact.
    """

    peak: int
    held: int


class TimeSet(Value, frozen=True, kw_only=True):
    """The rounds of a case in one set: seconds per run of the program, by phase.

    ``number`` is that of its set, whose workers take turns round by round. ``processes`` is how
    many there were of this case, one after the other. ``loops`` runs are timed together in
    each round.
    """

    number: Count
    core: Count | None
    loops: Count
    forward: list[float]
    backward: list[float]
    step: list[float]
    cpu: list[float]
    processes: Count = 1

    def __post_init__(self) -> None:
        """Refuse rounds that miss a phase, and seconds that are no duration."""
        phases = (self.forward, self.backward, self.step, self.cpu)
        if len({len(phase) for phase in phases}) > 1:
            raise ValueError("every phase has a figure for every round")
        if not all(0 <= s <= LONGEST_MEASURED for phase in phases for s in phase):
            raise ValueError("seconds are finite and not negative")

    @property
    def total(self) -> list[float]:
        """The seconds of each round: forward, backward and step together."""
        phases = zip(self.forward, self.backward, self.step, strict=True)
        return [sum(seconds) for seconds in phases]


class Failure(Value, frozen=True):
    """The reason that a case has no figures: the stage, the kind of failure, and its message."""

    stage: str
    kind: str
    message: str


class Operation(Value, frozen=True, array_like=True):
    """The bytes before, in and after one operation; see gradmeter.bench.meters.timeline."""

    name: str
    phase: str
    number: Count
    begin: Count
    end: Count
    before: Count
    peak: Count
    after: Count
    raised: bool


class ArrayLife(Value, frozen=True, array_like=True):
    """The lifetime of one array; see gradmeter.bench.meters.timeline."""

    name: str
    kind: str
    bytes: Count
    born: Number
    died: Count | None
    early: bool
    used: Count
    saved: Count | None
    released: Count | None
    retained: Count | None


class Timeline(Value, frozen=True, kw_only=True):
    """The bytes of every operation and the lifetime of every array; see meters/timeline.py.

    Operations and arrays are stored as lists of their fields' values, in order.
    """

    operations: list[Operation]
    arrays: list[ArrayLife]
    levels: list[Count]
    peaks: list[Count]
    dropped: Count
    leaked: Count
    loop: list[str]

    def __post_init__(self) -> None:
        """Refuse operations and arrays outside the ticks and intervals of the timeline."""
        end = len(self.levels) - 1
        if end < 0 or len(self.peaks) != end + 1:
            raise ValueError("a timeline has a level and a peak for every tick and for its end")
        if not all(0 <= o.begin <= o.end <= end for o in self.operations):
            raise ValueError("an operation begins and ends at ticks of its timeline, in order")
        if not all(-1 <= a.born <= end and 0 <= (a.died or 0) <= end for a in self.arrays):
            raise ValueError("an array is born and dies in intervals of its timeline")
