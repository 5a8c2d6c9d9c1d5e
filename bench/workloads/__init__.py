"""The registry of workloads: how to find one by its name, in a file or among the installed.

A workload is one of ours, one that an installed package names in the entry point group
``gradmeter.workloads``, or one of a file, written FILE.py:NAME. Its own name, which is that of
its function unless it says another, is what run files, baselines and gates know it by: so these
stay valid when a file is moved, and two workloads of one name are refused in one run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradmeter.bench.errors import UsageError
from gradmeter.bench.loading import entry_points
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.workloads import loading, ours
from gradmeter.bench.workloads.prediction import Prediction
from gradmeter.bench.workloads.workload import Array, Chain, Settings, Workload, workload

__all__ = ["Array", "Chain", "Prediction", "Settings", "Workload", "workload"]

GROUP = "gradmeter.workloads"

FORM = loading.FORM
is_in_file = loading.is_in_file
with_source = loading.with_source


def names() -> list[str]:
    """Return the names that `get` takes; ``-N`` stands for a depth."""
    return list(dict.fromkeys([*ours.names(), *entry_points(GROUP)]))


def get(text: str, folder: Path | None = None) -> Workload:
    """Return the workload of this name or of FILE.py:NAME, the same object at every call.

    Args:
        folder: that a relative path begins in; by default, the working folder.

    Raises:
        UsageError: there is no such workload, or it cannot be loaded.
    """
    if is_in_file(text):
        return loading.from_text(text, folder)
    found = ours.get(text)
    if found is not None:
        return found
    points = entry_points(GROUP)
    if text:
        name, depth = loading.with_depth(text, points)
        if name in points:
            return loading.from_entry_point(points[name], GROUP, depth)
    raise UsageError(_unknown(text))


def _unknown(text: str) -> str:
    """Say that there is no such workload, and which is meant."""
    name, depth = loading.split(text) if text else ("", None)
    if f"{text}-N" in names():
        return f"the workload {text} takes a depth; write {text}-3"
    if depth is not None and name in names():
        return f"the workload {name} takes no depth; write {name}"
    meant = suggestion(text, spelled(text))
    known = f"; the workloads are {', '.join(names())} (N: a depth, such as squares-3)"
    return f"there is no workload {text!r}{meant or f'{known}, and those of files, as {FORM}'}"


def is_named(text: str) -> bool:
    """Whether a text names a workload, with a depth or without, or one in a file."""
    name, _ = loading.split(text) if text else ("", None)
    return ".py:" in text or any(each.removesuffix("-N") == name for each in names())


def spelled(text: str) -> list[str]:
    """Return the names of all workloads, with the depth of a text where they take one."""
    _, depth = loading.split(text) if text else ("", None)
    return [name.replace("-N", f"-{depth or 3}") for name in names()]


def of_file(path: Path) -> list[Workload]:
    """Return the workloads of a file that take no depth.

    Raises:
        UsageError: the file cannot be loaded, or has none.
    """
    return loading.of_file(path.resolve())


def depth_of(workload: Workload) -> int | None:
    """Return the depth that a workload was named with; None for one that takes none."""
    _, depth = loading.split(workload.source or workload.name)
    if depth is None:
        return None
    try:
        return depth if at_depth(workload, depth + 1).name != workload.name else None
    except UsageError:
        return None


def at_depth(workload: Workload, depth: int) -> Workload:
    """Return a workload that takes a depth with another one.

    Raises:
        UsageError: it takes none, or not this one.
    """
    return get(name_at_depth(workload, depth))


def name_at_depth(workload: Workload, depth: int) -> str:
    """Return what `get` takes for a workload with another depth."""
    return f"{loading.split(workload.source or workload.name)[0]}-{depth}"


def is_ours(workload: Workload) -> bool:
    """Whether a workload is one of gradmeter's own."""
    return ours.get(workload.name) is workload


def longer(workload: Workload, count: int) -> Workload:
    """Return a workload that computes ``count`` operations more, at its end.

    A chain gets more links; any other result is multiplied by 1.
    """
    if not count:
        return workload
    function = workload.function
    if isinstance(function, Chain):
        return replace(workload, function=Chain(function.link, function.depth + count), exact=None)

    def extended(operations: Any, *inputs: Any) -> Any:
        result = function(operations, *inputs)
        for _ in range(count):
            result = result * 1.0
        return result

    return replace(workload, function=extended, exact=None)


def arrays(workload: Workload, size: int, seed: int) -> dict[str, Array]:
    """Make the workload's inputs for a size and a seed: the same in every process."""
    return workload.inputs(size, np.random.default_rng([size, seed]))
