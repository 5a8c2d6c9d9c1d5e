"""What two counts of instructions depend on besides the code, compared."""

from __future__ import annotations

from gradmeter.bench.results.readings import Instructions

MANY = 12  # words; of longer descriptions only what differs is named


def difference(after: Instructions, before: Instructions) -> str:
    """Name what differs between the grounds of two counts; empty where they can be compared.

    A count that does not say what it depends on is comparable with none.
    """
    if not after.ground or not before.ground:
        return "it is not known with which binaries they were counted"
    for name in dict.fromkeys([*after.ground, *before.ground]):
        old, new = before.ground.get(name, "none"), after.ground.get(name, "none")
        if old != new:
            return f"{name} {_beside(old, new)}"
    return ""


def _beside(old: str, new: str) -> str:
    before, after = old.split(), new.split()
    if min(len(before), len(after)) <= MANY:
        return f"{old}, now {new}"
    lost = " ".join(word for word in before if word not in after)
    added = " ".join(word for word in after if word not in before)
    return ", ".join(filter(None, [lost and f"without {lost}", added and f"with {added}"]))
