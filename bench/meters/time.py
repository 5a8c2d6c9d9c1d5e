"""The time meter: seconds of each phase of a program, with nothing traced."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter, process_time

from bench.program import END, Program

PHASES = ("forward", "backward", "step")
CPU = "cpu"  # processor seconds of all phases together


def measure(make: Callable[[], Program], loops: int, slower: float = 0.0) -> dict[str, float]:
    """Run the program ``loops`` times and return the seconds of each phase per run.

    Making inputs, dropping the result and the full collection that comes first are not
    timed. What the collector does by itself while the program runs is. With ``slower``,
    each phase is made to last longer by that fraction of it.
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
