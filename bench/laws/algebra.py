"""Formulas as algebra: compared, bounded, and written as people write them; SymPy does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations

import sympy
from sympy import Expr, Integer, Max, Min, Poly, PolynomialError, Rational, Symbol

from gradmeter.bench.laws.expression import UNITS, Expression, evaluate
from gradmeter.bench.laws.names import SIZE

THOUSAND = 1000


def symbol(name: str) -> Symbol:
    """The symbol of a parameter, which is a positive integer."""
    return Symbol(name, integer=True, positive=True)


def of(expression: Expression, array: Expr | None = None) -> Expr:
    """Return a formula as SymPy has it.

    Args:
        array: the bytes of one array, where the formula may count in arrays.
    """
    units: dict[str, Expr] = {unit: Integer(scale) for unit, scale in UNITS.items()}
    if array is not None:
        units |= {"arrays": array, "array": array}
    values = {name: units.get(name, symbol(name)) for name in expression.names}
    return evaluate(expression.tree, values, Rational, {"max": Max, "min": Min})


def equal(
    a: Expression,
    b: Expression,
    array: Expr | None = None,
    least: Mapping[str, int] | None = None,
) -> bool:
    """Whether two formulas are proved to be the same for every value of their parameters.

    Args:
        array: the bytes of one array, where a formula may count in arrays.
        least: the smallest value of each parameter, where a formula may have polynomials that
            are never its largest from there on.
    """
    first, second = (branches(of(each, array)) for each in (a, b))
    if set(first) == set(second) or least is None:
        return set(first) == set(second)
    try:
        return set(envelope(first, least)) == set(envelope(second, least))
    except PolynomialError:  # a minimum, or a quotient of parameters
        return False


def branches(expression: Expr) -> list[Expr]:
    """The polynomials of which a formula is the largest, each multiplied out."""
    parts = expression.args if isinstance(expression, Max) else [expression]
    return [sympy.expand(part) for part in parts]


def at_least(a: Expr, b: Expr, least: Mapping[str, int]) -> bool:
    """Whether a >= b holds wherever each parameter is no smaller than in ``least``.

    A sufficient test: with every parameter replaced by its least value and an amount above
    that, no coefficient of the difference is negative.
    """
    amounts = {symbol(name): symbol(name) + value for name, value in least.items()}
    difference = sympy.expand((a - b).subs(amounts, simultaneous=True))
    if difference.is_number:
        return bool(difference >= 0)
    return all(c >= 0 for c in Poly(difference, *difference.free_symbols).coeffs())


def envelope(parts: Iterable[Expr], least: Mapping[str, int]) -> list[Expr]:
    """Return the polynomials without those that another one is never below.

    Args:
        least: the smallest value of each parameter.
    """
    kept: list[Expr] = []
    for part in dict.fromkeys(parts):
        if not any(at_least(other, part, least) for other in kept):
            kept = [other for other in kept if not at_least(part, other, least)] + [part]
    return kept


def crossings(parts: Sequence[Expr], name: str, least: int) -> list[int]:
    """The values of a parameter at which another one of the polynomials becomes the largest.

    Args:
        parts: polynomials in this parameter alone.
        least: the smallest value of the parameter.
    """
    x = symbol(name)
    near: set[int] = set()
    for a, b in combinations(parts, 2):
        difference = Poly(a - b, x)
        for (low, _), _ in difference.intervals(eps=Rational(1, 4)) if difference.degree() else ():
            near |= {int(sympy.floor(low)) + step for step in (0, 1, 2)}

    def largest(at: int) -> set[Expr]:
        values = {part: part.subs(x, at) for part in parts}
        return {part for part in parts if values[part] == max(values.values())}

    return sorted(at for at in near if at > least and largest(at) - largest(at - 1))


def written(expression: Expr, itemsize: int = 0) -> str:
    """Write a formula as people do: ``(n + 2) arrays + 160 B``, or ``8 N (n + 2) + 160 B``.

    Args:
        itemsize: bytes of one element of the workload's arrays, of `SIZE` elements each; 0 writes
            bytes alone.
    """
    parts = [_polynomial(part, itemsize) for part in ordered(branches(expression))]
    return parts[0] if len(parts) == 1 else f"max({', '.join(parts)})"


def ordered(parts: Iterable[Expr]) -> list[Expr]:
    """Polynomials in the order in which they are written: the one that grows fastest first."""
    parts = list(parts)
    names = sorted({name for part in parts for name in part.free_symbols}, key=str)
    return sorted(parts, key=lambda p: Poly(p, *(names or [symbol(SIZE)])).terms(), reverse=True)


def _polynomial(part: Expr, itemsize: int) -> str:
    arrays = sympy.expand(part).coeff(symbol(SIZE), 1) / itemsize if itemsize else Integer(0)
    rest = sympy.expand(part - arrays * itemsize * symbol(SIZE))
    texts = [_in_arrays(arrays)] if arrays else []
    return _joined(texts + _in_bytes(rest)) or "0 B"


def in_arrays(expression: Expr, array: Expr) -> str:
    """Write a formula as a number of arrays: ``n + 2``, or ``3 + 8 B`` with bytes left over.

    Args:
        array: bytes of one array, of `SIZE` elements or as a number.
    """
    texts = [_counted(part, array) for part in ordered(branches(expression))]
    return texts[0] if len(texts) == 1 else f"max({', '.join(texts)})"


def _counted(part: Expr, array: Expr) -> str:
    if array.is_number:
        whole = [(Integer(int(c / array)), term) for term, c in part.as_coefficients_dict().items()]
        arrays = sympy.expand(sum((count * term for count, term in whole), Integer(0)))
    else:
        arrays = part.coeff(symbol(SIZE), 1) / array.coeff(symbol(SIZE), 1)
    rest = sympy.expand(part - arrays * array)
    return _joined(([_formula(arrays)] if arrays else []) + _in_bytes(rest)) or "0"


def number(expression: Expr) -> str:
    """Write a formula of what is no bytes."""
    return _formula(sympy.factor(expression))


def _in_bytes(part: Expr) -> list[str]:
    """A polynomial in bytes: what grows, and what does not."""
    constant = part.subs(dict.fromkeys(part.free_symbols, 0))
    rest = part - constant
    texts = []
    if rest:
        texts.append(_formula(sympy.factor(rest)) + " B" * (not constant))
    if constant:
        texts.append(f"{int(constant):,} B" if constant.is_Integer else f"{constant} B")
    return texts


def _joined(texts: list[str]) -> str:
    return " + ".join(texts).replace("+ -", "- ")


def _in_arrays(count: Expr) -> str:
    if count.is_Rational and THOUSAND % count.q == 0:  # 7.125, which is exact
        return f"{Decimal(count.p) / count.q} array{'s' * (count != 1)}"
    if count.is_Add:
        return f"({_formula(count)}) arrays"
    return f"{_formula(count)} array{'s' * (count != 1)}"


def _formula(expression: Expr) -> str:
    return str(expression).replace("**", "^").replace("*", " ")
