"""Have a worker measure the lines of a case."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec

from gradmeter.bench.cases.interpreters import ground
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.watched import watched
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.bench.results.lines import Lines, LineTimeline
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.spec import spec_of

Reading = TypeVar("Reading", bound=Lines | LineTimeline)


class Asked(Protocol):
    """A worker that is ready."""

    def ask(self, meter: str, **more: Any) -> Any:
        """Return its answer to a request."""


def refuse(group: Group) -> None:
    """Refuse an engine whose arrays are not NumPy's, or that is not installed.

    Raises:
        UsageError: the engine has an allocator of its own, or cannot be measured here.
    """
    engine = group.variants[0].engine
    if engine.memory == "own":
        raise UsageError(
            f"{engine.name} allocates the memory of its arrays itself, so no line's bytes are "
            f"known; gradmeter run --workload {group.workload.name} --variant {engine.name} "
            "--variant engine measures its whole heap"
        )
    ground(group.variants[0])  # refuses what is missing


def lines(group: Group, seed: int, include: list[str], limit: float) -> Lines:
    """Measure the lines of a group's first variant in a worker of its own.

    Args:
        include: patterns of modules and files to watch, too.

    Raises:
        UsageError: as `refuse`, or a pattern names nothing.
        WorkerError: the worker failed, or cannot measure lines.
    """
    return _alone(group, seed, include, limit, Lines)


def timeline(group: Group, seed: int, limit: float) -> LineTimeline:
    """Record the timeline by lines of a group's first variant in a worker of its own.

    Raises:
        UsageError, WorkerError: as `lines`.
    """
    return _alone(group, seed, [], limit, LineTimeline)


def _alone(
    group: Group, seed: int, include: list[str], limit: float, kind: type[Reading]
) -> Reading:
    refuse(group)
    WatchedFiles([], include)  # refuses a pattern before anything runs
    spec = spec_of(group.workload, group.size, group.variants[0], collector="off", seed=seed)
    worker = Process(spec, limit)
    try:
        worker.ready()
        reading, reason = ask(worker, group, 0, kind, include)
    finally:
        worker.close()
    if reading is None:
        raise WorkerError("unavailable", f"lines cannot be measured: {reason}")
    return reading


def ask(
    worker: Asked,
    group: Group,
    index: int,
    kind: type[Reading],
    include: list[str] | None = None,
    most: int = 1000,
) -> tuple[Reading | None, str]:
    """Ask a worker for a reading of lines; None with a reason where it cannot be taken.

    Args:
        index: of the variant in its group.
        most: how many moments of a timeline are kept.
    """
    chosen = watched(group.variants[index].engine, group.workload)
    request: dict[str, Any] = {
        "modules": [*chosen.modules, *(include or [])],
        "files": list(chosen.files),
        "most": most,
    }
    with readings():
        answer = worker.ask("lines" if kind is Lines else "line_timeline", **request)
        plain, reason = answer["reading"], str(answer["reason"])
        return None if plain is None else msgspec.convert(plain, kind), reason
