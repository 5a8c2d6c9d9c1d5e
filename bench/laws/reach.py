"""Where a formula holds: from which values of the parameters on, and for multiples of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import gcd

from gradmeter.bench.laws import algebra
from gradmeter.bench.laws.formulas import FEWEST, Formula
from gradmeter.bench.laws.law import Law, Point
from gradmeter.bench.laws.measurements import Measurements, moved


def law_of(
    formula: Formula, figure: str, levels: Sequence[Sequence[int]], known: Measurements
) -> Law | None:
    """The law of a formula; None where it fails at some value that was measured.

    Args:
        levels: the values of each parameter that the formula was found from.
        known: where the formula is tried.
    """
    corner = (_first(formula, figure, levels, known), *(values[0] for values in levels[1:]))
    smallest = corner
    since: dict[str, int] = {}
    multiple: dict[str, int] = {}
    # The first parameter last, so that it may be what is large where the others are small: the
    # law then holds at the smallest values of all parameters together.
    for at, parameter in reversed([*enumerate(known.parameters)]):
        step = _multiple(formula, figure, at, levels, known)
        if step > 1:
            multiple[parameter.name] = step
        low = _lowest(formula, figure, at, step, corner, known)
        if low > -(-parameter.least // step) * step:
            since[parameter.name] = low
        corner = moved(corner, at, low)
    law = Law(
        formula.expression,
        {name: since[name] for name in known.names if name in since},
        {name: multiple[name] for name in known.names if name in multiple},
        formula.places,
        _crossings(formula, corner, known),
    )
    if _fails(law, formula, figure, known):
        since = dict(zip(known.names, smallest, strict=True))
        law = replace(law, since=since, crossings=_crossings(formula, smallest, known))
    return None if _fails(law, formula, figure, known) else law


def _first(
    formula: Formula, figure: str, levels: Sequence[Sequence[int]], known: Measurements
) -> int:
    """The smallest value of the first parameter at which, and above which, a formula holds.

    It may have been found from the larger of the values alone.
    """
    holds = levels[0][-1]
    for value in reversed(levels[0]):
        if not all(known.holds(formula, figure, point) for point in product([value], *levels[1:])):
            break
        holds = value
    return holds


def _lowest(
    formula: Formula, figure: str, at: int, step: int, corner: Point, known: Measurements
) -> int:
    """The smallest value of a parameter that the formula holds from on, the others given."""
    low, high = -(-known.parameters[at].least // step), corner[at] // step
    near = {*range(low, min(low + FEWEST, high))}  # one alone may be a coincidence
    near |= {
        point[at] // step
        for point in known.measured
        if point == moved(corner, at, point[at]) and point[at] < corner[at]
        if point[at] % step == 0
    }
    bad = [k for k in near if not known.holds(formula, figure, moved(corner, at, k * step))]
    if not bad:
        return low * step
    low = max(bad)
    while high - low > 1:
        middle = (low + high) // 2
        if known.holds(formula, figure, moved(corner, at, middle * step)):
            high = middle
        else:
            low = middle
    return high * step


def _crossings(formula: Formula, corner: Point, known: Measurements) -> dict[str, list[int]]:
    """By parameter, where another polynomial becomes the largest, the others at a corner."""
    found: dict[str, list[int]] = {}
    for at, parameter in enumerate(known.parameters):
        values = {
            algebra.symbol(name): value
            for i, (name, value) in enumerate(zip(known.names, corner, strict=True))
            if i != at
        }
        along = [part.subs(values) for part in formula.parts]
        if places := algebra.crossings(along, parameter.name, corner[at]):
            found[parameter.name] = places
    return found


def _fails(law: Law, formula: Formula, figure: str, known: Measurements) -> bool:
    """Whether a law says of a point what was not measured there."""
    return any(
        law.holds_at(dict(zip(known.names, point, strict=True)))
        and not known.holds(formula, figure, point)
        for point in [*known.measured]
    )


def _multiple(
    formula: Formula, figure: str, at: int, levels: Sequence[Sequence[int]], known: Measurements
) -> int:
    """What a parameter has to be a multiple of for the formula to hold."""
    whole = gcd(*levels[at])
    top = tuple(max(values) if i == at else values[0] for i, values in enumerate(levels))
    for step in range(1, whole):
        near = [moved(top, at, top[at] + k * step) for k in (1, 2, 3)]
        if whole % step == 0 and all(known.holds(formula, figure, point) for point in near):
            return step
    return whole
