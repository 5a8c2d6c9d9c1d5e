"""Gates: the criteria under which a CI job fails, written as ``peak[squares-30]>1%``.

    peak>0   peak>1%   peak>64KiB   peak>1arrays     more than before, by more than that
    peak<=24MB   peak<=5arrays                       a budget, whatever was before
    peak<=(n+2)arrays   peak<=8 N (n + 2) + 160 B    a budget at any size and depth
    slower   faster   time>5%                        verdicts on time, inside one run
    instructions>0.5%                                counted with --instructions: in one run, or
                                                     against a baseline of the same binaries
    allocations>0   growth<=0   python_peak<=1MB     counts, growth, and other layers of memory
    new   vanished                                   cases on one side only

A figure is peak, held, cycle, forward, backward or dropped, of array data; allocations (how many)
or allocated (bytes of all of them, freed or not). Of a test's call it is also growth, the bytes
that each further call leaves in any layer that was measured; and python_ or heap_ before peak,
held, growth, allocations and allocated. In brackets stand words that each have to match the
workload, the size or the variant; * matches anything. A test is named by its id, or by what
follows its file: ``peak[test_solve[*]]>0``.

An amount may be a formula in N, the size of a workload, and n, the depth that its name ends with:
``peak[squares-*]>N`` is more than a byte an element more than before. It takes numbers, units (B,
kB, ..., arrays), + - * / ^, max and min; what stands side by side is multiplied. Before may also be
what a file of laws says: peak>0 then fails for a change of law, at whatever sizes a run has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Literal

from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws import expression
from gradmeter.bench.laws.expression import ARRAYS, Expression, FormulaError
from gradmeter.bench.laws.names import DEPTH, SIZE, parameters
from gradmeter.bench.numbers import title_text
from gradmeter.bench.results import layers
from gradmeter.bench.results.laws import Key as Key
from gradmeter.bench.results.run import ORDINARY
from gradmeter.bench.suggestions import suggestion

# Exact bytes of array data, which every case has; see results/layers.py for the others.
FIGURES = ("peak", "held", "cycle", "forward", "backward", "dropped")
COUNTED = "instructions"
VERDICTS = ("slower", "faster")
PRESENCE = ("new", "vanished")
DEFAULT = ("peak>0", "held>0", "cycle>0")
_OF_WORKLOADS = ("allocations", "allocated", "heap_peak", "heap_held")
_BYTES = {
    "": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3,
}  # fmt: skip
_UNITS = "B, kB, MB, GB, KiB, MiB, GiB, arrays or %"
_NAMES = f"{SIZE} (the size) or {DEPTH} (the depth)"
_OF_SIZE = {SIZE, DEPTH, ARRAYS, "array"}  # names in formulas that have no value for a test's call
_NOWHERE: Key = ("", ORDINARY, "")


@dataclass(frozen=True)
class Gate:
    """One criterion.

    Attributes:
        text: as it was written.
        what: a figure, "time", "instructions", or one of `VERDICTS` and `PRESENCE`.
        terms: patterns, each of which has to match the workload, the size or the variant.
        operator: ">" for a growth, "<=" for a budget, "" for a gate without an amount.
        unit: what the amount counts: "bytes", "arrays", or "%" of the figure before.
        formula: whose value the amount is, in bytes; None where it is the number above.
    """

    text: str
    what: str
    terms: tuple[str, ...] = ()
    operator: Literal["", ">", "<="] = ""
    amount: Fraction = Fraction(0)
    unit: Literal["bytes", "arrays", "%"] = "bytes"
    formula: Expression | None = None

    @property
    def on_time(self) -> bool:
        """Whether the gate is on time, which is compared inside one run only."""
        return self.what == "time" or self.what in VERDICTS

    @property
    def on_layer(self) -> bool:
        """Whether the gate is on a count, on growth, or on another layer than array data."""
        return self.what in layers.FIGURES

    @property
    def grows(self) -> bool:
        """Whether the gate compares with a baseline."""
        exact = self.what in FIGURES or self.on_layer or self.what == COUNTED
        return self.what in PRESENCE or (exact and self.operator == ">")

    @property
    def of_size(self) -> bool:
        """Whether the amount depends on a workload's size or depth."""
        names = self.formula.names if self.formula is not None else frozenset()
        return self.unit == "arrays" or not names.isdisjoint(_OF_SIZE)

    def matches(self, key: Key) -> bool:
        """Whether every term matches this case."""
        names = [str(part) for part in key]
        if key[1] == ORDINARY:  # a test's id, and it without its file
            names.append(key[0].partition("::")[2])
        # The brackets of a test's parameters stand for themselves.
        terms = [term.replace("[", "[[]") for term in self.terms]
        return all(any(fnmatchcase(name, term) for name in names) for term in terms)

    def applies(self, key: Key) -> bool:
        """Whether it can fail for this case.

        A test's call has no phases, and no array size; a workload has its counts and its heap.
        """
        if key[1] == ORDINARY:
            fits = not self.of_size and self.what not in ("forward", "backward")
        else:
            fits = not self.on_layer or self.what in _OF_WORKLOADS
        return fits and self.matches(key)

    def limit(self, key: Key, array_bytes: int) -> Fraction:
        """The amount at a case, which for a gate in % is a number of these.

        Raises:
            FormulaError: the case has no parameter of a name in the formula; see
                gate_checks.check_names.
        """
        if self.formula is not None:
            return self.formula.value(parameters(key[0], key[1]), array_bytes)
        return self.amount * array_bytes if self.unit == "arrays" else self.amount

    def exceeded(
        self, after: int, before: int | None, array_bytes: int, key: Key = _NOWHERE
    ) -> bool:
        """Whether a figure breaks the gate; a growth cannot be broken without a figure before.

        Args:
            key: of the case, for a formula.
        """
        amount = self.limit(key, array_bytes)
        if self.operator == "<=":
            return after > amount
        if before is None:
            return False
        return after - before > (before * amount / 100 if self.unit == "%" else amount)


def parse(text: str) -> Gate:
    """Read a gate.

    Raises:
        UsageError: it does not parse; the message says where, and what was expected.
    """
    match = re.match(r"\s*([A-Za-z_]*)\s*(?:\[((?:[^\[\]]|\[[^\[\]]*\])*)\])?\s*", text)
    assert match
    what, terms, at = match[1].lower(), tuple((match[2] or "").split()), match.end()
    subjects = (*FIGURES, *layers.FIGURES, "time", COUNTED, *VERDICTS, *PRESENCE)
    if what not in subjects:
        if meant := suggestion(what, subjects):
            raise UsageError(f"--fail-on {text!r}: there is no gate {what!r}{meant}")
        raise _parse_error(text, match.start(1), f"one of {', '.join(subjects)}")
    if match[2] is not None and not terms:
        raise _parse_error(text, match.start(2), "a workload, a size or a variant in the brackets")
    rest = text[at:]
    if what in VERDICTS or what in PRESENCE:
        if rest:
            raise _parse_error(text, at, f"the end: {what} takes no amount")
        return Gate(text, what, terms)
    sign = re.match(r"(>|<=)\s*", rest)
    if not sign:
        raise _parse_error(text, at, "> (more than before) or <= (a budget)")
    at += sign.end()
    number = re.match(r"(\d{1,30}(?:\.\d{1,30})?)\s*", text[at:])
    ratio = what in ("time", COUNTED)
    unit = text[at + number.end() :].strip() if number else ""
    if not number or (unit.lower() not in (*_BYTES, "array", "arrays", "%") and not ratio):
        return Gate(text, what, terms, _sign(sign[1]), formula=_formula(text, at, what))
    amount, at = Fraction(number[1]), at + number.end()
    if ratio:
        if sign[1] != ">" or unit != "%":
            within = "times are gated as ratios, inside one run"
            within = within if what == "time" else "instructions are gated as ratios"
            raise _parse_error(text, at, f"{what}>5%: {within}")
        return Gate(text, what, terms, ">", amount, "%")
    if what in layers.NUMBERS and unit not in ("", "%"):
        raise _parse_error(text, at, f"the end: {what} is a number, without a unit")
    if unit == "%":
        if sign[1] == "<=":
            raise _parse_error(text, at, "bytes or arrays: a budget is not relative to anything")
        return Gate(text, what, terms, ">", amount, "%")
    if unit.lower() in ("array", "arrays"):
        return Gate(text, what, terms, _sign(sign[1]), amount, "arrays")
    return Gate(text, what, terms, _sign(sign[1]), amount * _BYTES[unit.lower()])


def _formula(text: str, start: int, what: str) -> Expression:
    """Read an amount that is a formula.

    Raises:
        UsageError: it does not parse, or has other names than a case has parameters.
    """
    amount, number = text[start:], what in layers.NUMBERS
    names = {SIZE, DEPTH} if number else {SIZE, DEPTH, ARRAYS, "array", *expression.UNITS}
    at = expression.unknown(amount, names)
    if what in ("time", COUNTED) or amount.startswith("-") or at == 0:
        raise _parse_error(text, start, f"a number, or a formula in {_NAMES}")
    if at is not None:
        without = f"the end: {what} is a number, without a unit; or {_NAMES}"
        expected = without if number else f"a unit: {_UNITS}; or {_NAMES}"
        raise _parse_error(text, start + at, expected)
    try:
        return expression.parse(amount)
    except FormulaError as error:
        if error.at is None:
            raise UsageError(f"--fail-on {text!r}: {error}") from None
        raise _parse_error(text, start + error.at, error.expected) from None


def _sign(text: str) -> Literal[">", "<="]:
    return ">" if text == ">" else "<="


def _parse_error(text: str, at: int, expected: str) -> UsageError:
    place = f"character {at + 1}, {text[at:]!r}" if text[at:] else "the end"
    return UsageError(f"--fail-on {text!r} does not parse at {place}: expected {expected}")


def title(key: Key) -> str:
    """Return the title of a case."""
    return title_text(*key)
