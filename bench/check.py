"""Whether the variants of a group compute the same, and the right thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bench import workloads
from bench.errors import WorkerError
from bench.plan import Group


def read(path: Path) -> dict[str, Any]:
    """What a worker's check saved: arrays by name.

    Raises:
        WorkerError: of kind "rubbish", if that cannot be read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return dict(found.items())
    except (OSError, ValueError, EOFError, AttributeError, BadZipFile) as error:
        raise WorkerError("rubbish", f"what it computed cannot be read: {error}") from None


def compare(
    workload: workloads.Workload,
    group: Group,
    seed: int,
    computed: dict[str, Any],
    reference: dict[str, Any] | None,
) -> tuple[str, str]:
    """Hold what a variant computed against the exact gradient and against the others.

    Returns:
        what it was checked against, and what is wrong with it ("" where nothing is).
    """
    if not any(key.startswith("result") for key in computed):
        return "", "there is no result"
    against = []
    truths: list[tuple[str, dict[str, Any]]] = []
    if workload.exact is not None and not workload.fresh:
        inputs = workloads.arrays(workload, group.size, seed)
        exact = {f"gradient of {k}": g for k, g in workload.exact(**inputs).items()}
        truths.append(("the exact gradient", exact))
    if reference is not None:
        truths.append(("the other variants", reference))
    for name, truth in truths:
        shared = sorted(computed.keys() & truth.keys())
        if shared:
            against.append(name)
        for key in shared:
            tolerance = workload.tolerance * _coarser(computed[key], truth[key])
            wrong = _difference(computed[key], truth[key], tolerance)
            if wrong:
                return "", f"the {key} differs from {name}: {wrong}"
    return " and ".join(against), ""


def _coarser(found: Any, truth: Any) -> float:
    """By how much the coarser of two arrays' dtypes rounds more than float64 does."""
    dtypes = [array.dtype for array in (found, truth) if array.dtype.kind == "f"]
    return max([1.0, *(float(np.finfo(d).eps / np.finfo(np.float64).eps) for d in dtypes)])


def _difference(found: Any, truth: Any, tolerance: float) -> str:
    """Where two arrays differ by more than rounding explains; "" where they do not."""
    if found.shape != truth.shape:
        return f"shape {found.shape} instead of {truth.shape}"
    # The scale of the whole array counts: terms of its size may cancel in one element.
    scale = np.max(np.abs(truth), initial=0.0, where=np.isfinite(truth))
    same = (found == truth) | (np.isnan(found) & np.isnan(truth))
    with np.errstate(invalid="ignore"):
        near = np.abs(found - truth) <= tolerance * (np.abs(truth) + scale)
    bad = np.argwhere(~(same | near))
    if not len(bad):
        return ""
    where = tuple(int(i) for i in bad[0])
    return f"at {where} {found[where]!r} instead of {truth[where]!r}, {len(bad):,} in all"
