"""Say from which lines of source a candidate's other bytes come, and name each line once."""

from __future__ import annotations

from collections.abc import Sequence

from gradmeter.bench.lines.difference import Difference, differences
from gradmeter.bench.report import line_words
from gradmeter.bench.results.lines import Place
from gradmeter.bench.verdicts.verdicts import Row


class Causes:
    """The lines that account for differences, for texts that are read one after the other.

    One changed line is the cause of many effects, at each size and of each workload: where the
    text before has named it, it is "the same line".
    """

    def __init__(self) -> None:
        self._named: Place | None = None

    def lines(self, row: Row) -> list[str]:
        """Name the lines that account for a candidate's other bytes; empty where none are known.

        Figures of the same bytes in the same lines are one text: "peak and held +2.4 MB at ...".
        """
        before, after = row.baseline.lines, row.case.lines
        if before is None or after is None:
            return []
        figures: dict[tuple[Difference, ...], list[str]] = {}
        for change in row.changes or []:
            if change.figure in ("peak", "held"):
                found = tuple(differences(before, after, change.figure))
                figures.setdefault(found, []).append(change.figure)
        return [
            f"{' and '.join(names)} {self._text(found)}"
            for found, names in figures.items()
            if found
        ]

    def _text(self, found: Sequence[Difference]) -> str:
        """Name lines and their bytes, and keep in mind which line was named."""
        alone = found[0].place if len(found) == 1 else None
        is_known = alone is not None and alone == self._named
        self._named = alone
        return line_words.listed(found, known=is_known)


def lines(row: Row) -> list[str]:
    """The same for one candidate alone."""
    return Causes().lines(row)
