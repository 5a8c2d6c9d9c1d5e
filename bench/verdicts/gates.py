"""Gates: the criteria under which a CI job fails, written as ``peak[squares-30]>1%``.

    peak>0   peak>1%   peak>64KiB   peak>1arrays     more than before, by more than that
    peak<=24MB   peak<=5arrays                       a budget, whatever was before
    slower   faster   time>5%                        verdicts on time, inside one run
    instructions>0.5%                                counted with --instructions: in one run, or
                                                     against a baseline of the same binaries
    new   vanished                                   cases on one side only

A figure is peak, held, cycle, forward, backward or dropped. In brackets stand words that
each have to match the workload, the size or the variant; * matches anything. A test is named
by its id, or by what follows its file: ``peak[test_solve[*]]>0``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Literal

from gradmeter.bench import statistics
from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import in_arrays, more_arrays, title_text
from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import ORDINARY, Case, Options
from gradmeter.bench.verdicts import instructions
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

FIGURES = ("peak", "held", "cycle", "forward", "backward", "dropped")
COUNTED = "instructions"
VERDICTS = ("slower", "faster")
PRESENCE = ("new", "vanished")
DEFAULT = ("peak>0", "held>0", "cycle>0")
_BYTES = {
    "": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3,
}  # fmt: skip
_UNITS = "B, kB, MB, GB, KiB, MiB, GiB, arrays or %"

Key = tuple[str, int, str]


@dataclass(frozen=True)
class Gate:
    """One criterion.

    Attributes:
        text: as it was written.
        what: a figure, "time", "instructions", or one of `VERDICTS` and `PRESENCE`.
        terms: patterns, each of which has to match the workload, the size or the variant.
        operator: ">" for a growth, "<=" for a budget, "" for a gate without an amount.
        unit: what the amount counts: "bytes", "arrays", or "%" of the figure before.
    """

    text: str
    what: str
    terms: tuple[str, ...] = ()
    operator: Literal["", ">", "<="] = ""
    amount: Fraction = Fraction(0)
    unit: Literal["bytes", "arrays", "%"] = "bytes"

    @property
    def on_time(self) -> bool:
        """Whether the gate is on time, which is compared inside one run only."""
        return self.what == "time" or self.what in VERDICTS

    @property
    def grows(self) -> bool:
        """Whether the gate compares with a baseline."""
        exact = self.what in FIGURES or self.what == COUNTED
        return self.what in PRESENCE or (exact and self.operator == ">")

    def matches(self, key: Key) -> bool:
        """Whether every term matches this case."""
        names = [str(part) for part in key]
        if key[1] == ORDINARY:  # a test's id, and it without its file
            names.append(key[0].partition("::")[2])
        # The brackets of a test's parameters stand for themselves.
        terms = [term.replace("[", "[[]") for term in self.terms]
        return all(any(fnmatchcase(name, term) for name in names) for term in terms)

    def applies(self, key: Key) -> bool:
        """Whether it can fail for this case: a test's call has no phases, and no array size."""
        not_for_calls = self.unit == "arrays" or self.what in ("forward", "backward")
        return self.matches(key) and not (key[1] == ORDINARY and not_for_calls)

    def exceeded(self, after: int, before: int | None, array_bytes: int) -> bool:
        """Whether a figure breaks the gate; a growth cannot be broken without a figure before."""
        amount = self.amount * array_bytes if self.unit == "arrays" else self.amount
        if self.operator == "<=":
            return after > amount
        if before is None:
            return False
        return after - before > (before * amount / 100 if self.unit == "%" else amount)


@dataclass(frozen=True)
class Breach:
    """One gate that failed for one case.

    Attributes:
        where: the case's title.
        what: the figures before and after, in a sentence.
        by: bytes more than before or than the budget; 0 for a gate that is not on bytes.
        key: the case's key.
    """

    gate: str
    where: str
    what: str
    by: int = 0
    key: Key | None = None


def parse(text: str) -> Gate:
    """Read a gate.

    Raises:
        UsageError: it does not parse; the message says where, and what was expected.
    """
    match = re.match(r"\s*([A-Za-z]*)\s*(?:\[((?:[^\[\]]|\[[^\[\]]*\])*)\])?\s*", text)
    assert match
    what, terms, at = match[1].lower(), tuple((match[2] or "").split()), match.end()
    subjects = (*FIGURES, "time", COUNTED, *VERDICTS, *PRESENCE)
    if what not in subjects:
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
    number = re.match(r"(\d{1,30}(?:\.\d{1,30})?)\s*", rest[sign.end() :])
    at += sign.end()
    if not number:
        raise _parse_error(text, at, "a number")
    at += number.end()
    unit, amount = text[at:].strip(), Fraction(number[1])
    if what in ("time", COUNTED):
        if sign[1] != ">" or unit != "%":
            within = "times are gated as ratios, inside one run"
            within = within if what == "time" else "instructions are gated as ratios"
            raise _parse_error(text, at, f"{what}>5%: {within}")
        return Gate(text, what, terms, ">", amount, "%")
    if unit == "%":
        if sign[1] == "<=":
            raise _parse_error(text, at, "bytes or arrays: a budget is not relative to anything")
        return Gate(text, what, terms, ">", amount, "%")
    if unit.lower() in ("array", "arrays"):
        return Gate(text, what, terms, _sign(sign[1]), amount, "arrays")
    if unit.lower() not in _BYTES:
        raise _parse_error(text, at, f"a unit: {_UNITS}")
    return Gate(text, what, terms, _sign(sign[1]), amount * _BYTES[unit.lower()])


def _sign(text: str) -> Literal[">", "<="]:
    return ">" if text == ">" else "<="


def _parse_error(text: str, at: int, expected: str) -> UsageError:
    place = f"character {at + 1}, {text[at:]!r}" if text[at:] else "the end"
    return UsageError(f"--fail-on {text!r} does not parse at {place}: expected {expected}")


def on_bytes(
    gates: Sequence[Gate], pairs: Iterable[tuple[Case, Mapping[str, int] | None]]
) -> list[Breach]:
    """Return the breaches of the gates on bytes.

    Args:
        pairs: each case with its figures before, None where there are none.
    """
    breaches = []
    for case, before in pairs:
        after = case.figures
        if after is None:
            continue
        for gate in gates:
            if gate.what not in FIGURES or not gate.applies(case.key):
                continue
            new, old = after[gate.what], None if before is None else before[gate.what]
            if gate.exceeded(new, old, case.array_bytes):
                what, by = _breach_text(gate, new, old, case.array_bytes)
                breaches.append(Breach(gate.text, case.title, what, by, case.key))
    return breaches


def _breach_text(gate: Gate, new: int, old: int | None, array_bytes: int) -> tuple[str, int]:
    """Return the sentence of a breach, and by how many bytes the gate is broken."""
    figure = f"{gate.what} {new:,} B{in_arrays(new, array_bytes)}"
    if gate.operator == "<=":
        limit = gate.amount * array_bytes if gate.unit == "arrays" else gate.amount
        over = new - int(limit)
        return f"{figure}, budget {int(limit):,} B, {over:,} B over it", over
    assert old is not None
    more = new - old
    inside = [more_arrays(more, array_bytes)[2:-1], f"{more / old:+.1%}" if old else ""]
    relative = f" ({', '.join(filter(None, inside))})" if any(inside) else ""
    return (
        f"{gate.what} {old:,} B{in_arrays(old, array_bytes)} -> {new:,} B"
        f"{in_arrays(new, array_bytes)}: {more:+,} B{relative}"
    ), more


def on_time(gates: Sequence[Gate], rows: Iterable[Row], options: Options) -> list[Breach]:
    """Return the breaches of the gates on time; a ratio without an interval breaks none."""
    breaches = []
    for row in rows:
        if row.time is None or not row.time.sure:
            continue
        for gate in gates:
            if not gate.on_time or not gate.matches(row.case.key):
                continue
            broken = (
                row.time.low > 1 + gate.amount / 100
                if gate.what == "time"
                else row.time.word == gate.what
            )
            if broken:
                sentence = time_sentence(row, options).partition(": ")[2]
                breaches.append(Breach(gate.text, row.case.title, sentence, key=row.case.key))
    return breaches


def on_instructions(gates: Sequence[Gate], rows: Iterable[Row]) -> list[Breach]:
    """Return the breaches of the gates on instructions; a difference within rounds breaks none."""
    pairs = [(row.case, row.baseline.instructions) for row in rows]
    return on_counts(gates, [(case, before) for case, before in pairs if before is not None])


def on_counts(gates: Sequence[Gate], pairs: Iterable[tuple[Case, Instructions]]) -> list[Breach]:
    """Return the breaches of the gates on instructions, of cases and their counts before."""
    breaches = []
    for case, before in pairs:
        if case.instructions is None:
            continue
        counted = instructions.between(case.instructions, before)
        for gate in gates:
            if gate.what != COUNTED or not gate.matches(case.key) or counted.word != "more":
                continue
            if (counted.after - counted.before) * 100 > counted.before * gate.amount:
                text = f"instructions {counted.before:,} -> {counted.after:,}"
                text = f"{text}: {counted.ratio - 1:+.2%}"
                breaches.append(Breach(gate.text, case.title, text, key=case.key))
    return breaches


def not_counted(gates: Sequence[Gate], rows: Iterable[Row]) -> list[str]:
    """Return a sentence for each candidate without instructions that a gate on them is for."""
    sentences = []
    for row in rows:
        if instructions.compare(row.case, row.baseline) is not None:
            continue
        why = row.case.uncounted or row.baseline.uncounted or "they were not counted"
        if any(gate.what == COUNTED and gate.matches(row.case.key) for gate in gates):
            sentences.append(f"instructions of {row.case.title}: {why}")
    return sentences


def of_rows(gates: Sequence[Gate], rows: Sequence[Row], options: Options) -> list[Breach]:
    """Return the breaches of all gates inside one run: each candidate against its baseline."""
    pairs = [(row.case, row.baseline.figures) for row in rows]
    return [
        *on_time(gates, rows, options),
        *on_instructions(gates, rows),
        *on_bytes(gates, pairs),
    ]


def on_presence(gates: Sequence[Gate], new: Sequence[Key], vanished: Sequence[Key]) -> list[Breach]:
    """Return the breaches of the gates on new and vanished cases."""
    breaches = []
    for gate in gates:
        for key in {"new": new, "vanished": vanished}.get(gate.what, ()):
            if gate.matches(key):
                reason = "not in the baseline" if gate.what == "new" else "in the baseline only"
                breaches.append(Breach(gate.text, title(key), reason, key=key))
    return breaches


def title(key: Key) -> str:
    """Return the title of a case."""
    return title_text(*key)


def check_terms(gates: Sequence[Gate], keys: Iterable[Key]) -> None:
    """Refuse a gate that could never fail, since it matches no case or applies to none.

    Raises:
        UsageError: there is such a gate.
    """
    present = list(keys)
    for gate in gates:
        idle = inapplicable([gate], present)
        if idle and not any(gate.applies(key) for key in present):
            raise UsageError(f"--fail-on {gate.text!r} could never fail: {idle[0]}")
        if gate.terms and not any(gate.matches(key) for key in present):
            shown = "; ".join(title(key) for key in present[:3])
            raise UsageError(
                f"--fail-on {gate.text!r} matches no case, so it could never fail; "
                f"the cases are {shown or 'none'}{' and others' if len(present) > 3 else ''}"
            )


def check_exact(gates: Sequence[Gate], exact: Iterable[Key]) -> None:
    """Refuse gates on exact bytes that match no case with exact bytes.

    Args:
        exact: the cases that have exact bytes.

    Raises:
        UsageError: a gate matches none of these cases.
    """
    exact_keys = list(exact)
    for gate in gates:
        if gate.what in FIGURES and not any(gate.matches(key) for key in exact_keys):
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: exact bytes take engines whose arrays "
                "are NumPy's, the baseline's too; see gradmeter list engines"
            )


def inapplicable(gates: Sequence[Gate], keys: Iterable[Key]) -> list[str]:
    """Return a sentence for each gate that matches tests' calls but cannot fail for them."""
    present = list(keys)
    return [
        f"{gate.text} does not apply to ordinary tests, which have no phases and no arrays of "
        "one size; write bytes, such as peak<=24MB"
        for gate in gates
        if any(gate.matches(key) and not gate.applies(key) for key in present)
    ]


def check_counted(gates: Sequence[Gate], options: Options) -> None:
    """Refuse gates on instructions where none are counted.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.what == COUNTED and not options.instructions:
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: instructions are counted with "
                "--instructions"
            )


def refuse_counted(gates: Sequence[Gate]) -> None:
    """Refuse gates on instructions for a suite's calls, which have none.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.what == COUNTED:
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: the instructions of a suite's calls "
                "cannot be counted"
            )


def check_sets(gates: Sequence[Gate], options: Options) -> None:
    """Refuse gates on time where a run has too few sets for a verdict.

    Raises:
        UsageError: there is such a gate.
    """
    most = max(options.looks) if options.seconds else options.sets
    needed = statistics.fewest(options.alpha)
    for gate in gates:
        if gate.on_time and most < needed:
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: a verdict on time takes {needed} sets "
                f"at least, and there will be {most}; give --sets {needed}"
            )


def refuse_time(gates: Sequence[Gate]) -> None:
    """Refuse gates on time where figures come from different runs.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.on_time:
            raise UsageError(
                f"--fail-on {gate.text!r}: times hold inside one run only, so no file can gate "
                "them; measure both sides in one run: gradmeter compare --rev BASE "
                f"--fail-on {gate.text!r}"
            )


def refuse_presence(gates: Sequence[Gate]) -> None:
    """Refuse gates on new and vanished cases where both sides are measured in one run.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.what in PRESENCE:
            raise UsageError(
                f"--fail-on {gate.text!r}: in one run every variant has the same cases; this "
                "gate is for gradmeter check"
            )
