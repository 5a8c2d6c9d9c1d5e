"""How a worker is started: its interpreter, its environment and its case."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.environment import cores
from gradmeter.bench.runs import allocators
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
# What an earlier process compiled changes nothing: every worker compiles its kernels itself.
COLD = {"GRADMETER_COMPILE_CACHE": "off"}


@dataclass(frozen=True)
class Spec:
    """How a worker is started: its interpreter, its engine's import path and its case.

    Attributes:
        core: the core that the worker is pinned to; None for no pinning. With several
            threads, the first of as many cores.
        threads: how many its engine's kernels may use.
        source: the file and the name of the workload; empty where its name suffices.
        adapter: the file of the engine's adapter; empty where gradmeter knows the engine.
        scratch: a folder for what the engine compiles; empty for anywhere.
        objects: Python's own objects are allocated one by one on the C library's heap.
        environment: further variables of the worker's environment.
        engine_path: a folder that holds the engine's package; empty for the one installed.
        packages: the folder of each package that is imported from there, by its name.
        origins: the folders that `packages` and `proven` have to lie in; none for any.
        proven: the engine's packages, which are proven to be imported from `origins`.
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
    packages: tuple[tuple[str, str], ...] = ()
    origins: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    slower: float = 0.0
    more: int = 0
    small_pages: bool = False
    place: int | None = None
    allocator: str = "system"
    history: str = ""
    counts: str = ""
    source: str = ""


def spec_of(workload: Workload, size: int, variant: Variant, **more: Any) -> Spec:
    """The spec of a case's worker: what the variant determines, with ``more`` on top.

    What becomes of freed memory is the variant's to say, where it says anything.

    Raises:
        UsageError: it does, and the C library here cannot.
    """
    if variant.memory:
        reason = allocators.unavailable()
        if reason:
            raise UsageError(f"{variant}: memory={variant.memory} cannot be set: {reason}")
        more["allocator"] = variant.memory
    fields: dict[str, Any] = {
        "workload": workload.name,
        "source": workload.source,
        "size": size,
        "engine": variant.engine.name,
        "settings": variant.of_engine,
        "threads": variant.threads,
        "interpreter": variant.python or sys.executable,
        "adapter": variant.engine.file,
        "proven": variant.engine.packages,
    }
    return Spec(**{**fields, **more})


def environment(spec: Spec) -> dict[str, str]:
    """A worker's environment: ours without `_DISTURBING`, and the variables of its spec."""
    variables = undisturbed(spec.allocator, spec.threads)
    # The safe path keeps what lies beside start_worker.py from being imported.
    variables["PYTHONSAFEPATH"] = "1"
    if spec.interpreter != sys.executable:  # our path is for our interpreter
        for name in ("PYTHONPATH", "PYTHONHOME"):
            variables.pop(name, None)
    if spec.small_pages:
        variables["NUMPY_MADVISE_HUGEPAGE"] = "0"
    if spec.place is not None:  # the order in sets of strings is part of a layout
        variables["PYTHONHASHSEED"] = str(spec.place)
    if spec.counts:
        variables["PYTHONHASHSEED"] = "0"
        # Else the first process compiles modules that the next one loads: another history.
        variables["PYTHONDONTWRITEBYTECODE"] = "1"
    if spec.objects:
        variables["PYTHONMALLOC"] = "malloc"
    variables |= dict(spec.environment)
    return variables


def undisturbed(allocator: str, threads: int) -> dict[str, str]:
    """Our environment without `_DISTURBING`, with an allocator's policy and so many threads."""
    variables = allocators.environment(allocator, os.environ)
    variables = {k: v for k, v in variables.items() if k not in _DISTURBING}
    return variables | dict.fromkeys(_THREADS, str(threads)) | COLD


def pinned(spec: Spec) -> list[int]:
    """The cores that a worker is pinned to; none for no pinning."""
    if spec.core is None:
        return []
    available = [core for core in cores() if core is not None]
    if spec.core not in available:
        return [spec.core]  # pinning fails in the worker, with the system's message
    first = available.index(spec.core)
    return [*available[first:], *available[:first]][: spec.threads]


def case(spec: Spec) -> dict[str, Any]:
    """The first request of a worker: all that it needs to build its case."""
    return {
        "workload": spec.workload,
        "source": spec.source,
        "size": spec.size,
        "engine": spec.engine,
        "settings": dict(spec.settings),
        "collector": spec.collector,
        "seed": spec.seed,
        "cores": pinned(spec),
        "adapter": spec.adapter,
        "slower": spec.slower,
        "more": spec.more,
        "engine_path": spec.engine_path,
        "packages": dict(spec.packages),
        "origins": spec.origins,
        "proven": spec.proven,
        "scratch": spec.scratch,
        "place": spec.place,
        "history": spec.history,
    }
