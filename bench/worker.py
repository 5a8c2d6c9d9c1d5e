"""A fresh, pinned process that applies one meter at a time to one case.

Started as ``python -m bench.worker``; it reads one JSON object a line from standard input
and answers each with one on standard output: {"ok": ...} or {"error": ...}. The first line
describes the case. It ends when its standard input does, whatever it is doing.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

Request = dict[str, Any]


class Bench:
    """One case, built: what requests are about."""

    def __init__(self, case: Request) -> None:
        # The engine under test may live elsewhere; the harness is this one.
        if case.get("engine_path"):
            _import_engine_from(case["engine_path"])
        from bench import engines, layout, workloads

        if case.get("adapter"):
            engines.add_file(Path(case["adapter"]))
        from bench.program import program, sources

        adapter = engines.get(case["engine"]).make(**case["settings"])
        workload = workloads.get(case["workload"])
        self.context = adapter.using()
        self.slower = case.get("slower", 0.0)
        if case.get("place") is not None:  # after the imports, before the first array
            from bench.meters import time  # noqa: F401

            layout.settle(case["place"])
        data = sources(workload, case["size"], case["seed"])
        small = sources(workload, min(case["size"], 8), case["seed"])
        self.make = partial(program, workload, adapter, data)
        self.make_small = partial(program, workload, adapter, small)
        self.make_named = partial(program, workload, adapter, data, named=True)
        self.adapter, self.workload = adapter, workload
        (gc.enable if case["collector"] == "on" else gc.disable)()

    def run(self) -> None:
        """Run the program once and drop everything."""
        for _phase in self.make():
            pass

    def check(self, request: Request) -> dict[str, Any]:
        """Run once and save what it computed to ``request["path"]``, an .npz file.

        Returns the seconds that this first run took, warming up and compiling included.
        """
        import numpy as np

        found: dict[str, Any] = {}
        began = time.perf_counter()

        def look(inputs: dict[str, Any], result: Any) -> None:
            found["seconds"] = time.perf_counter() - began
            trained = self.workload.rate is not None and self.adapter.records
            found["result after training" if trained else "result"] = self.adapter.value(result)
            for name, variable in inputs.items():
                if name in self.workload.constants:
                    continue
                gradient = self.adapter.gradient(variable)
                if gradient is not None:
                    found[f"gradient of {name}"] = gradient
                elif self.adapter.records and self.workload.backward and not trained:
                    raise RuntimeError(f"the backward left no gradient of {name}")
                if trained:
                    found[f"{name} after training"] = self.adapter.value(variable)

        for _phase in self.make(look):
            pass
        seconds = found.pop("seconds")
        np.savez(request["path"], **found)
        return {"names": sorted(found), "seconds": seconds}

    def allocations(self, _: Request) -> dict[str, Any]:
        """Measure exact bytes, three times, with the collector off."""
        from bench.meters import allocations
        from bench.meters.cycles import collector_off

        with collector_off():
            return {
                "passes": [
                    asdict(allocations.measure(self.make)) for _pass in range(allocations.PASSES)
                ]
            }

    def collected(self, _: Request) -> dict[str, Any]:
        """Measure the peak with the collector as users run it; not repeatable."""
        from bench.meters import allocations

        gc.collect()
        enabled = gc.isenabled()
        gc.enable()
        try:
            return {"peak": allocations.measure(self.make).peak}
        finally:
            if not enabled:
                gc.disable()

    def cycles(self, _: Request) -> dict[str, Any]:
        """Measure what only the collector can free."""
        from bench.meters import cycles

        return asdict(cycles.measure(self.run))

    def timeline(self, request: Request) -> dict[str, Any]:
        """Trace operations and arrays; None where there are more than ``request["most"]``."""
        from bench.meters.allocations import UnavailableError

        if self.adapter.compiles:  # what is fused does not tell of operations
            return {"timeline": None}
        try:
            from bench.meters import timeline

            for _phase in self.make_small():  # what code is loaded late is loaded now
                pass
            found = timeline.measure(self.make_named)
        except (ImportError, UnavailableError):  # an engine, or a Python, that does not tell
            return {"timeline": None}
        most = request.get("most", len(found.operations))
        return {"timeline": timeline.as_plain(found) if len(found.operations) <= most else None}

    def residency(self, _: Request) -> dict[str, Any]:
        """Measure the resident peak; only the first run in a process is meant."""
        from bench.meters import residency

        if self.adapter.compiles:  # for these shapes, which takes memory of its own
            self.run()
            return asdict(residency.measure(self.make, after_a_run=True))
        for _phase in self.make_small():  # what code is loaded late is loaded now
            pass
        return asdict(residency.measure(self.make))

    def heap(self, _: Request) -> dict[str, Any]:
        """Measure every byte that the process takes for one run, after another one.

        Also the bytes that have to be among them at the end: the data of inputs, result and
        gradients. Where they are not, the engine hands out memory that it has kept.
        """
        from bench.meters import heap

        if not heap.available():
            return {"passes": [], "least": 0}
        least = 0

        def look(inputs: dict[str, Any], result: Any) -> None:
            nonlocal least
            found = [self.adapter.value(result)]
            for name, variable in inputs.items():
                if name not in self.workload.constants:
                    found += [self.adapter.value(variable), self.adapter.gradient(variable)]
            least = sum(array.nbytes for array in found if array is not None)

        for _phase in self.make(look):
            pass
        heap.measure(self.make_small)  # what memray takes when it is used first
        return {
            "passes": [asdict(heap.measure(self.make)) for _pass in range(heap.PASSES)],
            "least": least,
        }

    def time(self, request: Request) -> dict[str, float]:
        """Time one round of ``request["loops"]`` runs: seconds per run, by phase."""
        from bench.meters.time import measure

        return measure(self.make, request["loops"], self.slower)

    def selftest(self, _: Request) -> dict[str, Any]:
        """Try the meters on known truth."""
        from bench.meters import selftest

        return {"tests": selftest.run()}


class _OnlyIn(MetaPathFinder):
    """Finds the package engine, and its modules, in one folder and nowhere else."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Have what is missing there be missing, even if another engine is installed."""
        if name != "engine" and not name.startswith("engine."):
            return None
        found = PathFinder.find_spec(name, path or [self.folder], target)
        if found is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found


def _import_engine_from(folder: str) -> None:
    """Make the package ``engine`` in this folder the one that is measured.

    Raises:
        ImportError: there is none.
    """
    sys.meta_path.insert(0, _OnlyIn(folder))
    sys.path.insert(0, folder)
    try:
        import engine
    except Exception as error:
        raise ImportError(
            f"this engine does not import ({type(error).__name__}: {error})"
        ) from error

    found = Path(engine.__file__ or "").resolve()
    if not found.is_relative_to(Path(folder).resolve()):
        raise ImportError(f"there is no package engine in {folder}")
    sys.path.remove(folder)


def _die_with_parent() -> None:
    """Have Linux end this process when its parent ends, whatever either is doing."""
    if sys.platform == "linux":
        parent = os.getppid()
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def _pin(cores: list[int]) -> None:
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _requests() -> queue.SimpleQueue[str]:
    """Lines of standard input; the process ends with it, even in the middle of a request."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def main() -> None:
    """Serve requests until standard input ends."""
    # What a workload prints must not mix with the answers.
    _die_with_parent()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    lines = _requests()
    bench: Bench | None = None
    with ExitStack() as stack:
        while True:
            request = json.loads(lines.get())
            try:
                if bench is None:
                    bench = Bench(request)
                    _pin(request["cores"])  # not before: a set's processes load on every core
                    stack.enter_context(bench.context)
                    answer: dict[str, Any] = {"ok": {"python": sys.version.split()[0]}}
                else:
                    meter: Callable[[Request], Any] = getattr(bench, request["meter"])
                    answer = {"ok": meter(request)}
            except Exception as error:
                traceback.print_exc()
                notes = "; ".join(getattr(error, "__notes__", ()))
                answer = {"error": f"{type(error).__name__}: {error}" + (notes and f" ({notes})")}
            answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
