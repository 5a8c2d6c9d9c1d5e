"""Start a worker process and exchange requests with it; each failure becomes a WorkerError."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import gradmeter
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.engines import SCRATCH
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters import instructions
from gradmeter.bench.results.environment import cores
from gradmeter.bench.runs import allocators, descendants
from gradmeter.bench.runs.answers import Lines, reading_of
from gradmeter.bench.workloads import Workload

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # for JAX
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# With these, the interpreter traces, checks or prompts, and so changes what is measured.
_DISTURBING = {
    "PYTHONTRACEMALLOC",
    "PYTHONDEVMODE",
    "PYTHONMALLOC",
    "PYTHONMALLOCSTATS",
    "PYTHONINSPECT",
    "PYTHONPROFILEIMPORTTIME",
}
START_FOLDER = Path(gradmeter.__file__).parent
MOST_ANSWER = 64 * 2**20  # bytes: the timeline of some 300,000 operations
MOST_ERROR = 64 * 2**10  # bytes of a worker's standard error, from which the last line is told
START = START_FOLDER / "bench" / "runs" / "start_worker.py"


@dataclass(frozen=True)
class Spec:
    """How a worker is started: its interpreter, its engine's import path and its case.

    Attributes:
        core: the core that the worker is pinned to; None for no pinning. With several
            threads, the first of as many cores.
        threads: how many its engine's kernels may use.
        adapter: the file of the engine's adapter; empty where gradmeter knows the engine.
        scratch: a folder for what the engine compiles; empty for anywhere.
        objects: Python's own objects are allocated one by one on the C library's heap.
        environment: further variables of the worker's environment.
        engine_path: a folder that holds the engine's package; empty for the one installed.
        slower: the fraction by which each phase is prolonged; for testing verdicts on a
            known effect.
        more: operations that the case computes beyond its workload's; for the same.
        counts: the folder for the counters of a worker that runs under callgrind.
        history: what the process does before its case is built, see runs/histories.py.
        small_pages: keep NumPy from asking for huge pages, which blur resident memory.
        allocator: the policy of the C library's allocator, see runs/allocators.py.
        place: where in a huge page the heap begins, see runs/layout.py; None for anywhere.
    """

    workload: str
    size: int
    engine: str
    settings: tuple[tuple[str, Any], ...]
    collector: str
    seed: int
    core: int | None = None
    threads: int = 1
    interpreter: str = sys.executable
    adapter: str = ""
    scratch: str = ""
    objects: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    engine_path: str = ""
    slower: float = 0.0
    more: int = 0
    small_pages: bool = False
    place: int | None = None
    allocator: str = "system"
    history: str = ""
    counts: str = ""


def spec_of(workload: Workload, size: int, variant: Variant, **more: Any) -> Spec:
    """The spec of a case's worker: what the variant determines, with ``more`` on top."""
    fields: dict[str, Any] = {
        "workload": workload.name,
        "size": size,
        "engine": variant.engine.name,
        "settings": variant.of_engine,
        "threads": variant.threads,
        "interpreter": variant.python or sys.executable,
        "adapter": variant.engine.file,
    }
    return Spec(**{**fields, **more})


def _environment(spec: Spec) -> dict[str, str]:
    """A worker's environment: ours without `_DISTURBING`, and the variables of its spec."""
    environment = allocators.environment(spec.allocator, os.environ)
    environment = {k: v for k, v in environment.items() if k not in _DISTURBING}
    environment |= dict.fromkeys(_THREADS, str(spec.threads))
    # The safe path keeps what lies beside start_worker.py from being imported.
    environment["PYTHONSAFEPATH"] = "1"
    if spec.interpreter != sys.executable:  # our path is for our interpreter
        for name in ("PYTHONPATH", "PYTHONHOME"):
            environment.pop(name, None)
    if spec.small_pages:
        environment["NUMPY_MADVISE_HUGEPAGE"] = "0"
    if spec.place is not None:  # the order in sets of strings is part of a layout
        environment["PYTHONHASHSEED"] = str(spec.place)
    if spec.counts:
        environment["PYTHONHASHSEED"] = "0"
    if spec.scratch:
        environment[SCRATCH] = spec.scratch
    if spec.objects:
        environment["PYTHONMALLOC"] = "malloc"
    environment |= dict(spec.environment)
    return environment


def _cores(spec: Spec) -> list[int]:
    """The cores that a worker is pinned to; none for no pinning."""
    if spec.core is None:
        return []
    available = [core for core in cores() if core is not None]
    if spec.core not in available:
        return [spec.core]  # pinning fails in the worker, with the system's message
    first = available.index(spec.core)
    return [*available[first:], *available[:first]][: spec.threads]


def _command(spec: Spec) -> list[str]:
    command = [spec.interpreter, str(START), str(START_FOLDER)]
    if not spec.counts:
        return command
    return [*instructions.command(Path(spec.counts)), *command, "worker", "alone"]


class Process:
    """A worker process. It ends with `close`, with its standard input, or by itself.

    Args:
        limit: the most seconds that one answer may take.
    """

    def __init__(self, spec: Spec, limit: float) -> None:
        self.limit = limit
        self._closed = False
        self._mark = descendants.new_mark()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (close)
        try:
            self.popen = subprocess.Popen(
                _command(spec),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_environment(spec) | {descendants.MARK: self._mark},
                start_new_session=True,  # Ctrl-C reaches only us; we end the workers
            )
        except OSError as error:
            self._errors.close()
            raise WorkerError(
                "crashed", f"the interpreter {spec.interpreter} cannot be started: {error}"
            ) from None
        assert self.popen.stdout is not None
        self._answers = Lines(self.popen.stdout.fileno(), MOST_ANSWER, self.popen.pid)
        self._send(
            {
                "workload": spec.workload,
                "size": spec.size,
                "engine": spec.engine,
                "settings": dict(spec.settings),
                "collector": spec.collector,
                "seed": spec.seed,
                "cores": _cores(spec),
                "adapter": spec.adapter,
                "slower": spec.slower,
                "more": spec.more,
                "engine_path": spec.engine_path,
                "place": spec.place,
                "history": spec.history,
            }
        )

    def _send(self, request: dict[str, Any]) -> None:
        assert self.popen.stdin is not None
        # Reading the answer reports a worker that has ended.
        with contextlib.suppress(OSError, ValueError):
            self.popen.stdin.write(json.dumps(request).encode() + b"\n")
            self.popen.stdin.flush()

    def ready(self) -> None:
        """Wait until the case is built.

        Raises:
            WorkerError: as `ask`.
        """
        self._answer()

    def step(self) -> dict[str, Any]:
        """Let a worker that is stepped through go on, and return what it says of the next phase.

        Raises:
            WorkerError: as `ask`.
        """
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.popen.stdin.write(b"\n")
            self.popen.stdin.flush()
        return self._answer()

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter and return its reading.

        Raises:
            WorkerError: the worker crashed, was killed, took longer than its limit, gave no
                valid answer, or its program raised.
        """
        self._send({"meter": meter, **request})
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._answers.next(self.limit)
        except TimeoutError:
            self.close()
            raise WorkerError(
                "timed out", f"no answer within {self.limit:g} seconds; the worker was ended"
            ) from None
        except ValueError as error:
            self.close()
            raise WorkerError("rubbish", f"the worker's answer is no reading: {error}") from None
        if not line:
            raise self._exit_error()
        try:
            return reading_of(line)
        except ValueError as error:
            self.close()
            raise WorkerError(
                "rubbish", f"the worker's answer is not a reading ({error}): {line[:80]!r}"
            ) from None

    def _exit_error(self) -> WorkerError:
        """The error for a worker that closed its output, from how its process ended."""
        try:
            code = self.popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.close()
            return WorkerError("rubbish", "the worker closed its output and did not end")
        if self._errors.closed:
            return WorkerError("crashed", "the worker has ended already")
        end = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, end - MOST_ERROR))  # of what may be gigabytes, the end
        lines = self._errors.read(MOST_ERROR).decode(errors="replace").strip().splitlines()
        last = f": {lines[-1][:300]}" if lines else ""
        self.close()
        if code >= 0:
            return WorkerError("crashed", f"the worker ended with exit code {code}{last}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = "; perhaps the system ran out of memory" if name == "SIGKILL" else ""
        kind = "killed" if name in ("SIGKILL", "SIGTERM") else "crashed"
        return WorkerError(kind, f"the worker was ended by {name}{hint}{last}")

    def _kill(self) -> None:
        """Kill the process and everything that it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self.popen.pid, signal.SIGKILL)  # it leads its own session
        with contextlib.suppress(OSError):
            self.popen.kill()
        self.popen.wait()

    def close(self) -> None:
        """End the process, whatever it is doing; may be called again."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        if self._closed:
            return
        family = descendants.family(self.popen.pid)  # which is scattered when the worker ends
        try:
            with contextlib.suppress(OSError, ValueError):
                self.popen.stdin.close()
            self.popen.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also on Ctrl-C: no process may be left behind
            self._kill()
            descendants.end(family, self._mark)
            self._closed = True
            self._answers.close()
            self.popen.stdout.close()
            self._errors.close()
