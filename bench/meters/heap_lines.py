"""What the whole heap holds at its peak, by the line that asked for it; measured with memray.

Whatever a process takes from the C library or from the system is seen, with the Python stack that
asked for it: array data, Python's objects, and what native code of pandas, SciPy or PyTorch takes
for itself. Python has to allocate its objects one by one (PYTHONMALLOC=malloc).
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gradmeter.bench.results.lines import HeapPeak, Origin, Place

FRAMES = 64  # of a stack that are looked through for a watched line


def read(capture: Path, watches: Callable[[str], bool]) -> HeapPeak:
    """Read the peak of the whole heap from a capture that memray has written.

    Args:
        watches: whether a file is watched.

    Raises:
        ImportError: memray is not installed.
    """
    import memray

    with memray.FileReader(capture) as reader:
        peak = _by_line(reader.get_high_watermark_allocation_records(), watches)
    return peak  # noqa: RET504 (a reader may swallow what is raised, as mypy sees it)


def read_python(capture: Path, watches: Callable[[str], bool]) -> HeapPeak:
    """Read the peak of Python's own objects from a capture of every single allocation.

    Counted is what is asked of Python's allocators, as `python_objects` does, also where these
    ask the C library for it; array data and what native code takes for itself is not.

    Raises:
        ImportError: memray is not installed.
    """
    import memray

    kinds = memray.AllocatorType
    freed = kinds.PYMALLOC_FREE
    made = (kinds.PYMALLOC_MALLOC, kinds.PYMALLOC_CALLOC, kinds.PYMALLOC_REALLOC)
    sizes: dict[int, int] = {}
    live = peak = at = 0
    with memray.FileReader(capture) as reader:
        for number, record in enumerate(reader.get_allocation_records()):
            if record.allocator == freed:
                live -= sizes.pop(record.address, 0)
            elif record.allocator in made:
                live += record.size - sizes.get(record.address, 0)
                sizes[record.address] = record.size
                if live > peak:
                    peak, at = live, number
    alive: dict[int, Any] = {}
    with memray.FileReader(capture) as reader:
        for number, record in enumerate(reader.get_allocation_records()):
            if record.allocator == freed:
                alive.pop(record.address, None)
            elif record.allocator in made:
                alive[record.address] = record
            if number == at:
                break
        found = _by_line(alive.values(), watches)  # while the file is open, for the stacks
    return found  # noqa: RET504


def _by_line(records: Iterable[Any], watches: Callable[[str], bool]) -> HeapPeak:
    """The bytes of blocks by the innermost watched line of their stack, or its innermost line."""
    sizes: Counter[tuple[Place, bool]] = Counter()
    counts: Counter[tuple[Place, bool]] = Counter()
    known: dict[str, bool] = {}
    for record in records:
        stack = record.stack_trace(max_stacks=FRAMES)
        found = Place("", 0, "outside of Python"), False
        for number, (function, file, line) in enumerate(stack):
            if file not in known:
                known[file] = watches(file)
            if known[file]:
                found = Place(file, line, function), True
                break
            if not number:
                found = Place(file, line, function), False
        sizes[found] += record.size
        counts[found] += record.n_allocations
    origins = [
        Origin(place=_with_text(place), count=counts[place, watched], bytes=size, watched=watched)
        for (place, watched), size in sizes.items()
    ]
    origins.sort(key=lambda o: (-o.bytes, o.place.file, o.place.line))
    return HeapPeak(peak=sizes.total(), alive=origins)


def _with_text(place: Place) -> Place:
    text = linecache.getline(place.file, place.line).strip() if place.file else ""
    return Place(place.file, place.line, place.function, text)
