"""Find laws from figures at points that were measured for another purpose, a run's or a session's.

Nothing is measured anew, so a law is what holds with at least one point more than it has terms,
and one value of each parameter more than it has powers of that; where more points would be
needed, the reason says of which parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from sympy import Add

from gradmeter.bench.laws import algebra, fit, formulas
from gradmeter.bench.laws.formulas import Formula
from gradmeter.bench.laws.law import Law, Point

TERMS = fit.DEGREE + 1  # of a polynomial in one parameter, at most


def of_points(
    names: Sequence[str], points: Sequence[Point], figures: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Law], dict[str, str]]:
    """Find the law of each figure that holds at the points; or say why there is none.

    Args:
        names: of the parameters, each of which has two values at least among the points.
        points: the values of the parameters, no two points the same.
        figures: by name, the bytes at the points, in the points' order.

    Returns:
        The laws by figure, and for the other figures the reason.
    """
    few = _too_few(names, points)
    if few:
        return {}, dict.fromkeys(figures, few)
    laws, reasons = {}, {}
    polynomials = fit.polynomials(names, points, list(figures.values()), spare=1)
    for (figure, values), polynomial in zip(figures.items(), polynomials, strict=True):
        law = (
            Law(Formula((polynomial,), ("",)).expression)
            if polynomial is not None
            else _piecewise(names, points, values)
        )
        if law is not None and _is_proved(law, names, points, values):
            laws[figure] = law
        else:
            reasons[figure] = _no_law(names, points)
    return laws, reasons


def _piecewise(names: Sequence[str], points: Sequence[Point], values: Sequence[int]) -> Law | None:
    """The larger of two polynomials, or the one that holds from a value of a parameter on."""
    for at, name in enumerate(names):
        order = [at, *(i for i in range(len(names)) if i != at)]
        turned = [tuple(point[i] for i in order) for point in points]
        formula = formulas.of_values([names[i] for i in order], turned, values, spare=1)
        if formula is None:
            continue
        if formula.reproduces(names, points, values):
            terms = sum(len(Add.make_args(part)) for part in formula.parts)
            if terms < len(points):
                return Law(formula.expression)
            continue
        steps = sorted({point[at] for point in points})
        since = next(step for step in steps if _holds(formula, names, points, values, at, step))
        return Law(formula.expression, since={name: since})
    return None


def _is_proved(
    law: Law, names: Sequence[str], points: Sequence[Point], values: Sequence[int]
) -> bool:
    """Whether each polynomial of a law holds at more values of each parameter than it has powers.

    A line through two depths holds at every size, too, where a figure is not linear in the depth.
    """
    parts = algebra.branches(algebra.of(law.expression))
    for part in parts:
        there = list(points)
        if len(parts) > 1 or law.since:
            formula = Formula((part,), ("",))
            known = zip(points, values, strict=True)
            there = [at for at, value in known if formula.reproduces(names, [at], [value])]
        terms = [term.as_powers_dict() for term in Add.make_args(part)]
        for i, name in enumerate(names):
            powers = {term[algebra.symbol(name)] for term in terms}
            if len(powers) >= len({point[i] for point in there}):
                return False
    return True


def _holds(
    formula: Formula,
    names: Sequence[str],
    points: Sequence[Point],
    values: Sequence[int],
    at: int,
    since: int,
) -> bool:
    """Whether a formula has the values of the points from a value of a parameter on."""
    upper = [i for i, point in enumerate(points) if point[at] >= since]
    return formula.reproduces(names, [points[i] for i in upper], [values[i] for i in upper])


def _too_few(names: Sequence[str], points: Sequence[Point]) -> str:
    """Why no law can be proved at these points, whatever the figures are; empty where one can."""
    single = [n for n, values in _values(names, points).items() if len(values) < 2]
    if single or not names:
        which = " and ".join(single) or "no parameter"
        return f"measured at one value of {which}; a law takes two at least"
    powers = list(product(range(2), repeat=len(names)))  # every product of the parameters
    if fit.matrix(powers, points).rank() < len(powers):
        both = " and ".join(names)
        return (
            f"{both} change together or one at a time, so their product cannot be told from other "
            "terms; measure every pair of their values"
        )
    return ""


def _no_law(names: Sequence[str], points: Sequence[Point]) -> str:
    """That no law holds, and how many more values would prove one with more terms."""
    counts = {name: len(values) for name, values in _values(names, points).items()}
    measured = " and ".join(f"{count} values of {name}" for name, count in counts.items())
    few = [name for name, count in counts.items() if count <= TERMS]
    if not few:
        return f"no polynomial holds at its {measured}"
    terms = max(len(basis) for basis in fit.bases(names, points, spare=1))
    most = "one term" if terms == 1 else f"{terms} terms or fewer"
    return (
        f"no law with {most} holds at its {measured}; one more value of {' or '.join(few)} can "
        "prove one with more"
    )


def _values(names: Sequence[str], points: Sequence[Point]) -> dict[str, set[int]]:
    return {name: {point[i] for point in points} for i, name in enumerate(names)}
