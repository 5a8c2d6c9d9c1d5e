"""What one call of a function costs in bytes of array data: raw integers."""

from __future__ import annotations

from dataclasses import dataclass

from gradmeter.bench.results.lines import Lines


@dataclass(frozen=True)
class MeasuredCall:
    """The exact bytes of a call, beyond what was alive before it.

    Attributes:
        name: of what was called.
        peak: the most bytes alive at once.
        held: bytes alive while the returned value is held.
        cycle: bytes that only the collector frees once that is dropped: reference cycles hold them.
        objects: the number of Python objects in such cycles.
        left: bytes alive even after a collection, in a cache or in an older object.
        growth: bytes that each further call adds to what is left; None where one call alone was
            made, and it left something.
        calls: how often it was called for these figures.
        first: the figures of the first call by name, where they differ from the last one's, as a
            cache that it fills makes them; empty where all calls agree.
        lines: the lines of one more call, and of another one that explains its peak; None where
            they were not measured.
    """

    name: str
    peak: int
    held: int
    cycle: int
    objects: int
    left: int
    growth: int | None
    calls: int
    first: dict[str, int]
    lines: Lines | None = None
