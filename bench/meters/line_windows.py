"""What the line meter keeps while it counts: a record for each line, a window for each frame."""

from __future__ import annotations

from types import CodeType


class Record:
    """A line's figures while they are counted."""

    __slots__ = (
        "allocated", "before", "calls", "functions", "hits", "increment", "number", "open", "own",
        "peak",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.hits = self.open = self.own = self.increment = self.before = self.peak = 0
        self.calls = self.allocated = 0  # of the allocator
        self.functions: dict[str, None] = {}


class Window:
    """A running watched frame, and its current line's bytes."""

    __slots__ = ("before", "code", "hit", "most", "outermost", "peak", "place", "record", "records")

    before: int
    hit: int
    outermost: bool
    peak: int
    place: int
    record: Record

    def __init__(self, code: CodeType, records: dict[int, Record]) -> None:
        self.code = code
        self.records = records
        self.most = 0  # of all its lines
