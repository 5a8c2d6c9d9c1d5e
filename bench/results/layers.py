"""The figures of a case by layer of memory: array data, Python's objects, the whole heap.

Array data is exact on any machine, Python's objects in one version of Python, and the heap in one
with the same libraries. A figure in which passes disagree is none; then it says what differed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gradmeter.bench.results.growth import FIRST, per_call

if TYPE_CHECKING:
    from gradmeter.bench.results.run import Case

ARRAYS, PYTHON, HEAP = LAYERS = ("arrays", "python", "heap")
TITLES: Final = {
    ARRAYS: "array data",
    PYTHON: "Python objects",
    HEAP: "the whole heap",
}
GROWTH: Final = "growth"
NUMBERS: Final = ("allocations", "python_allocations", "heap_allocations")  # of blocks, not bytes
_OF_PASSES: Final = {
    "peak": "peak",
    "held": "held",
    "allocations": "number",
    "allocated": "allocated",
}
# Those of array data that are not in every run, and all of the other layers.
FIGURES: Final = (
    "growth",
    "allocations",
    "allocated",
    *(f"{layer}_{name}" for layer in (PYTHON, HEAP) for name in (*_OF_PASSES, GROWTH)),
)


@dataclass(frozen=True)
class Reading:
    """A figure of a case.

    Attributes:
        value: bytes, or a number of allocations; None where there is none.
        why: there is none; empty where there is one.
        passes: the values of each pass, where there are passes.
    """

    value: int | None
    why: str = ""
    passes: tuple[int, ...] = ()


def layer_of(figure: str) -> str:
    """The layer that a figure is of; that of array data has no prefix."""
    layer = figure.partition("_")[0]
    return layer if layer in LAYERS else ARRAYS


def expanded(figure: str, case: Case) -> list[str]:
    """The figures that a criterion is about: growth is that of every layer that was measured."""
    if figure != GROWTH:
        return [figure]
    return [GROWTH, *(f"{layer}_{GROWTH}" for layer in case.layers)]


def readings(case: Case) -> dict[str, Reading]:
    """Every figure of `FIGURES`, with the reason where there is none."""
    return {figure: reading(case, figure) for figure in FIGURES}


def figures(case: Case) -> dict[str, int]:
    """Those of `FIGURES` that the case has."""
    return {name: r.value for name, r in readings(case).items() if r.value is not None}


def reading(case: Case, figure: str) -> Reading:
    """One figure of `FIGURES`, with the reason where there is none."""
    layer = layer_of(figure)
    name = figure.removeprefix(f"{layer}_")
    if layer == ARRAYS:
        return _array_growth(case) if name == GROWTH else _of_passes(case.allocations, name)
    if layer == HEAP and not case.ordinary and name in ("peak", "held"):
        return _of_passes(case.heap, name)
    if not case.ordinary:
        return Reading(None, "it is read of tests' calls only")
    read = next((read for name, read in case.layers.items() if name == layer), None)
    if read is None:
        return Reading(None, f"{TITLES[layer]} were not measured: give --bench-memory={layer}")
    if read.missing:
        return Reading(None, read.missing)
    return Reading(read.growth) if name == GROWTH else _of_passes(read.passes, name)


def _array_growth(case: Case) -> Reading:
    if not case.ordinary:
        return Reading(None, "it is read of tests' calls only")
    if case.cycles is None:
        return Reading(None, "the call has no figures")
    if not case.cycles.leaked:
        return Reading(0)
    further = len(case.kept) - FIRST
    if further < 1:
        return Reading(None, "the call was not made several times in one process")
    return Reading(per_call(case.kept[-1] - case.kept[FIRST - 1], further))


def _of_passes(passes: Sequence[object], name: str) -> Reading:
    values = [getattr(each, _OF_PASSES[name], None) for each in passes]
    known = tuple(value for value in values if value is not None)
    if not known or len(known) < len(values):
        return Reading(None, "it was not counted" if values else "it was not measured")
    if len(set(known)) > 1:
        shown = ", ".join(f"{value:,}" for value in known)
        return Reading(None, f"its passes disagree: {name} {shown}", known)
    return Reading(known[0], passes=known)


def disagreements(case: Case) -> dict[str, list[str]]:
    """What differs between the passes of a layer, by layer: a figure and its values.

    Not the bytes of array data, see `Case.deterministic`.
    """
    differing: dict[str, list[str]] = {}
    for figure, read in readings(case).items():
        if len(set(read.passes)) > 1:
            differing.setdefault(layer_of(figure), []).append(read.why.partition(": ")[2])
    return differing


def difference(after: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Name the first thing that differs between what two figures depend on; empty for nothing."""
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name, "none"), after.get(name, "none")
        if old != new:
            return f"{name} {old}, now {new}"
    return ""
