"""The requests of a worker that are about lines: their bytes, and the timeline by lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from gradmeter.bench.cases.program import Program
from gradmeter.bench.engines import Adapter
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.workloads import Workload


class Bench(Protocol):
    """A worker's case."""

    engine: str
    adapter: Adapter
    workload: Workload
    make: Callable[..., Program]

    def run(self) -> None:
        """Run the program once."""


def lines(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    """Measure the lines of the case, after a first run, and explain its peak.

    Args:
        request: "modules" and "files" are what is watched.
    """

    def measure(watches: Any) -> Any:
        from gradmeter.bench.meters import case_lines

        return case_lines.measure(bench.make, watches)

    return _reading(bench, request, measure)


def line_timeline(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    """Record what is alive when by lines, after a first run.

    Args:
        request: as of `lines`, and "most", the moments that are kept.
    """

    def measure(watches: Any) -> Any:
        from gradmeter.bench.meters import case_lines

        return case_lines.timeline(bench.make, watches, request["most"])

    return _reading(bench, request, measure)


def _reading(
    bench: Bench, request: dict[str, Any], measure: Callable[[Any], Any]
) -> dict[str, Any]:
    """The reading, or None and the reason why there is none here."""
    from gradmeter.bench.runs import missing_operations

    try:
        from gradmeter.bench.meters.watched_files import WatchedFiles
        from gradmeter.bench.results.lines import plain
    except ImportError as error:  # another interpreter needs NumPy alone
        return {"reading": None, "reason": f"its Python has no {error.name}"}
    with missing_operations.noted(bench.engine, bench.adapter, bench.workload):
        bench.run()
    watches = WatchedFiles(
        patterns=request["modules"], files=[Path(file) for file in request["files"]]
    )
    try:
        return {"reading": plain(measure(watches)), "reason": ""}
    except UnavailableError as error:
        return {"reading": None, "reason": str(error)}
