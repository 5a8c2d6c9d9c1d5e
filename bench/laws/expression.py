"""Formulas as people write them, ``8 N (n + 2) + 1 kB``: parsed, and evaluated exactly."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

ARRAYS = "arrays"
UNITS: Mapping[str, int] = {
    "B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
FUNCTIONS: Mapping[str, Callable[..., Fraction]] = {"max": max, "min": min}
LONGEST = 2000  # characters
HIGHEST = 9  # power
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d{1,3}(?:,\d{3})+(?!\d)|\d{1,30}(?:\.\d{1,30})?)|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|[-+*/^(),]))"
)


class FormulaError(ValueError):
    """A formula does not parse, or has no value; the message says where or why."""


@dataclass(frozen=True)
class Expression:
    """A formula in named parameters, whose value is a number of bytes.

    Attributes:
        text: as it was written.
        tree: its syntax: numbers, names, + - * / **, max and min.
        names: of the parameters and units in it.
    """

    text: str
    tree: ast.expr
    names: frozenset[str]

    def __eq__(self, other: object) -> bool:
        """Whether both are written the same; see algebra.equal for what is the same formula."""
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        """Agrees with equality."""
        return hash(self.text)

    def value(self, parameters: Mapping[str, int], array_bytes: int = 0) -> Fraction:
        """Return the value, exactly.

        Args:
            parameters: by name; a parameter goes before the unit of its name.
            array_bytes: of one array of the workload's size; 0 where there is none.

        Raises:
            FormulaError: a name stands for nothing, or a divisor is 0.
        """
        units = {**UNITS, **({ARRAYS: array_bytes, "array": array_bytes} if array_bytes else {})}
        values = {**units, **parameters}
        for name in sorted(self.names - values.keys()):
            if name in (ARRAYS, "array"):
                raise FormulaError(f"{self.text!r} counts in arrays, and there is no array size")
            known = ", ".join(parameters) or "none"
            raise FormulaError(f"{self.text!r} has no value: {name!r} is none of: {known}")
        try:
            return _value(self.tree, values)
        except ZeroDivisionError:
            raise FormulaError(f"{self.text!r} divides by 0") from None


def _value(node: ast.expr, values: Mapping[str, int]) -> Fraction:
    match node:
        case ast.Constant(value=int(number)):
            return Fraction(number)
        case ast.Constant(value=str(digits)):  # a decimal, exactly as it is written
            return Fraction(digits)
        case ast.Name(id=name):
            return Fraction(values[name])
        case ast.UnaryOp(operand=operand):
            return -_value(operand, values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(_value(argument, values) for argument in arguments))
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _value(left, values), _value(right, values)
            match operator:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
            return a ** int(b)
    raise AssertionError(f"{ast.dump(node)} was not refused")


@cache
def parse(text: str) -> Expression:
    """Read a formula: numbers, names, + - * / ^, max and min; "8 N" is a product.

    Raises:
        FormulaError: it does not parse; the message says at which character.
    """
    if len(text) > LONGEST:
        raise FormulaError(f"a formula has {LONGEST:,} characters at most, this one {len(text):,}")
    python = _python(text)
    try:
        tree = ast.parse(python, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        raise FormulaError(f"{text!r} is no formula such as 8 N (n + 2) + 1 kB") from None
    return Expression(text, tree, frozenset(_names(tree, text)))


def _python(text: str) -> str:
    """The formula as a Python expression, with the signs of products that are left out."""
    parts: list[str] = []
    at, before = 0, ""
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise FormulaError(
                f"{text!r} does not parse at character {at + 1}, {text[at:]!r}: expected a number, "
                "a name, + - * / ^ or a bracket"
            )
        token = match[0].strip()
        starts_operand = bool(match["number"] or match["name"]) or token == "("
        if starts_operand and before and before not in FUNCTIONS:
            parts.append("*")
        if match["number"]:
            digits = token.replace(",", "")
            parts.append(f"'{digits}'" if "." in digits else str(int(digits)))
        else:
            parts.append("**" if token == "^" else token)
        # What an operand that follows would be multiplied with.
        before = token if match["number"] or match["name"] or token == ")" else ""
        at = match.end()
    return "".join(parts)


def _names(node: ast.expr, text: str) -> set[str]:
    """The names in a formula's syntax.

    Raises:
        FormulaError: it has something else than a formula has.
    """
    match node:
        case ast.Constant():
            return set()
        case ast.Name(id=name) if name not in FUNCTIONS:
            return {name}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _names(operand, text)
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as arguments, keywords=[]) if (
            name in FUNCTIONS
        ):
            return set().union(*(_names(argument, text) for argument in arguments))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
            if power <= HIGHEST:
                return _names(left, text)
            raise FormulaError(f"{text!r}: a power is {HIGHEST} at most")
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            return _names(left, text) | _names(right, text)
    raise FormulaError(
        f"{text!r} is no formula: it takes + - * / ^ (with a number as the power), max and min"
    )
