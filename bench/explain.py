"""What a timeline means: its peak, what is alive there, and what would lower it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.results import ArrayLife, Operation, Timeline
from bench.wording import bytes_text

WORTH = 0.01  # of the peak: less is not worth a sentence
NAMES = 3  # so many are listed by name

Place = tuple[Operation | None, Operation | None]
GRADIENT, INPUT, OUTPUT, SAVED = "gradient", "input", "output", "saved for backward"
TEMPORARY, OTHER = "temporary", "other"
RETAINED, IDLE = "retained", "idle"


@dataclass(frozen=True)
class Alive:
    """Bytes that are alive at some moment, and what they are.

    Attributes:
        life: the array; None for temporaries inside an operation, and for "other": bytes
            that no array explains which an operation had to do with.
    """

    name: str
    category: str
    bytes: int
    life: ArrayLife | None = None


def title(operation: Operation) -> str:
    """What a person calls an operation: "square#2 backward"."""
    if _is_store(operation):
        return "the end of the backward"
    number = f"#{operation.number}" if operation.number else ""
    return f"{operation.name}{number} {operation.phase}"


def _is_store(operation: Operation) -> bool:
    """Whether this is where a sweep hands its gradients over."""
    return operation.name == "store" and operation.number == 0


def places(timeline: Timeline) -> list[Place]:
    """For each interval: the innermost operation it lies in, and the last that ended before."""
    starts = {o.begin: o for o in timeline.operations}
    around: list[Operation] = []
    last: Operation | None = None
    found: list[Place] = []
    for interval in range(len(timeline.peaks)):
        if interval - 1 in starts:
            around.append(starts[interval - 1])
        found.append((around[-1] if around else None, last))
        ended = [o for o in around if o.end <= interval]
        if ended:
            last = ended[0]
            around = [o for o in around if o.end > interval]
    return found


def inside(timeline: Timeline, interval: int) -> Operation | None:
    """The innermost operation that an interval lies in; None for none."""
    return places(timeline)[interval][0]


def when(timeline: Timeline, interval: int) -> str:
    """Where an interval lies, in words: "in square#2 backward", "after add#3 forward"."""
    return in_words(places(timeline)[interval])


def in_words(place: Place) -> str:
    """Where an interval lies, from its place."""
    operation, last = place
    if operation is not None:
        return f"{'at' if _is_store(operation) else 'in'} {title(operation)}"
    return "before the first operation" if last is None else f"after {title(last)}"


def peak(timeline: Timeline) -> tuple[int, int]:
    """The most bytes that were alive, and the first interval in which they were."""
    most = max(timeline.peaks)
    return most, timeline.peaks.index(most)


def unexplained(timeline: Timeline) -> list[int]:
    """The bytes at each tick, and at the end, that belong to no array that was met."""
    changes = [0] * (len(timeline.levels) + 1)
    for life in timeline.arrays:
        if life.born >= 0:
            changes[life.born] += life.bytes
            if life.died is not None:
                changes[life.died] -= life.bytes
    found, explained = [], 0
    for level, change in zip(timeline.levels, changes, strict=False):
        explained += change
        found.append(level - explained)
    return found


def alive_at(timeline: Timeline, interval: int) -> list[Alive]:
    """What makes up the peak of an interval, the largest first; what is born there too.

    An array that is born in the interval counts where there is room for it under the
    peak: what an operation takes besides, for a while, is its temporaries.
    """
    rest = timeline.peaks[interval]
    found: list[ArrayLife] = []
    fresh: list[ArrayLife] = []
    for life in timeline.arrays:
        if 0 <= life.born <= interval and _outlives_peak(life, interval):
            (fresh if life.born == interval else found).append(life)
    rest -= sum(life.bytes for life in found)
    for life in sorted(fresh, key=lambda life: -life.bytes):
        if life.bytes <= rest:
            found.append(life)
            rest -= life.bytes
    parts = [Alive(life.name, category(life, interval), life.bytes, life) for life in found]
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
    """What an array is at a moment of its life."""
    if life.kind in (INPUT, GRADIENT):
        return life.kind
    if _is_saved(life, interval):
        return SAVED
    if life.kind != OUTPUT or (life.died is not None and life.used > life.born):
        return TEMPORARY  # it was on its way to another operation
    return OUTPUT


def _is_saved(life: ArrayLife, interval: int) -> bool:
    return (
        life.saved is not None
        and life.saved < interval
        and (life.released is None or interval <= life.released)
    )


def holders(timeline: Timeline, figure: str) -> str:
    """What holds the bytes of an exact figure, in a sentence; empty where it is not known.

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
    """The operations that took what no array explains, until an interval; the first of them."""
    other = unexplained(timeline)
    takers = [o for o in timeline.operations if o.end <= interval and other[o.end] > other[o.begin]]
    more = [f"{len(takers) - NAMES} more"] if len(takers) > NAMES else []
    return [title(o) for o in takers[:NAMES]] + more


def born_before(timeline: Timeline) -> list[ArrayLife]:
    """The arrays that operations used and that the trace does not count, the largest first."""
    found = [life for life in timeline.arrays if life.born < 0]
    return sorted(found, key=lambda life: -life.bytes)


def advice(timeline: Timeline) -> list[str]:
    """What the peak is made of that need not be there, a sentence each, the largest first."""
    most, interval = peak(timeline)
    operation = inside(timeline, interval)
    now = operation.begin if operation is not None else interval
    parts = alive_at(timeline, interval)
    groups: dict[str, list[ArrayLife]] = {}
    for part in parts:
        if part.life is not None:
            groups.setdefault(_why(part.life, interval, now), []).append(part.life)
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
    told = [
        (_total(lives), sentences[why].format_map(_figures_of(lives)))
        for why, lives in groups.items()
        if why in sentences
    ]
    told += [
        (part.bytes, f"temporaries {part.name} take {bytes_text(part.bytes)}")
        for part in parts
        if part.category == TEMPORARY and part.life is None
    ]
    told += [
        (part.bytes, f"the program itself, outside of operations, holds {bytes_text(part.bytes)}")
        for part in parts
        if part.category == OTHER
    ]
    told = [(size, sentence) for size, sentence in told if size > WORTH * most]
    told.sort(key=lambda pair: -pair[0])
    return [sentence for _, sentence in told] + _cycle(timeline)


def _why(life: ArrayLife, interval: int, now: int) -> str:
    """Why an array is alive where it need not be; "" where it has to."""
    saved = _is_saved(life, interval)
    if life.kind != INPUT:  # which its program holds anyway
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
    """A loop as "Variable .creator -> Square .output -> Variable"."""
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
