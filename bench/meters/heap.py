"""The heap meter: every byte that a process takes from the C library or the system, through memray.

For engines whose arrays are not NumPy's, and for those that are compared with them. memray
sees each call of malloc, mmap and their kin, of whatever library, so the figure is exact;
it holds Python's own objects and native scratch besides the data of arrays, which makes it
another figure than the bytes of array data. Python has to be started so that its objects are
allocated one by one (PYTHONMALLOC=malloc), or they would show as arenas of 1 MiB.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.meters.cycles import collector_off
from bench.program import END, Program

PASSES = 3


@dataclass(frozen=True)
class Heap:
    """Bytes taken in one run of a program, its inputs included, and not given back.

    Attributes:
        peak: the most at once.
        held: at the end, while inputs and result are held.
    """

    peak: int
    held: int


def available() -> bool:
    """Whether memray is installed here."""
    return find_spec("memray") is not None


def measure(make: Callable[[], Program]) -> Heap:
    """Run a program once, with the collector off; it has to have been run before.

    Raises:
        ImportError: memray is not installed.
    """
    import memray

    with collector_off(), tempfile.TemporaryDirectory(prefix="gradmeter-") as folder:
        path = Path(folder) / "heap"
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
        with memray.FileReader(path) as found:
            peak = sum(r.size for r in found.get_high_watermark_allocation_records())
            held = sum(r.size for r in found.get_leaked_allocation_records())
    return Heap(peak, held)
