"""Formulas as people write them, ``8 N (n + 2) + 1 kB``: parsed, and evaluated exactly."""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

ARRAYS = "arrays"
UNITS: Mapping[str, int] = {
    "B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS: Mapping[str, Callable[..., Fraction]] = {"max": max, "min": min}
LONGEST = 2000  # characters
HIGHEST = 9  # power
MOST = 300  # tokens: what nests deeper is more than Python's stack may take
_TOKEN = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|\d{1,30}(?:\.\d{1,30})?|[^\W\d]\w*|\*\*|[-+*/^(),]")


class FormulaError(ValueError):
    """A formula does not parse, or has no value; the message says where or why.

    Attributes:
        at: where it does not parse, as an index of the text; None where it has no value.
        expected: there.
    """

    def __init__(self, message: str, at: int | None = None, expected: str = "") -> None:
        super().__init__(message)
        self.at, self.expected = at, expected


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

    def position(self, name: str) -> int:
        """Where a name of the formula is first written, as an index of the text."""
        return next((at for at, token in _tokens(self.text) if token == name), 0)

    def with_values(self, values: Mapping[str, int]) -> Expression:
        """Return the formula with numbers in place of some of its parameters."""
        text = self.text
        for at, token in reversed([*_tokens(self.text)]):
            if token in values:
                apart = " " * text[at - 1 : at].isalnum()  # 8N is 8 times N, and no longer number
                text = f"{text[:at]}{apart}{values[token]}{text[at + len(token) :]}"
        return parse(text)

    def value(self, parameters: Mapping[str, int | Fraction], array_bytes: int = 0) -> Fraction:
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
            exact = {name: Fraction(value) for name, value in values.items()}
            value: Fraction = evaluate(self.tree, exact, Fraction, FUNCTIONS)
            return value
        except ZeroDivisionError:
            raise FormulaError(f"{self.text!r} divides by 0") from None


def evaluate(
    node: ast.expr,
    values: Mapping[str, Any],
    number: Callable[[str], Any],
    functions: Mapping[str, Callable[..., Any]],
) -> Any:
    """Evaluate a formula's syntax in any arithmetic.

    Args:
        values: of every name in it.
        number: makes a value of a number, which is given as it is written.
        functions: max and min.
    """
    match node:
        case ast.Constant(value=digits):  # a text where it is a decimal, so that it is exact
            return number(str(digits))
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(operand=operand):
            return -evaluate(operand, values, number, functions)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return functions[name](
                *(evaluate(argument, values, number, functions) for argument in arguments)
            )
        case ast.BinOp(left=left, op=sign, right=right):
            operands = (evaluate(side, values, number, functions) for side in (left, right))
            return _OPERATORS[type(sign)](*operands)
    raise AssertionError(f"{ast.dump(node)} was not refused")


def unknown(text: str, known: Collection[str]) -> int | None:
    """Where a formula's first name is that is none of the known; None where there is none."""
    try:
        for at, token in _tokens(text):
            if token.isidentifier() and token not in known and token not in FUNCTIONS:
                return at
    except FormulaError:
        pass  # it does not parse behind all of its names that can be read
    return None


def is_parameter(name: str) -> bool:
    """Whether a name can be a parameter's in a law, and not a unit's or a function's."""
    reserved = name in {*UNITS, *FUNCTIONS, ARRAYS, "array"} or keyword.iskeyword(name)
    return name.isascii() and name.isidentifier() and not reserved


@cache
def parse(text: str) -> Expression:
    """Read a formula: numbers, names, + - * / ^, max and min; "8 N" is a product.

    Raises:
        FormulaError: it does not parse; the message says at which character.
    """
    if len(text) > LONGEST:
        raise FormulaError(f"a formula has {LONGEST:,} characters at most, this one {len(text):,}")
    tree = ast.parse(_python(text), mode="eval").body
    return Expression(text, tree, frozenset(_names(tree, text)))


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """The tokens of a formula, and where they begin.

    Raises:
        FormulaError: there is something that is none.
    """
    at = 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        match = _TOKEN.match(text, at)
        if match is None or not _is_token(match[0]):
            raise _refused(text, at, "a number, a name, + - * / ^ or a bracket")
        yield at, match[0]
        at = match.end()


def _is_token(token: str) -> bool:
    if token[0].isdecimal() or token[0] in "-+*/^(),":
        return True
    return token.isidentifier() and not keyword.iskeyword(token)  # \w has more, such as \u00b2


def _refused(text: str, at: int, expected: str) -> FormulaError:
    place = f"character {at + 1}, {text[at:]!r}" if text[at:].strip() else "the end"
    return FormulaError(f"{text!r} does not parse at {place}: expected {expected}", at, expected)


OPERAND = "a number, a name or ("
POWERS = ("^", "**")


def _python(text: str) -> str:
    """The formula as a Python expression, with the signs of products that are left out.

    Raises:
        FormulaError: it is no formula.
    """
    parts: list[str] = []
    brackets: list[int] = []  # the values in each that is open so far; 0 of one that is no call
    before = earlier = ""  # tokens
    for number, (at, token) in enumerate(_tokens(text)):
        complete = _ends_operand(before)
        if number == MOST:
            raise _refused(text, at, f"the end: a formula has {MOST} parts at most")
        if before in FUNCTIONS and token != "(":
            raise _refused(text, at, f"( after {before}")
        if before in POWERS and not token.isdecimal():
            raise _refused(text, at, "a whole number as the power")
        if earlier in POWERS and token in POWERS:
            raise _refused(text, at, "another operator: a power of a power takes brackets")
        if token[0].isalnum() or token[0] in "_(":
            if complete and before not in FUNCTIONS:
                parts.append("*")
        elif not complete and token != "-":
            raise _refused(text, at, OPERAND)
        match token:
            case "(":
                brackets.append(int(before in FUNCTIONS))
            case ")":
                if not brackets:
                    raise _refused(text, at, "an operator or the end: no bracket is open")
                if brackets.pop() == 1:
                    raise _refused(text, at, "a comma, a space and one more value")
            case ",":
                if not brackets or not brackets[-1]:
                    raise _refused(text, at, "an operator: commas are between values of max or min")
                brackets[-1] += 1
        parts.append(_in_python(token))
        earlier, before = before, token
    if not _ends_operand(before):
        raise _refused(text, len(text), OPERAND)
    if before in FUNCTIONS:
        raise _refused(text, len(text), f"( after {before}")
    if brackets:
        raise _refused(text, len(text), ")")
    return "".join(parts)


def _ends_operand(token: str) -> bool:
    return token[-1:].isalnum() or token[-1:] in ("_", ")")


def _in_python(token: str) -> str:
    if token[0].isdecimal():
        digits = token.replace(",", "")
        return f"'{digits}'" if "." in digits else str(int(digits))
    return "**" if token == "^" else token


def _names(node: ast.expr, text: str, power: int = 1) -> set[str]:
    """The names in a formula's syntax.

    Args:
        power: what all of it is raised to.

    Raises:
        FormulaError: it has something else than a formula has.
    """
    match node:
        case ast.Constant():
            return set()
        case ast.Name(id=name):
            return {name}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _names(operand, text, power)
        case ast.Call(args=arguments):
            return set().union(*(_names(argument, text, power) for argument in arguments))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(exponent))):
            if power * exponent <= HIGHEST:
                return _names(left, text, power * exponent)
            raise FormulaError(f"{text!r}: a power is {HIGHEST} at most")
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            return _names(left, text, power) | _names(right, text, power)
    raise FormulaError(
        f"{text!r} is no formula: it takes + - * / ^ (with a number as the power), max and min"
    )
