"""Where the workloads of a run come from that are none of gradmeter's own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.errors import UsageError
from gradmeter.bench.loading import entry_points
from gradmeter.bench.results.run import Origin
from gradmeter.bench.workloads import Workload


def origins(groups: Sequence[Group]) -> dict[str, Origin]:
    """Return the origin of each workload that is none of ours, by the workload's name.

    Raises:
        UsageError: a workload's file cannot be read any more.
    """
    chosen = dict.fromkeys(group.workload for group in groups)
    return {w.name: _origin(w) for w in chosen if not workloads.is_ours(w)}


def _origin(workload: Workload) -> Origin:
    if not workload.source:
        points = entry_points(workloads.GROUP)
        point = points.get(workload.name) or points[workload.name.rpartition("-")[0]]
        version = f" ({point.dist.name} {point.dist.version})" if point.dist else ""
        return Origin(meaning=workload.meaning, where=f"{point.value}{version}", digest="")
    file, _, name = workload.source.rpartition(":")
    try:
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    return Origin(meaning=workload.meaning, where=f"{_shown(file)}:{name}", digest=digest)


def _shown(file: str) -> str:
    """A path relative to the working folder where it lies in that: the same on every machine."""
    path = Path(file)
    here = Path(os.getcwd()).resolve()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else file
