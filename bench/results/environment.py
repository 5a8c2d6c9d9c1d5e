"""The environment of a run: versions, machine, and the measured commit."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from gradmeter.bench.results.readings import Value


class Environment(Value, frozen=True, kw_only=True):
    """The environment of a run: versions, machine, and the measured commit."""

    started: str
    gradmeter: str
    python: str
    implementation: str
    versions: dict[str, str]
    system: str
    cpu: str
    cores: int
    memory_bytes: int
    collector_thresholds: list[int]
    blas_threads: int
    pinned: bool
    commit: str | None
    dirty: bool | None


_PACKAGES = ("numpy", "pytest", "pytest-benchmark", "memory-profiler", "psutil")


def cores() -> Sequence[int | None]:
    """The cores that workers may be pinned to; [None] where there is no pinning."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [None]


def version() -> str:
    """The version of gradmeter."""
    try:
        return metadata.version("gradmeter")
    except metadata.PackageNotFoundError:
        return "not installed"


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    folder = Path(__file__).resolve().parent
    try:
        completed = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout.strip()


def describe() -> Environment:
    """Return the environment of this process: versions, machine, and commit."""
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain", "--", ":/engine", ":/bench") if commit else None
    return Environment(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        gradmeter=version(),
        python=platform.python_version(),
        implementation=sys.implementation.name,
        versions=_versions(),
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        cores=len(cores()) if cores() != [None] else os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        collector_thresholds=list(gc.get_threshold()),
        blas_threads=1,
        pinned=cores() != [None],
        commit=commit,
        dirty=None if status is None else bool(status),
    )
