"""Gates: the criteria under which a CI job fails, written as ``peak[squares-30]>1%``.

    peak>0   peak>1%   peak>64KiB   peak>1arrays     more than before, by more than that
    peak<=24MB   peak<=5arrays                       a budget, whatever was before
    slower   faster   time>5%                        verdicts on time, inside one run
    new   vanished                                   cases on one side only

A figure is peak, held, cycle, forward, backward or dropped. In brackets stand words that
each have to match the workload, the size or the variant; * matches anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Literal

from bench import sentences, statistics
from bench.errors import UsageError
from bench.results import ORDINARY, Case, Options
from bench.verdicts import Row
from bench.wording import in_arrays, more_arrays, title_text

FIGURES = ("peak", "held", "cycle", "forward", "backward", "dropped")
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
        what: a figure, "time", or one of `VERDICTS` and `PRESENCE`.
        terms: what the workload, the size or the variant each have to match.
        operator: ">" for a growth, "<=" for a budget, "" for what has no amount.
        unit: what the amount counts: "bytes", "arrays", or "%" of what was before.
    """

    text: str
    what: str
    terms: tuple[str, ...] = ()
    operator: Literal["", ">", "<="] = ""
    amount: Fraction = Fraction(0)
    unit: Literal["bytes", "arrays", "%"] = "bytes"

    @property
    def on_time(self) -> bool:
        """Whether it needs times that were taken in one run."""
        return self.what == "time" or self.what in VERDICTS

    @property
    def grows(self) -> bool:
        """Whether it needs to know what was before."""
        return self.what in PRESENCE or (self.what in FIGURES and self.operator == ">")

    def matches(self, key: Key) -> bool:
        """Whether it is about this case."""
        names = [str(part) for part in key]
        return all(any(fnmatchcase(name, term) for name in names) for term in self.terms)

    def applies(self, key: Key) -> bool:
        """Whether it can fail for this case: an ordinary test has no phases, and no arrays."""
        nowhere = self.unit == "arrays" or self.what in ("forward", "backward")
        return self.matches(key) and not (key[1] == ORDINARY and nowhere)

    def exceeded(self, after: int, before: int | None, array_bytes: int) -> bool:
        """Whether bytes break it; a growth needs to know what was before."""
        amount = self.amount * array_bytes if self.unit == "arrays" else self.amount
        if self.operator == "<=":
            return after > amount
        if before is None:
            return False
        return after - before > (before * amount / 100 if self.unit == "%" else amount)


@dataclass(frozen=True)
class Breach:
    """One gate that failed at one place.

    Attributes:
        where: the case.
        what: before and after, in a sentence.
        by: bytes more than before or than the budget; 0 for what is not about bytes.
        key: the case's.
    """

    gate: str
    where: str
    what: str
    by: int = 0
    key: Key | None = None


def parse(text: str) -> Gate:
    """Read a gate.

    Raises:
        UsageError: it does not parse; the message says at which character, and what would.
    """
    found = re.match(r"\s*([A-Za-z]*)\s*(?:\[([^\]]*)\])?\s*", text)
    assert found
    what, terms, at = found[1].lower(), tuple((found[2] or "").split()), found.end()
    known = (*FIGURES, "time", *VERDICTS, *PRESENCE)
    if what not in known:
        raise _wrong(text, found.start(1), f"one of {', '.join(known)}")
    if found[2] is not None and not terms:
        raise _wrong(text, found.start(2), "a workload, a size or a variant in the brackets")
    rest = text[at:]
    if what in VERDICTS or what in PRESENCE:
        if rest:
            raise _wrong(text, at, f"the end: {what} takes no amount")
        return Gate(text, what, terms)
    sign = re.match(r"(>|<=)\s*", rest)
    if not sign:
        raise _wrong(text, at, "> (more than before) or <= (a budget)")
    number = re.match(r"(\d{1,30}(?:\.\d{1,30})?)\s*", rest[sign.end() :])
    at += sign.end()
    if not number:
        raise _wrong(text, at, "a number")
    at += number.end()
    unit, amount = text[at:].strip(), Fraction(number[1])
    if what == "time":
        if sign[1] != ">" or unit != "%":
            raise _wrong(text, at, "time>5%: times are gated as ratios, inside one run")
        return Gate(text, what, terms, ">", amount, "%")
    if unit == "%":
        if sign[1] == "<=":
            raise _wrong(text, at, "bytes or arrays: a budget is not relative to anything")
        return Gate(text, what, terms, ">", amount, "%")
    if unit.lower() in ("array", "arrays"):
        return Gate(text, what, terms, _sign(sign[1]), amount, "arrays")
    if unit.lower() not in _BYTES:
        raise _wrong(text, at, f"a unit: {_UNITS}")
    return Gate(text, what, terms, _sign(sign[1]), amount * _BYTES[unit.lower()])


def _sign(text: str) -> Literal[">", "<="]:
    return ">" if text == ">" else "<="


def _wrong(text: str, at: int, expected: str) -> UsageError:
    there = f"character {at + 1}, {text[at:]!r}" if text[at:] else "the end"
    return UsageError(f"--fail-on {text!r} does not parse at {there}: expected {expected}")


def on_bytes(
    gates: Sequence[Gate], pairs: Iterable[tuple[Case, Mapping[str, int] | None]]
) -> list[Breach]:
    """What breaks the gates on bytes.

    Args:
        pairs: each case with the figures it had before, None where it had none.
    """
    found = []
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
                found.append(Breach(gate.text, case.title, what, by, case.key))
    return found


def _breach_text(gate: Gate, new: int, old: int | None, array_bytes: int) -> tuple[str, int]:
    """What to say of it, and by how many bytes it is broken."""
    now = f"{gate.what} {new:,} B{in_arrays(new, array_bytes)}"
    if gate.operator == "<=":
        limit = gate.amount * array_bytes if gate.unit == "arrays" else gate.amount
        over = new - int(limit)
        return f"{now}, budget {int(limit):,} B, {over:,} B over it", over
    assert old is not None
    more = new - old
    inside = [more_arrays(more, array_bytes)[2:-1], f"{more / old:+.1%}" if old else ""]
    relative = f" ({', '.join(filter(None, inside))})" if any(inside) else ""
    return (
        f"{gate.what} {old:,} B{in_arrays(old, array_bytes)} -> {new:,} B"
        f"{in_arrays(new, array_bytes)}: {more:+,} B{relative}"
    ), more


def on_time(gates: Sequence[Gate], rows: Iterable[Row], options: Options) -> list[Breach]:
    """What breaks the gates on time; only what an interval shows breaks one."""
    found = []
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
                said = sentences.time_sentence(row, options).partition(": ")[2]
                found.append(Breach(gate.text, row.case.title, said, key=row.case.key))
    return found


def of_rows(gates: Sequence[Gate], rows: Sequence[Row], options: Options) -> list[Breach]:
    """What breaks gates inside one run, where every candidate stands beside its baseline."""
    pairs = [(row.case, row.baseline.figures) for row in rows]
    return [*on_time(gates, rows, options), *on_bytes(gates, pairs)]


def on_presence(gates: Sequence[Gate], new: Sequence[Key], vanished: Sequence[Key]) -> list[Breach]:
    """What breaks the gates on cases that came or went."""
    found = []
    for gate in gates:
        for key in {"new": new, "vanished": vanished}.get(gate.what, ()):
            if gate.matches(key):
                said = "not in the baseline" if gate.what == "new" else "in the baseline only"
                found.append(Breach(gate.text, title(key), said, key=key))
    return found


def title(key: Key) -> str:
    """What a person calls a case."""
    return title_text(*key)


def check_terms(gates: Sequence[Gate], keys: Iterable[Key]) -> None:
    """Refuse a gate that names what is not there: it could never fail.

    Raises:
        UsageError: a gate matches none of these cases, or can fail for none of them.
    """
    there = list(keys)
    for gate in gates:
        idle = inapplicable([gate], there)
        if idle and not any(gate.applies(key) for key in there):
            raise UsageError(f"--fail-on {gate.text!r} could never fail: {idle[0]}")
        if gate.terms and not any(gate.matches(key) for key in there):
            shown = "; ".join(title(key) for key in there[:3])
            raise UsageError(
                f"--fail-on {gate.text!r} names no case that is there, so it could never fail; "
                f"cases are {shown or 'none'}{' and others' if len(there) > 3 else ''}"
            )


def check_exact(gates: Sequence[Gate], exact: Iterable[Key]) -> None:
    """Refuse gates on exact bytes where there will be none.

    Args:
        exact: the cases that have them.

    Raises:
        UsageError: a gate matches none of these.
    """
    there = list(exact)
    for gate in gates:
        if gate.what in FIGURES and not any(gate.matches(key) for key in there):
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: exact bytes take engines whose arrays "
                "are NumPy's, the baseline's too; see gradmeter list engines"
            )


def inapplicable(gates: Sequence[Gate], keys: Iterable[Key]) -> list[str]:
    """A sentence for each gate that is about ordinary tests and cannot fail for them."""
    there = list(keys)
    return [
        f"{gate.text} does not apply to ordinary tests, which have no phases and no arrays of "
        "one size; write bytes, such as peak<=24MB"
        for gate in gates
        if any(gate.matches(key) and not gate.applies(key) for key in there)
    ]


def check_sets(gates: Sequence[Gate], options: Options) -> None:
    """Refuse gates on time where there will be too few sets for a verdict.

    Raises:
        UsageError: there is one.
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
        UsageError: there is one.
    """
    for gate in gates:
        if gate.on_time:
            raise UsageError(
                f"--fail-on {gate.text!r}: times hold inside one run only, so no file can gate "
                "them; measure both sides in one run: gradmeter compare --rev BASE "
                f"--fail-on {gate.text!r}"
            )


def refuse_presence(gates: Sequence[Gate]) -> None:
    """Refuse gates on what came or went where both sides are measured together.

    Raises:
        UsageError: there is one.
    """
    for gate in gates:
        if gate.what in PRESENCE:
            raise UsageError(
                f"--fail-on {gate.text!r}: in one run every variant has the same cases; this "
                "gate is for gradmeter check"
            )
