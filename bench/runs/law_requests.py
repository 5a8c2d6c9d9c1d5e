"""The request of a worker that is about laws: the exact bytes of its workload at any size."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from gradmeter.bench.cases.program import Program, program, sources
from gradmeter.bench.engines import Adapter
from gradmeter.bench.workloads import Workload


class Bench(Protocol):
    """A worker's case."""

    engine: str
    adapter: Adapter
    workload: Workload
    warm: set[str]


def law_point(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    """Measure one point: a workload at a size, in two passes.

    Args:
        request: "workload" names it as `workloads.get` does, "size" and "seed" are its inputs';
            "modules" and "files" are what is watched, where they are given.

    Returns:
        The figures that are the same in both passes, the peaks of lines by figure, both values of
        each figure that "differ", the "seconds" of one
        pass, and of compiling what is compiled before it, and the "problem" of missing lines.

    Raises:
        CannotError: the engine lacks an operation that the workload uses.
    """
    from gradmeter.bench import workloads
    from gradmeter.bench.meters import phase_peaks

    workload = workloads.get(request["workload"])
    size, seed = int(request["size"]), int(request["seed"])
    make = _program(bench, workload, size, seed)
    began = time.perf_counter()
    _warm_up(bench, workload, make, seed)
    compiling = time.perf_counter() - began if bench.adapter.compiles else 0.0
    watches = None
    if "modules" in request:
        from gradmeter.bench.meters.watched_files import WatchedFiles

        files = [Path(file) for file in request["files"]]
        watches = WatchedFiles(patterns=request["modules"], files=files)
    first = phase_peaks.measure(make, watches)
    began = time.perf_counter()
    second = phase_peaks.measure(make)
    seconds = time.perf_counter() - began + compiling
    both = {name: (value, second.figures[name]) for name, value in first.figures.items()}
    return {
        "figures": {name: a for name, (a, b) in both.items() if a == b},
        "differ": {name: [a, b] for name, (a, b) in both.items() if a != b},
        "places": first.places,
        "problem": first.problem,
        "seconds": seconds,
    }


def _program(bench: Bench, workload: Workload, size: int, seed: int) -> Callable[[], Program]:
    return partial(program, workload, bench.adapter, sources(workload, size, seed))


def _warm_up(bench: Bench, workload: Workload, make: Callable[[], Program], seed: int) -> None:
    """Run what allocates at a first time: each workload, and what is compiled for a size."""
    from gradmeter.bench.runs import missing_operations

    if workload.name in bench.warm and not bench.adapter.compiles:
        return
    if not bench.adapter.compiles:
        make = _program(bench, workload, workload.small(workload.least), seed)
    with missing_operations.noted(bench.engine, bench.adapter, workload):
        for _phase in make():
            pass
    if not bench.warm:
        import gc

        gc.collect()
        gc.freeze()  # what is there already is not visited by the collections that follow
    bench.warm.add(workload.name)
