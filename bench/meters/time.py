"""The time meter: seconds of each phase of a program, with nothing traced."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter, process_time

from gradmeter.bench.cases.program import END, Program

PHASES = ("forward", "backward", "step")
CPU = "cpu"  # processor seconds of all phases


def measure(make: Callable[[], Program], loops: int, slower: float = 0.0) -> dict[str, float]:
    """Run the program ``loops`` times and return the seconds of each phase per run.

    Making inputs, dropping the result and the full collection at the start are not timed.
    Automatic collections while the program runs are timed. ``slower`` prolongs each phase
    by that fraction of its time.
    """
    gc.collect()
    seconds = dict.fromkeys((*PHASES, CPU), 0.0)
    for _ in range(loops):
        phases = make()
        name = next(phases)
        while name != END:
            used = process_time()
            start = perf_counter()
            following = next(phases)
            stop = perf_counter()
            if slower:
                until = process_time() + slower * (process_time() - used)
                while process_time() < until:
                    stop = perf_counter()
            if name in seconds:
                seconds[name] += stop - start
                seconds[CPU] += process_time() - used
            name = following
        del phases
    return {name: total / loops for name, total in seconds.items()}
