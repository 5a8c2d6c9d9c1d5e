"""The main program of a worker: a pinned process that applies meters to one case, one at a time.

start_worker.py runs it. It reads one JSON object per line from standard input and answers
each with one on standard output: {"ok": ...} or {"error": ...}. The first line describes
the case. The process ends when its standard input does, whatever it is doing.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradmeter.bench.runs.revision_packages import Checkout
from gradmeter.bench.runs.ties import adopt_orphans, die_with_parent

if TYPE_CHECKING:
    from gradmeter.bench.cases.program import Program
    from gradmeter.bench.engines import Adapter, Engine
    from gradmeter.bench.workloads import Workload

Request = dict[str, Any]


class Bench:
    """A built case; each public method answers a request of its name.

    Args:
        answers: the file descriptor that answers are written to.
    """

    def __init__(self, case: Request, answers: int) -> None:
        self.answers = answers
        self.frozen = False
        self.warm: set[str] = set()  # workloads that have run, see law_requests.py
        # Only the engine under test comes from elsewhere, not the harness.
        if case.get("engine_path"):
            from gradmeter.bench.runs.revision_engine import import_engine_from

            import_engine_from(case["engine_path"])
        from gradmeter.bench import engines, workloads
        from gradmeter.bench.loading import add_folders
        from gradmeter.bench.runs import layout

        self.checkout = Checkout(case)
        if case.get("scratch"):
            os.environ[engines.SCRATCH] = case["scratch"]
        if case.get("adapter"):
            path = Path(case["adapter"])
            add_folders(path)  # engines import late, too
            with self.checkout.explained():
                engines.add_file(path)
        from gradmeter.bench.cases.program import program, sources

        if case.get("history"):
            from gradmeter.bench.runs import histories

            histories.act(case["history"])
        with self.checkout.explained():
            adapter = _made(engines.get(case["engine"]), case["settings"])
        self.checkout.prove()
        workload = workloads.get(case.get("source") or case["workload"])
        workload = workloads.longer(workload, case.get("more", 0))
        self.context = adapter.using()
        self.slower = case.get("slower", 0.0)
        if case.get("place") is not None:  # after the imports, before the first array
            from gradmeter.bench.meters import time  # noqa: F401

            layout.settle(case["place"])
        data = sources(workload, case["size"], case["seed"])
        small = sources(workload, workload.small(case["size"]), case["seed"])
        self.make: Callable[..., Program] = partial(program, workload, adapter, data)
        self.make_small = partial(program, workload, adapter, small)
        self.make_named = partial(program, workload, adapter, data, named=True)
        self.adapter: Adapter = adapter
        self.workload: Workload = workload
        self.engine: str = case["engine"]
        (gc.enable if case["collector"] == "on" else gc.disable)()

    def run(self) -> None:
        """Run the program once and drop all that it holds."""
        for _phase in self.make():
            pass

    def check(self, request: Request) -> dict[str, Any]:
        """Run once and save the results to ``request["path"]``, an .npz file.

        Returns the seconds of this first run, warming up and compiling included.

        Raises:
            CannotError: the engine lacks an operation that the workload uses.
        """
        import numpy as np

        from gradmeter.bench.runs import missing_operations

        results: dict[str, Any] = {}
        began = time.perf_counter()

        def look(inputs: dict[str, Any], result: Any) -> None:
            results["seconds"] = time.perf_counter() - began
            trained = self.workload.rate is not None and self.adapter.records
            results["result after training" if trained else "result"] = self.adapter.value(result)
            for name, variable in inputs.items():
                if name in self.workload.constants:
                    continue
                gradient = self.adapter.gradient(variable)
                if gradient is not None:
                    results[f"gradient of {name}"] = gradient
                elif self.adapter.records and self.workload.backward and not trained:
                    raise RuntimeError(
                        f"backward leaves no gradient of {name}; an input that gets none has to "
                        "be among the workload's constants"
                    )
                if trained:
                    results[f"{name} after training"] = self.adapter.value(variable)

        with missing_operations.noted(self.engine, self.adapter, self.workload):
            for _phase in self.make(look):
                pass
        self.checkout.prove(complete=True)
        seconds = results.pop("seconds")
        np.savez(request["path"], **results)
        return {"names": sorted(results), "seconds": seconds}

    def allocations(self, _: Request) -> dict[str, Any]:
        """Measure exact bytes, three times, with the collector off."""
        from gradmeter.bench.meters import allocations
        from gradmeter.bench.meters.cycles import collector_off

        with collector_off():
            return {
                "passes": [
                    asdict(allocations.measure(self.make)) for _pass in range(allocations.PASSES)
                ]
            }

    def collected(self, _: Request) -> dict[str, Any]:
        """Measure the peak with the collector on, as users run it; it is not repeatable."""
        from gradmeter.bench.meters import allocations

        gc.collect()
        enabled = gc.isenabled()
        gc.enable()
        try:
            return {"peak": allocations.measure(self.make).peak}
        finally:
            if not enabled:
                gc.disable()

    def cycles(self, _: Request) -> dict[str, Any]:
        """Measure the memory that only the collector can free."""
        from gradmeter.bench.meters import cycles

        return asdict(cycles.measure(self.run))

    def timeline(self, request: Request) -> dict[str, Any]:
        """Trace operations and arrays; None with more operations than ``request["most"]``."""
        from gradmeter.bench.meters.python_allocators import UnavailableError

        if self.adapter.compiles:  # compiled code reports no operations
            return {"timeline": None}
        from gradmeter.bench.runs import missing_operations

        try:
            from gradmeter.bench.meters import timeline

            with missing_operations.noted(self.engine, self.adapter, self.workload):
                for _phase in self.make_small():  # loads the code that is loaded on first use
                    pass
            trace = timeline.measure(self.make_named)
        except (ImportError, UnavailableError):  # this engine or Python reports no operations
            return {"timeline": None}
        most = request.get("most", len(trace.operations))
        return {"timeline": timeline.as_plain(trace) if len(trace.operations) <= most else None}

    def residency(self, _: Request) -> dict[str, Any]:
        """Measure the resident peak; meaningful for the first run in a process only."""
        from gradmeter.bench.meters import residency

        if self.adapter.compiles:  # compiling for these shapes takes memory too
            self.run()
            return asdict(residency.measure(self.make, after_a_run=True))
        for _phase in self.make_small():  # loads the code that is loaded on first use
            pass
        return asdict(residency.measure(self.make))

    def heap(self, _: Request) -> dict[str, Any]:
        """Measure every byte that the process allocates for one run, after a first one.

        Also returns the bytes that the heap must hold at the end: the data of inputs, result
        and gradients. A smaller heap means that the engine reuses memory that it has kept.
        """
        from gradmeter.bench.meters import heap

        if not heap.available():
            return {"passes": [], "least": 0}
        least = 0

        def look(inputs: dict[str, Any], result: Any) -> None:
            nonlocal least
            arrays = [self.adapter.value(result)]
            for name, variable in inputs.items():
                if name not in self.workload.constants:
                    arrays += [self.adapter.value(variable), self.adapter.gradient(variable)]
            least = sum(array.nbytes for array in arrays if array is not None)

        for _phase in self.make(look):
            pass
        heap.measure(self.make_small)  # memray allocates memory of its own on first use
        return {
            "passes": [asdict(heap.measure(self.make)) for _pass in range(heap.PASSES)],
            "least": least,
        }

    def time(self, request: Request) -> dict[str, float]:
        """Time one round of ``request["loops"]`` runs: seconds per run, by phase."""
        from gradmeter.bench.meters.time import measure

        if not self.frozen:
            # The collector visits what the program makes, not what imports left before it.
            gc.collect()
            gc.freeze()
            self.frozen = True
        return measure(self.make, request["loops"], self.slower)

    def stepped(self, request: Request) -> dict[str, Any]:
        """Run a program that waits before each phase; see stepping.py."""
        from gradmeter.bench.runs import stepping

        return stepping.stepped(self, request)

    def lines(self, request: Request) -> dict[str, Any]:
        """Measure the lines of the program, and explain its peak; see line_requests.py."""
        from gradmeter.bench.runs import line_requests

        return line_requests.lines(self, request)

    def line_timeline(self, request: Request) -> dict[str, Any]:
        """Record what is alive when, by lines; see line_requests.py."""
        from gradmeter.bench.runs import line_requests

        return line_requests.line_timeline(self, request)

    def law_point(self, request: Request) -> dict[str, Any]:
        """Measure the exact bytes of the workload, at any size and depth; see law_requests.py."""
        from gradmeter.bench.runs import law_requests

        return law_requests.law_point(self, request)

    def ground(self, _: Request) -> dict[str, str]:
        """Describe what a count of instructions depends on besides the code."""
        from gradmeter.bench.meters import ground

        return ground.describe()

    def python_calls(self, _: Request) -> dict[str, int]:
        """Count the calls of each Python function, after a first run."""
        from gradmeter.bench.meters import python_calls

        self.run()
        return python_calls.measure(self.make)

    def selftest(self, _: Request) -> dict[str, Any]:
        """Test the meters on known values."""
        from gradmeter.bench.meters import selftest

        return {"tests": selftest.run()}


def _made(engine: Engine, settings: dict[str, Any]) -> Adapter:
    """Make an engine's adapter.

    Raises:
        RuntimeError: making it raises SystemExit or KeyboardInterrupt.
    """
    try:
        return engine.make(**settings)
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(
            f"making the adapter of {engine.name} raised {type(error).__name__}: {error}"
        ) from error


def _pin(cores: list[int]) -> None:
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _lines(*, alone: bool) -> Callable[[], str]:
    """What returns the next line of standard input.

    The process exits at its end, in the middle of a request too; ``alone`` reads without a
    thread, whose turns would be counted with the instructions of a phase.
    """
    if not alone:
        return _requests().get
    return lambda: sys.stdin.readline() or os._exit(0)


def _requests() -> queue.SimpleQueue[str]:
    """A queue of the lines of standard input, at whose end the process exits at once."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def main() -> None:
    """Serve requests until standard input ends; with the argument "alone", in one thread."""
    die_with_parent()
    adopt_orphans()
    # A workload that prints must not write between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    next_line = _lines(alone="alone" in sys.argv[1:])
    bench: Bench | None = None
    with ExitStack() as stack:
        while True:
            request = json.loads(next_line())
            try:
                if bench is None:
                    bench = Bench(request, answers.fileno())
                    _pin(request["cores"])  # not earlier: the workers of a set load on every core
                    stack.enter_context(bench.context)
                    answer: dict[str, Any] = {"ok": {"python": sys.version.split()[0]}}
                else:
                    meter: Callable[[Request], Any] = getattr(bench, request["meter"])
                    answer = {"ok": meter(request)}
            except Exception as error:
                from gradmeter.bench.runs.failures import failure_of

                traceback.print_exc()
                answer = failure_of(error)
            answers.write(json.dumps(answer) + "\n")
