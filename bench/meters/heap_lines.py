"""What the whole heap holds at its peak, by the line that asked for it; measured with memray.

Whatever a process takes from the C library or from the system is seen, with the Python stack that
asked for it: array data, Python's objects, and what native code of pandas, SciPy or PyTorch takes
for itself. Python has to allocate its objects one by one (PYTHONMALLOC=malloc).
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from gradmeter.bench.results.lines import HeapPeak, Origin, Place

FRAMES = 64  # of a stack that are looked through for a watched line


def read(capture: Path, watches: Callable[[str], bool]) -> HeapPeak:
    """Read the peak of a capture that memray has written.

    Args:
        watches: whether a file is watched.

    Raises:
        ImportError: memray is not installed.
    """
    import memray

    sizes: Counter[tuple[Place, bool]] = Counter()
    counts: Counter[tuple[Place, bool]] = Counter()
    known: dict[str, bool] = {}
    with memray.FileReader(capture) as reader:
        for record in reader.get_high_watermark_allocation_records(merge_threads=True):
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
