"""Hold two measurements of one case against each other: where their exact figures differ."""

from __future__ import annotations

from gradmeter.bench.results import layers
from gradmeter.bench.results.layers import ARRAYS
from gradmeter.bench.results.run import Case


def differences(case: Case, other: Case) -> list[tuple[str, str, str]]:
    """The exact figures in which two measurements differ, each with both values in words.

    A layer of memory other than array data is left out where the two were made with other versions.
    """
    both = {"outcome": (_outcome(case), _outcome(other))}
    ours, theirs = _figures(case), _figures(other)
    for name in dict.fromkeys([*ours, *theirs]):
        layer = layers.layer_of(name)
        grounds = [each.layers[layer].ground for each in (case, other) if layer in each.layers]
        if layer == ARRAYS or (len(grounds) == 2 and grounds[0] == grounds[1]):
            unit = "" if name in layers.NUMBERS or name == "objects" else " B"
            both[name] = (_text(ours.get(name), unit), _text(theirs.get(name), unit))
    return [(name, one, two) for name, (one, two) in both.items() if one != two]


def _outcome(case: Case) -> str:
    if case.failure is not None:
        return f"{case.failure.stage}, {case.failure.kind}"
    if case.allocations and not case.deterministic:
        return "passes that disagree"
    return "measured"


def _figures(case: Case) -> dict[str, int]:
    """The exact figures by name; none of a case that failed or whose passes disagree."""
    if _outcome(case) != "measured":
        return {}
    found = {"array": case.array_bytes, **(case.figures or {}), **layers.figures(case)}
    if case.cycles is not None:
        found |= {"objects": case.cycles.objects, "leaked": case.cycles.leaked}
    return found


def _text(value: int | None, unit: str) -> str:
    return "none" if value is None else f"{value:,}{unit}"
