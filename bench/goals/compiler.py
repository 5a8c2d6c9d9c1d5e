"""The speed goals of `engine.compile`: against eager, jax.jit and the bandwidth of memory."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from gradmeter import engine
from gradmeter.bench import workloads
from gradmeter.bench.goals.goal import Goal, without_setup
from gradmeter.bench.installing import install
from gradmeter.bench.meters.allocations import counting

POINTS = 10**7
SPARE = 10**6  # bytes beyond inputs and outputs
COMPILE_SECONDS = 1.5
GOLDSTEIN_PRICE = partial(workloads.get("goldstein_price").function, engine)

_FIRST_CALL = """
import llvmlite.binding, time
import numpy as np, engine
from gradmeter.bench.goals.compiler import GOLDSTEIN_PRICE
points = np.random.default_rng(0).uniform(-2, 2, (2, 1000))
run = engine.compile(GOLDSTEIN_PRICE)
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


def _jitted(points: Any) -> Callable[[], object]:
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    plain = partial(workloads.get("goldstein_price").function, jax.numpy)

    def value_and_gradients(x: Any, y: Any) -> Any:
        value, back = jax.vjp(plain, x, y)
        return value, back(jax.numpy.ones_like(value))

    run = jax.jit(value_and_gradients)
    x, y = map(jax.numpy.asarray, points)
    return lambda: jax.block_until_ready(run(x, y))


def goals(threads: int) -> list[Goal]:
    """Return the goals for Goldstein-Price's value and gradients over 1e7 points."""
    points = _points()
    compiled = without_setup(_compiled(points, threads))
    name = f"Goldstein-Price compiled, 1e7 points, {threads} thread{'s' * (threads > 1)}"
    compiler_goals = [
        Goal(f"{name}, against eager", 1 / 30, compiled, without_setup(_eager(points)), 5),
        Goal(
            f"{name}, against reading the inputs and writing the outputs",
            1.3,
            compiled,
            without_setup(_copied(points, threads)),
            21,
        ),
    ]
    try:
        compiler_goals.append(
            Goal(f"{name}, against jax.jit", 0.5, compiled, without_setup(_jitted(points)), 21)
        )
    except ImportError:
        print(f"JAX is not compared; {install('gradmeter[jax]')}", file=sys.stderr)
    return compiler_goals


def spare() -> int:
    """Measure the peak bytes of a compiled Goldstein-Price beyond its inputs and outputs."""
    points = _points()
    run = _compiled(points, 1)
    run()
    with counting() as count:
        outputs = run()
        assert outputs is not None
        return count.peak - int(3 * points[0].nbytes)


def compile_seconds(times: int = 5) -> list[float]:
    """Time a first compiled call in fresh processes that have imported LLVM; sorted."""
    calls = [
        subprocess.run(
            [sys.executable, "-c", _FIRST_CALL], capture_output=True, text=True, check=True
        )
        for _ in range(times)
    ]
    return sorted(float(call.stdout) for call in calls)
