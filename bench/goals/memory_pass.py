"""The speed goal of ``--bench-memory``: what it adds to a session of short benchmarks.

``python -m gradmeter.bench.goals.memory_pass`` measures this goal alone.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from gradmeter.bench.goals.goal import Goal, ratios, without_setup

TESTS = 100
LIMIT = 1.5
ROUNDS = 5
_SUITE = f"""
import numpy as np
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_ones(benchmark, number):
    benchmark(np.ones, 10)
"""
_COMMAND = (
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
    *("--benchmark-max-time=0.02", "--benchmark-columns=min"),
)


def goal(folder: Path) -> Goal:
    """Make the goal: a session of pytest with the option beside one without it.

    Args:
        folder: where the suite and what a session writes is put.
    """
    (folder / "test_suite.py").write_text(_SUITE)

    def session(*options: str) -> None:
        subprocess.run([*_COMMAND, *options], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    return Goal(
        f"{TESTS} tests of benchmark(np.ones, 10): a session with --bench-memory, without it",
        LIMIT,
        without_setup(lambda: session("--bench-memory")),
        without_setup(session),
        ROUNDS,
    )


def measure() -> tuple[str, list[float]]:
    """Measure the goal in a folder of its own; return its name and the ratio of each round."""
    with tempfile.TemporaryDirectory(prefix="gradmeter-") as folder:
        found = goal(Path(folder))
        return found.name, ratios(found)


if __name__ == "__main__":
    name, figures = measure()
    median = statistics.median(figures)
    print(f"{name}: {median:.2f} ({figures[0]:.2f} to {figures[-1]:.2f}), at most {LIMIT}")
    sys.exit(median > LIMIT)
