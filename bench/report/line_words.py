"""Word which lines account for bytes: of a peak, and of the difference of two."""

from __future__ import annotations

from collections.abc import Sequence

from gradmeter.bench.lines.difference import Difference, differences
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.results.lines import FewLines, Lines, Place, peak_origins

MOST = 4  # lines that are named; the others are counted
LONGEST = 60  # characters of a line's source


def difference_text(before: Lines | FewLines, after: Lines, figure: str) -> str:
    """Name the lines that account for the difference of a figure; "" where none are known.

    "+16.0 MB at solver.py:88 `tmp = a[mask] * w`, -8.0 MB at solver.py:80 `a = b.copy()`"

    Args:
        figure: "peak" or "held".
    """
    if figure not in ("peak", "held"):
        return ""
    return listed(differences(before, after, figure))


def listed(found: Sequence[Difference], *, known: bool = False) -> str:
    """Name lines and by how many bytes they differ; "" for none.

    Args:
        known: whether the one line is that which was named last.
    """
    if known:
        return f"{_bytes(found[0].bytes, signed=True)} at the same line"
    return _listed([(each.bytes, each.place) for each in found], signed=True)


def peak_text(reading: Lines) -> str:
    """Name the lines whose arrays are alive at the peak, the largest first; "" if unknown."""
    parts = [(size, place) for place, size in peak_origins(reading)]
    return _listed(sorted(parts, key=lambda part: -part[0]), signed=False)


def _listed(parts: Sequence[tuple[int, Place]], *, signed: bool) -> str:
    words = [
        f"{_bytes(size, signed=signed)} at {place_text(place)}" for size, place in parts[:MOST]
    ]
    if rest := parts[MOST:]:
        total = sum(size for size, _ in rest)
        words.append(
            f"{_bytes(total, signed=signed)} at {len(rest)} more line{'s' * (len(rest) != 1)}"
        )
    return ", ".join(words)


def _bytes(count: int, *, signed: bool) -> str:
    sign = ("+" if count > 0 else "-") * signed
    return f"{sign}{bytes_text(abs(count) if signed else count)}"


def place_text(place: Place) -> str:
    """The file, line and source of a place."""
    if not place.file:
        return place.function
    text = place.text if len(place.text) <= LONGEST else f"{place.text[: LONGEST - 3]}..."
    return f"{place.file}:{place.line}" + (f" `{text}`" if text else "")
