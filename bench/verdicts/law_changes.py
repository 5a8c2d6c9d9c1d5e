"""Compare laws with those of a file: formula by formula, for all sizes at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.results.layers import NUMBERS

NO_LAW = "no law"


@dataclass(frozen=True)
class Change:
    """A figure whose law is not what it was.

    Attributes:
        before: None for a figure that had no law.
        after: None for one that has none any more.
        reason: why it has none.
    """

    program: str
    variant: str
    figure: str
    before: Formula | None
    after: Formula | None
    itemsize: int
    reason: str = ""

    def __str__(self) -> str:
        """A sentence: squares-n engine: peak was (n + 3) arrays, now (n + 4) arrays."""
        what = " ".join(filter(None, [self.program, self.variant]))
        was, now = _texts(self.before, self.after, self.itemsize, self.figure)
        return f"{what}: {self.figure} was {was}, now {now}" + (
            f" ({self.reason})" if self.after is None and self.reason else ""
        )

    @property
    def fails(self) -> bool:
        """Whether it is a change for a gate; what had no law before may have one now."""
        return self.before is not None


def changes(before: Iterable[Laws], after: Iterable[Laws]) -> tuple[list[Change], list[str]]:
    """Compare laws.

    Returns:
        The changes, and the programs and variants of ``after`` that ``before`` has no laws of.
    """
    known = _by_case(before)
    found: list[Change] = []
    missing: list[str] = []
    for case, now in _by_case(after).items():
        if case not in known:
            missing.append(" ".join(filter(None, case)))
            continue
        found += _of_case(known[case], now)
    return found, missing


def of_formulas(before: Iterable[Laws], after: Iterable[Laws]) -> list[Change]:
    """The changes of figures that have a law in both: those of the formula, wherever it holds."""
    from gradmeter.bench.laws import algebra

    return [
        change
        for change in changes(before, after)[0]
        if change.before is not None and change.after is not None
        if not algebra.equal(change.before.law.expression, change.after.law.expression)
    ]


def _by_case(laws: Iterable[Laws]) -> dict[tuple[str, str], list[Laws]]:
    """Laws by program and variant; those at one depth with those in the depth."""
    found: dict[tuple[str, str], list[Laws]] = {}
    for each in sorted(laws, key=lambda entry: -len(entry.parameters)):
        found.setdefault((each.program, each.variant), []).append(each)
    return found


def _of_case(before: Sequence[Laws], after: Sequence[Laws]) -> list[Change]:
    was, now = _figures(before), _figures(after)
    reasons = {figure: reason for each in after for figure, reason in each.reasons.items()}
    found = []
    for figure in dict.fromkeys([*was, *now]):
        old, new = was.get(figure), now.get(figure)
        if old is None or new is None or not same(old, new):
            entry = after[0]
            found.append(
                Change(
                    entry.program, entry.variant, figure, old, new, entry.itemsize,
                    reasons.get(figure, ""),
                )
            )  # fmt: skip
    return found


def _figures(laws: Sequence[Laws]) -> dict[str, Formula]:
    return {figure: law for each in laws for figure, law in each.figures.items()}


def same(a: Formula, b: Formula) -> bool:
    """Whether two laws say the same, and of the same sizes and depths."""
    from gradmeter.bench.laws import algebra

    return _range(a) == _range(b) and algebra.equal(a.law.expression, b.law.expression)


def _range(law: Formula) -> tuple[Mapping[str, int], Mapping[str, int]]:
    return law.since, law.multiple


def _texts(
    before: Formula | None, after: Formula | None, itemsize: int, figure: str
) -> tuple[str, str]:
    """Both laws, with where they hold if only that has changed."""
    texts = [NO_LAW if law is None else text(law, itemsize, figure) for law in (before, after)]
    if before is not None and after is not None and texts[0] == texts[1]:
        ranges = [range_text(law) or "for every size" for law in (before, after)]
        texts = [f"{law} {where}" for law, where in zip(texts, ranges, strict=True)]
    return texts[0], texts[1]


def text(law: Formula, itemsize: int, figure: str = "peak") -> str:
    """Write a law as people do: (n + 2) arrays + 160 B; that of a number without a unit."""
    from gradmeter.bench.laws import algebra

    formula = algebra.of(law.law.expression)
    return algebra.number(formula) if figure in NUMBERS else algebra.written(formula, itemsize)


def range_text(law: Formula) -> str:
    """Where a law holds: "from N = 48 on, for multiples of 8"; empty where it always does."""
    parts = [f"from {name} = {value:,} on" for name, value in law.since.items()]
    parts += [f"for {name} a multiple of {value:,}" for name, value in law.multiple.items()]
    return ", ".join(parts)
