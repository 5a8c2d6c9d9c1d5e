"""Explain a timeline: its peak, the arrays alive at the peak, and how to lower it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.results.readings import ArrayLife, Operation, Timeline

WORTH = 0.01  # the fraction of the peak below which an array gets no sentence
NAMES = 3  # the most arrays or operations that a sentence names

Place = tuple[Operation | None, Operation | None]
GRADIENT, INPUT, OUTPUT, SAVED = "gradient", "input", "output", "saved for backward"
TEMPORARY, OTHER = "temporary", "other"
RETAINED, IDLE = "retained", "idle"


@dataclass(frozen=True)
class Alive:
    """A part of the bytes alive in an interval: its name, category and size.

    Attributes:
        life: the array; None for temporaries inside an operation, and for "other": bytes
            of no array that an operation used.
    """

    name: str
    category: str
    bytes: int
    life: ArrayLife | None = None


def title(operation: Operation) -> str:
    """An operation's name in reports: "square#2 backward"."""
    if _is_store(operation):
        return "the end of the backward"
    return f"{numbered(operation)} {operation.phase}"


def numbered(operation: Operation) -> str:
    """An operation's name without its phase: "square#2"; "end" for that of a sweep."""
    if _is_store(operation):
        return "end"
    return f"{operation.name}#{operation.number}" if operation.number else operation.name


def _is_store(operation: Operation) -> bool:
    """Whether this is the end of a sweep, which stores its gradients."""
    return operation.name == "store" and operation.number == 0


def places(timeline: Timeline) -> list[Place]:
    """For each interval: the innermost operation around it, and the last that ended before it."""
    starts = {o.begin: o for o in timeline.operations}
    running: list[Operation] = []
    last: Operation | None = None
    intervals: list[Place] = []
    for interval in range(len(timeline.peaks)):
        if interval - 1 in starts:
            running.append(starts[interval - 1])
        intervals.append((running[-1] if running else None, last))
        ended = [o for o in running if o.end <= interval]
        if ended:
            last = ended[0]
            running = [o for o in running if o.end > interval]
    return intervals


def inside(timeline: Timeline, interval: int) -> Operation | None:
    """The innermost operation around an interval; None for none."""
    return places(timeline)[interval][0]


def when(timeline: Timeline, interval: int) -> str:
    """Where an interval lies, in words: "in square#2 backward", "after add#3 forward"."""
    if not timeline.operations:
        return "in no operation"
    return in_words(places(timeline)[interval])


def in_words(place: Place) -> str:
    """Describe a place: "in square#2 backward", "after add#3 forward"."""
    operation, last = place
    if operation is not None:
        return f"{'at' if _is_store(operation) else 'in'} {title(operation)}"
    return "before the first operation" if last is None else f"after {title(last)}"


def peak(timeline: Timeline) -> tuple[int, int]:
    """The most bytes alive at once, and the first interval with that many."""
    most = max(timeline.peaks)
    return most, timeline.peaks.index(most)


def unexplained(timeline: Timeline) -> list[int]:
    """The bytes at each tick, and at the end, that belong to no array of the timeline."""
    changes = [0] * (len(timeline.levels) + 1)
    for life in timeline.arrays:
        if life.born >= 0:
            changes[life.born] += life.bytes
            if life.died is not None:
                changes[life.died] -= life.bytes
    differences, explained = [], 0
    for level, change in zip(timeline.levels, changes, strict=False):
        explained += change
        differences.append(level - explained)
    return differences


def alive_at(timeline: Timeline, interval: int) -> list[Alive]:
    """The parts of an interval's peak, the largest first, arrays born in the interval included.

    An array that is born in the interval counts as far as the peak has room for it; the rest
    of an operation's bytes are its temporaries.
    """
    rest = timeline.peaks[interval]
    alive: list[ArrayLife] = []
    newborn: list[ArrayLife] = []
    for life in timeline.arrays:
        if 0 <= life.born <= interval and _outlives_peak(life, interval):
            (newborn if life.born == interval else alive).append(life)
    rest -= sum(life.bytes for life in alive)
    for life in sorted(newborn, key=lambda life: -life.bytes):
        if life.bytes <= rest:
            alive.append(life)
            rest -= life.bytes
    parts = [Alive(life.name, category(life, interval), life.bytes, life) for life in alive]
    other = unexplained(timeline)
    standing = max(0, min(other[interval], other[interval - 1] if interval else 0, rest))
    operation = inside(timeline, interval)
    if operation is not None:
        parts.append(Alive(f"inside {title(operation)}", TEMPORARY, rest - standing))
    else:
        standing = rest
    parts.append(Alive("not made by an operation", OTHER, standing))
    return sorted((part for part in parts if part.bytes > 0), key=lambda part: -part.bytes)


def _outlives_peak(life: ArrayLife, interval: int) -> bool:
    return life.died is None or life.died > interval or (life.died == interval and not life.early)


def category(life: ArrayLife, interval: int) -> str:
    """The category of an array in an interval of its life.

    It says what made the array and whether a graph holds it, and never how long it lives: so the
    same array has the same category in all variants, and only its life differs.
    """
    if life.kind in (INPUT, GRADIENT):
        return life.kind
    if _is_saved(life, interval):
        return SAVED
    return OUTPUT if life.kind == OUTPUT else TEMPORARY


def _is_saved(life: ArrayLife, interval: int) -> bool:
    return (
        life.saved is not None
        and life.saved < interval
        and (life.released is None or interval <= life.released)
    )


def holders(timeline: Timeline, figure: str) -> str:
    """Describe the arrays that hold an exact figure's bytes; "" where the timeline has none.

    Args:
        figure: "peak", "held" or "cycle".
    """
    if figure == "cycle":
        return f"cycle: {chain(timeline.loop)}" if timeline.loop else ""
    if figure == "peak":
        _, interval = peak(timeline)
        where = f"the peak is {when(timeline, interval)}"
    elif figure == "held":
        interval, where = len(timeline.peaks) - 1, "at the end"
    else:
        return ""
    parts = alive_at(timeline, interval)
    takers = ", ".join(taken_in(timeline, interval))
    shown = [
        f"{bytes_text(part.bytes)} that belong to no variable, taken in {takers}"
        if part.category == OTHER and takers
        else f"{part.name} ({part.category}, {bytes_text(part.bytes)})"
        for part in parts[:NAMES]
    ]
    more = f" and {len(parts) - NAMES} more" if len(parts) > NAMES else ""
    return f"{where}; alive there: {'; '.join(shown)}{more}" if shown else ""


def taken_in(timeline: Timeline, interval: int) -> list[str]:
    """The first operations before an interval that allocated bytes of no known array."""
    other = unexplained(timeline)
    takers = [o for o in timeline.operations if o.end <= interval and other[o.end] > other[o.begin]]
    more = [f"{len(takers) - NAMES} more"] if len(takers) > NAMES else []
    return [title(o) for o in takers[:NAMES]] + more


def born_before(timeline: Timeline) -> list[ArrayLife]:
    """The arrays that operations used and that the trace does not count, the largest first."""
    uncounted = [life for life in timeline.arrays if life.born < 0]
    return sorted(uncounted, key=lambda life: -life.bytes)


def advice(timeline: Timeline) -> list[str]:
    """Sentences on the parts of the peak that could be avoided, the largest first."""
    most, interval = peak(timeline)
    operation = inside(timeline, interval)
    now = operation.begin if operation is not None else interval
    parts = alive_at(timeline, interval)
    groups: dict[str, list[ArrayLife]] = {}
    for part in parts:
        if part.life is not None:
            groups.setdefault(_reason(part.life, interval, now), []).append(part.life)
    groups[IDLE] = [life for life in groups.get(IDLE, []) if life.bytes > WORTH * most]
    ends = (
        "until backward reaches them"
        if any(o.phase == "backward" for o in timeline.operations)
        else "and no backward follows; under no_grad() they would not be kept"
    )
    sentences = {
        GRADIENT: "retain_grad keeps {count} gradient{s}, {bytes}",
        RETAINED: "retain_graph keeps {count} saved array{s}, {bytes}, that backward is done with",
        SAVED: "the graph holds {count} saved array{s}, {bytes}, " + ends,
        IDLE: "no operation uses {names} any more: {count} array{s}, {bytes}",
    }
    entries = [
        (_total(lives), sentences[reason].format_map(_figures_of(lives)))
        for reason, lives in groups.items()
        if reason in sentences
    ]
    entries += [
        (part.bytes, f"temporaries {part.name} take {bytes_text(part.bytes)}")
        for part in parts
        if part.category == TEMPORARY and part.life is None
    ]
    entries += [
        (part.bytes, f"the program itself, outside of operations, holds {bytes_text(part.bytes)}")
        for part in parts
        if part.category == OTHER
    ]
    entries = [(size, sentence) for size, sentence in entries if size > WORTH * most]
    entries.sort(key=lambda entry: -entry[0])
    return [sentence for _, sentence in entries] + _cycle(timeline)


def _reason(life: ArrayLife, interval: int, now: int) -> str:
    """The reason why an array is alive though not needed; "" where it is needed."""
    saved = _is_saved(life, interval)
    if life.kind != INPUT:  # the program itself holds its inputs
        if life.retained is not None and life.retained < interval:
            return GRADIENT if life.kind == GRADIENT else RETAINED
        if saved and life.kind != GRADIENT:
            return SAVED
    return IDLE if life.used < now and not saved else ""


def _cycle(timeline: Timeline) -> list[str]:
    kept = timeline.dropped - timeline.leaked
    if kept <= 0 or not timeline.loop:
        return []
    return [
        f"cycle: {chain(timeline.loop)}; in such cycles {bytes_text(kept)} wait for the "
        "collector when every name is dropped"
    ]


def chain(loop: Iterable[str]) -> str:
    """Write a loop as "Variable .creator -> Square .output -> Variable"."""
    words = list(loop)
    links = [f"{kind} {step} -> " for kind, step in zip(words[::2], words[1::2], strict=False)]
    return "".join(links) + (words[-1] if words else "")


def _total(lives: list[ArrayLife]) -> int:
    return sum(life.bytes for life in lives)


def _figures_of(lives: list[ArrayLife]) -> dict[str, str]:
    names = [life.name for life in lives[:NAMES]]
    more = [f"{len(lives) - NAMES} more"] if len(lives) > NAMES else []
    return {
        "count": str(len(lives)),
        "s": "s" * (len(lives) != 1),
        "bytes": bytes_text(_total(lives)),
        "names": ", ".join(names + more),
    }


def death(timeline: Timeline, life: ArrayLife) -> str:
    """Where an array dies, in words."""
    return "alive at the end" if life.died is None else f"dies {when(timeline, life.died)}"


def birth(timeline: Timeline, life: ArrayLife) -> str:
    """Where an array is born, in words."""
    if life.born <= 0:
        return "before the trace" if life.born else "at the start"
    return when(timeline, life.born)
