"""Test the meters on known values, before their readings are used."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Any

import numpy as np

from gradmeter.bench.cases.program import END, Program
from gradmeter.bench.meters import allocations, cycles, residency

_TOUCHED = 128 * 2**20


class _Ring:
    """An object that refers to itself and holds an array."""

    def __init__(self, nbytes: int) -> None:
        self.array = np.empty(nbytes, np.uint8)
        self.itself = self


def _array_of_known_size() -> int:
    def make() -> Program:
        yield "forward"
        array = np.empty(1_000_000, np.uint8)
        yield END
        del array

    return allocations.measure(make).held


def _peak_that_passes() -> int:
    def make() -> Program:
        yield "forward"
        first = np.empty(2_000_000, np.uint8)
        first = np.empty(1_000_000, np.uint8)  # the first array is still alive
        yield "backward"
        yield END
        del first

    return allocations.measure(make).peak


def _cycle_of_known_size() -> int:
    reading = cycles.measure(lambda: _Ring(1_000_000))
    return reading.bytes if reading.leaked == 0 else -reading.leaked


def _pages_that_are_touched() -> int:
    def make() -> Program:
        yield "forward"
        with mmap.mmap(-1, _TOUCHED) as pages:  # from the system, not the heap
            for page in range(0, len(pages), mmap.PAGESIZE):
                pages[page] = 1
            yield END

    return residency.measure(make).bytes


_Test = tuple[str, Callable[[], int], int, int]

EXACT: tuple[_Test, ...] = (
    ("an array of 1,000,000 bytes", _array_of_known_size, 1_000_000, 0),
    ("a peak of 3,000,000 bytes, gone when looked for", _peak_that_passes, 3_000_000, 0),
    ("a reference cycle of 1,000,000 bytes", _cycle_of_known_size, 1_000_000, 0),
)
_TESTS: tuple[_Test, ...] = (
    *EXACT,
    ("128 MiB of touched pages", _pages_that_are_touched, _TOUCHED, _TOUCHED // 100),
)
RESIDENCY = _TESTS[-1][0]


def run(tests: tuple[_Test, ...] = _TESTS) -> list[dict[str, Any]]:
    """Test the meters; return the fields of a SelfTest for each, an exception as ``problem``.

    Where a process cannot reset its resident peak, the residency meter reports the whole
    process's peak, labelled so, and is not tested.
    """
    results = []
    for name, test, expected, tolerance in tests:
        if name == RESIDENCY and not residency.can_reset():
            continue
        measured, problem = 0, ""
        try:
            measured = test()
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        results.append(
            {
                "name": name,
                "expected": expected,
                "measured": measured,
                "tolerance": tolerance,
                "problem": problem,
            }
        )
    return results
