"""The heap meter: every byte that a process allocates, measured with memray.

It serves engines whose arrays are not NumPy's, and engines compared with them. memray sees
each call of malloc, mmap and the like, of any library, so the figure is exact. It includes
Python's own objects and native scratch memory, so it is not comparable with the bytes of
array data. Python has to allocate its objects one by one (PYTHONMALLOC=malloc), or they
would show as arenas of 1 MiB.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from gradmeter.bench.cases.program import END, Program
from gradmeter.bench.installing import install
from gradmeter.bench.meters.cycles import collector_off
from gradmeter.bench.results.folders import temporary_folder

PASSES = 3
MISSING = f"memray, which is not installed: {install('gradmeter[native]')}"


@dataclass(frozen=True)
class Heap:
    """Bytes alive of those allocated in one run of a program, its inputs included.

    Attributes:
        peak: the most alive at once.
        held: alive at the end, while inputs and result are held.
    """

    peak: int
    held: int


def available() -> bool:
    """Whether memray is installed here."""
    return find_spec("memray") is not None


def measure(make: Callable[[], Program]) -> Heap:
    """Run a program once with the collector off; an earlier run has to have warmed it up.

    Raises:
        ImportError: memray is not installed.
    """
    import memray

    with collector_off(), temporary_folder() as folder:
        path = folder / "heap"
        destination = memray.FileDestination(path, compress_on_exit=False)
        phases = make()
        with memray.Tracker(
            destination=destination, file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS
        ):
            for name in phases:
                if name == END:
                    break
        phases.close()
        gc.collect()
        with memray.FileReader(path) as reader:
            peak = sum(r.size for r in reader.get_high_watermark_allocation_records())
            held = sum(r.size for r in reader.get_leaked_allocation_records())
    return Heap(peak, held)
