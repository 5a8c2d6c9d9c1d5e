"""The speed goals of `engine.compile`: against eager and the bandwidth of memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from gradmeter import engine
from gradmeter.bench import workloads
from gradmeter.bench.goals.goal import Goal, without_setup
from gradmeter.bench.meters.allocations import counting
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.runs.spec import COLD

POINTS = 10**7
SPARE = 10**6  # bytes beyond inputs and outputs
FIRST_CALL_SECONDS = 0.25  # with the import of llvmlite, of a process that compiles
KEPT_CALL_SECONDS = 0.06  # the same where an earlier process compiled
CALL_MICROSECONDS = 10.0  # over 10 elements
GOLDSTEIN_PRICE = partial(workloads.get("goldstein_price").function, engine)

_FIRST_CALL = """
import time
import numpy as np, engine
from gradmeter.bench.goals.compiler import GOLDSTEIN_PRICE
points = np.random.default_rng(0).uniform(-2, 2, (2, 1000))
run = engine.compile(GOLDSTEIN_PRICE)
{before}
began = time.perf_counter()
run(engine.Variable(points[0]), engine.Variable(points[1]))
print(time.perf_counter() - began)
"""


@contextmanager
def cores(count: int) -> Iterator[None]:
    """Run on the first ``count`` of our cores in the block, where there is pinning."""
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _points() -> Any:
    return np.random.default_rng(0).uniform(-2, 2, (2, POINTS))


def _compiled(points: Any, threads: int) -> Callable[[], object]:
    run = engine.compile(GOLDSTEIN_PRICE, threads=threads)
    x, y = map(engine.Variable, points)
    return lambda: run(x, y)


def _eager(points: Any) -> Callable[[], object]:
    x, y = map(engine.Variable, points)

    def work() -> None:
        x.cleargrad()
        y.cleargrad()
        GOLDSTEIN_PRICE(x, y).backward()

    return work


def _copied(points: Any, threads: int) -> Callable[[], object]:
    """Read both inputs and write as many bytes as value and gradients have: the lower bound."""
    parts = [slice(POINTS * i // threads, POINTS * (i + 1) // threads) for i in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def part(arrays: list[Any], where: slice) -> None:
        np.copyto(arrays[0][where], points[0][where])
        np.copyto(arrays[1][where], points[1][where])
        arrays[2][where].fill(1.0)

    def work() -> None:
        arrays = [np.empty(POINTS) for _ in range(3)]
        list(pool.map(partial(part, arrays), parts))

    return work


def goals(threads: int) -> list[Goal]:
    """Return the goals for Goldstein-Price's value and gradients over 1e7 points."""
    points = _points()
    compiled = without_setup(_compiled(points, threads))
    name = f"Goldstein-Price compiled, 1e7 points, {threads} thread{'s' * (threads > 1)}"
    return [
        Goal(f"{name}, against eager", 1 / 30, compiled, without_setup(_eager(points)), 5),
        Goal(
            f"{name}, against reading the inputs and writing the outputs",
            1.3,
            compiled,
            without_setup(_copied(points, threads)),
            21,
        ),
    ]


def spare() -> int:
    """Measure the peak bytes of a compiled Goldstein-Price beyond its inputs and outputs."""
    points = _points()
    run = _compiled(points, 1)
    run()
    with counting() as count:
        outputs = run()
        assert outputs is not None
        return count.peak - int(3 * points[0].nbytes)


def first_call_seconds(*, kept: bool, imported: bool = False, times: int = 5) -> list[float]:
    """Time the first compiled call of fresh processes; sorted.

    Args:
        kept: whether an earlier process has kept the kernels; else none are loaded or kept.
        imported: whether llvmlite is imported before; else its import is part of the call.
    """
    program = _FIRST_CALL.format(before="import llvmlite.binding" if imported else "")
    with temporary_folder() as folder:
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder)} | ({} if kept else COLD)
        if kept:
            environment = {k: v for k, v in environment.items() if k not in COLD}
        calls = [
            subprocess.run(
                [sys.executable, "-c", program],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
            )
            for _ in range(times + kept)
        ]
    return sorted(float(call.stdout) for call in calls[kept:])


def call_goals() -> list[tuple[str, list[float]]]:
    """Time calls over 10 elements, each many times: names and processor microseconds; sorted."""
    x, y = map(engine.Variable, np.random.default_rng(0).uniform(-2, 2, (2, 10)))
    return [
        ("Goldstein-Price over 10 points", _microseconds(GOLDSTEIN_PRICE, x, y)),
        ("a sum of squared differences of 10 elements", _microseconds(_squared_error, x, y)),
    ]


def _squared_error(x: Any, y: Any) -> Any:
    return engine.sum((x - y) ** 2)


def _microseconds(function: Callable[..., Any], *arguments: Any) -> list[float]:
    run = engine.compile(function)
    figures = []
    for _ in range(31):
        began = time.process_time()
        for _ in range(1000):
            run(*arguments)
        figures.append((time.process_time() - began) * 1e3)  # of a thousand calls
    return sorted(figures[1:])
