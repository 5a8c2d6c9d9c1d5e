"""Starting a worker and talking to it: what can go wrong with a process ends here."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from bench import engines
from bench.engines import SCRATCH
from bench.environment import cores
from bench.errors import WorkerError
from bench.variants import Variant

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # what JAX reads
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# What would make the interpreter trace, check or ask, and so measure something else.
_DISTURBING = {
    "PYTHONTRACEMALLOC",
    "PYTHONDEVMODE",
    "PYTHONMALLOC",
    "PYTHONMALLOCSTATS",
    "PYTHONINSPECT",
    "PYTHONPROFILEIMPORTTIME",
}
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Spec:
    """A worker to be started: an interpreter, an import path for the engine, and a case.

    Attributes:
        core: the core it is pinned to; None for no pinning. With several threads, the
            first of as many cores.
        threads: that its engine's kernels may use.
        adapter: the file of the engine's adapter; empty where gradmeter knows the engine.
        scratch: a folder where the engine may keep what it compiled; empty for anywhere.
        objects: have Python's own objects come from the C library's heap, one by one.
        environment: what else is set in the worker's environment.
        engine_path: a folder that holds the engine's package; empty for the one installed.
        slower: by how much each phase is made to last longer than it does, as a fraction
            of it; for trying verdicts on a known truth.
        small_pages: keep NumPy from asking for huge pages, which blur resident memory.
        place: where in a huge page its memory begins, see bench.layout; None for anywhere.
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
    small_pages: bool = False
    place: int | None = None


def spec_of(workload: str, size: int, variant: Variant, **more: Any) -> Spec:
    """The worker of a case: what the variant's name says of how it is started, and more."""
    found: dict[str, Any] = {
        "workload": workload,
        "size": size,
        "engine": variant.engine,
        "settings": variant.of_engine,
        "threads": variant.threads,
        "interpreter": variant.python or sys.executable,
        "adapter": engines.file_of(variant.engine),
    }
    return Spec(**{**found, **more})


def _environment(spec: Spec) -> dict[str, str]:
    """A worker's environment: ours, without what disturbs, and what its case asks for."""
    environment = {k: v for k, v in os.environ.items() if k not in _DISTURBING}
    environment |= dict.fromkeys(_THREADS, str(spec.threads))
    ours = spec.interpreter == sys.executable
    path = [str(_ROOT if ours else apart())]
    if ours:  # what else is on our path was installed for this interpreter
        path += filter(None, [os.environ.get("PYTHONPATH", "")])
    # The safe path keeps what lies in the working directory from being imported.
    environment |= {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
    if not ours:
        environment.pop("PYTHONHOME", None)
    if spec.small_pages:
        environment["NUMPY_MADVISE_HUGEPAGE"] = "0"
    if spec.place is not None:  # the order in sets of strings is part of a layout
        environment["PYTHONHASHSEED"] = str(spec.place)
    if spec.scratch:
        environment[SCRATCH] = spec.scratch
    if spec.objects:
        environment["PYTHONMALLOC"] = "malloc"
    environment |= dict(spec.environment)
    return environment


@cache
def apart() -> Path:
    """A folder with our packages and no others, for an interpreter that has its own."""
    folder = Path(tempfile.mkdtemp(prefix="gradmeter-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for package in ("bench", "engine"):
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.submodule_search_locations
        source = found.submodule_search_locations[0]
        shutil.copytree(source, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _cores(spec: Spec) -> list[int]:
    """The cores that a worker is pinned to; none for no pinning."""
    if spec.core is None:
        return []
    there = [core for core in cores() if core is not None]
    if spec.core not in there:
        return [spec.core]  # the worker says what is wrong with it
    first = there.index(spec.core)
    return [*there[first:], *there[:first]][: spec.threads]


class Process:
    """A worker process. Ends with `close`, with its parent's standard input, or by itself.

    Args:
        limit: seconds that it may take for one answer.
    """

    def __init__(self, spec: Spec, limit: float) -> None:
        self.limit = limit
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (close)
        try:
            self.popen = subprocess.Popen(
                [spec.interpreter, "-m", "bench.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_environment(spec),
                start_new_session=True,  # Ctrl-C is for us, who then end the workers
            )
        except OSError as error:
            self._errors.close()
            raise WorkerError(
                "crashed", f"the interpreter {spec.interpreter} cannot be started: {error}"
            ) from None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
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
                "engine_path": spec.engine_path,
                "place": spec.place,
            }
        )

    def _read(self) -> None:
        assert self.popen.stdout is not None
        with contextlib.suppress(ValueError, OSError):  # closed while reading
            for line in self.popen.stdout:
                self._lines.put(line)
        self._lines.put(b"")  # the end

    def _send(self, request: dict[str, Any]) -> None:
        assert self.popen.stdin is not None
        # A worker that has ended is found out about where its answer is missing.
        with contextlib.suppress(OSError, ValueError):
            self.popen.stdin.write(json.dumps(request).encode() + b"\n")
            self.popen.stdin.flush()

    def ready(self) -> None:
        """Wait until the case is built.

        Raises:
            WorkerError: as `ask`.
        """
        self._answer()

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter and return its reading.

        Raises:
            WorkerError: the worker crashed, was killed, took longer than its limit, answered
                rubbish, or what it ran raised.
        """
        self._send({"meter": meter, **request})
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self.limit)
        except queue.Empty:
            self.close()
            raise WorkerError(
                "timed out", f"no answer within {self.limit:g} seconds; the worker was ended"
            ) from None
        if not line:
            self._lines.put(b"")  # for who asks again
            raise self._ended()
        try:
            answer = json.loads(line)
            if "error" in answer:
                raise WorkerError("raised", str(answer["error"]))
            reading = answer["ok"]
            if not isinstance(reading, dict):
                raise TypeError
        except (ValueError, TypeError, KeyError, RecursionError):
            self.close()
            raise WorkerError(
                "rubbish", f"the worker answered {line[:80]!r}, which is no reading"
            ) from None
        return reading

    def _ended(self) -> WorkerError:
        try:
            code = self.popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.close()
            return WorkerError("rubbish", "the worker closed its output and did not end")
        if self._errors.closed:
            return WorkerError("crashed", "the worker has ended already")
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        last = f": {lines[-1][:300]}" if lines else ""
        self.close()
        if code >= 0:
            return WorkerError("crashed", f"the worker ended with exit code {code}{last}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = "; perhaps for memory" if name == "SIGKILL" else ""
        kind = "killed" if name in ("SIGKILL", "SIGTERM") else "crashed"
        return WorkerError(kind, f"the worker was ended by {name}{hint}{last}")

    def _kill(self) -> None:
        """End the process and everything that it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self.popen.pid, signal.SIGKILL)  # it leads a session of its own
        with contextlib.suppress(OSError):
            self.popen.kill()
        self.popen.wait()

    def close(self) -> None:
        """End the process, whatever it is doing; may be called again."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            self.popen.stdin.close()
        try:
            self.popen.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also on Ctrl-C: nothing may be left behind
            self._kill()
            self._reader.join(timeout=1)
            self.popen.stdout.close()
            self._errors.close()
