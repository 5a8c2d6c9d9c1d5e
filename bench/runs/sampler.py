"""Sample a worker's resident memory from outside, with memory_profiler."""

from __future__ import annotations

import threading

import psutil

from gradmeter.bench.runs.launcher import Process


class Sampler:
    """Samples a process until stopped or until the process ends.

    memory_profiler is pointed at the process id: given a function to run instead, it may
    run it several times, and kills every child of this process if it raises.

    Args:
        interval: seconds between two samples, not counting the time that a sample takes.
    """

    def __init__(self, process: Process, interval: float) -> None:
        self._samples: list[tuple[float, int]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, args=(process.child.pid, interval), daemon=True
        )
        self._thread.start()

    def _watch(self, pid: int, interval: float) -> None:
        import memory_profiler  # here: a quarter of the imports of a command, where IPython is

        while not self._stopped.is_set():
            try:
                samples = memory_profiler.memory_usage(
                    pid, interval=interval, max_iterations=1, timestamps=True
                )
            except (psutil.Error, OSError):
                return  # the process has ended
            self._samples += [(when, int(mib * 2**20)) for mib, when in samples]

    def stop(self) -> list[tuple[float, int]]:
        """Stop, and return (``time.time()``, bytes) of each sample."""
        self._stopped.set()
        self._thread.join()
        return self._samples
