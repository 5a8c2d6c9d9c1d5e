"""Test suites of other people, for the tests of the pass that measures their calls."""

from __future__ import annotations

import pytest

from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Run

# Without a plugin of others that takes a second to load; and nothing is timed for long.
LIGHT = ("-p", "no:hypothesispytest")
PLAIN = (*LIGHT, "--benchmark-max-time=0.001", "--benchmark-min-rounds=1")
QUICK = ("--bench-memory", *PLAIN)
OUT = "reports/latest"
START = """
import gc, tracemalloc
import numpy as np
import pytest

def array(n):
    return np.empty(n, np.uint8)

class Ring:
    def __init__(self, n):
        self.array = array(n)
        self.itself = self
"""


def suite(pytester: pytest.Pytester, text: str, name: str = "test_theirs") -> None:
    """Make a module of tests."""
    pytester.makepyfile(**{name: START + text})


def loaded(pytester: pytest.Pytester) -> Run:
    """The run that was written."""
    return run_file.load(pytester.path / OUT / "run.json")


def figures(pytester: pytest.Pytester) -> dict[str, tuple[int, int, int] | str]:
    """Peak, held and cycle bytes of each test, or why there are none, by its short name."""
    found: dict[str, tuple[int, int, int] | str] = {}
    for case in loaded(pytester).cases:
        name = case.workload.partition("::")[2]
        if case.memory and case.cycles and not case.failure:
            assert case.deterministic
            found[name] = (case.memory.peak, case.memory.held, case.cycles.bytes)
        else:
            assert case.failure
            found[name] = case.failure.message
    return found
