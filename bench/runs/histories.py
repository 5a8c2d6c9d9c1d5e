"""Histories: what a process may have done before its case is built, which no verdict may see.

Each is given to one of two workers that run identical code; a verdict of faster or slower
says that the comparison measures the history.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

OBJECTS: Final = 1_000_000
COMPUTING: Final = 2.0  # processor seconds
_UNUSED: Final = (
    "asyncio",
    "email.mime.text",
    "http.client",
    "multiprocessing.pool",
    "numpy.polynomial",
    "numpy.testing",
    "sqlite3",
    "unittest.mock",
    "xml.dom.minidom",
)
_alive: list[Any] = []


def _free_large_blocks() -> None:
    import numpy as np

    for elements in (10_000, 100_000, 1_000_000, 4_000_000):
        np.ones(elements)  # freed at once, and so glibc raises its thresholds


def _free_small_blocks() -> None:
    import numpy as np

    arrays = [np.ones(1 + i % 128) for i in range(100_000)]
    del arrays[::2]  # holes
    del arrays


def _touch_huge_pages() -> None:
    import numpy as np

    arrays = [np.ones(8_000_000) for _ in range(4)]  # NumPy asks for huge pages from 4 MiB on
    del arrays[::2]  # holes among them
    del arrays


def _compute_long() -> None:
    import numpy as np

    matrix = np.ones((400, 400))
    began = time.process_time()
    while time.process_time() - began < COMPUTING:
        matrix @ matrix


def _import_much() -> None:
    for name in _UNUSED:
        importlib.import_module(name)


def _make_objects() -> None:
    _alive.append([[] for _ in range(OBJECTS)])


@dataclass(frozen=True)
class History:
    """A history: what the process does first, and what its environment has.

    Attributes:
        act: called before the case is built; None for nothing.
    """

    meaning: str
    act: Callable[[], None] | None = None
    environment: tuple[tuple[str, str], ...] = ()


HISTORIES: Mapping[str, History] = {
    "large blocks freed": History(
        "arrays of 80 kB to 32 MB were made and freed", _free_large_blocks
    ),
    "small blocks freed": History(
        "100,000 arrays of up to 1 kB were made and freed", _free_small_blocks
    ),
    "huge pages touched": History(
        "four arrays of 64 MB were made, in huge pages where the system gives them, and freed",
        _touch_huge_pages,
    ),
    "long computed": History(
        f"matrix products were computed for {COMPUTING:g} seconds, as a compiler's work would be, "
        "which may change the clock",
        _compute_long,
    ),
    "much imported": History("nine packages were imported that nothing uses", _import_much),
    "many objects": History(f"{OBJECTS:,} lists are alive that nothing uses", _make_objects),
    "another hash seed": History(
        "the order of sets of strings is another", environment=(("PYTHONHASHSEED", "4242"),)
    ),
    "a large environment": History(
        "64 KiB of environment variables, which move the stack",
        environment=tuple((f"GRADMETER_HISTORY_{i}", "x" * 4096) for i in range(16)),
    ),
}


def act(name: str) -> None:
    """Do what the history of this name does in its process."""
    history = HISTORIES[name]
    if history.act is not None:
        history.act()
