"""The environment of a run: versions, machine, and the measured commit."""

from __future__ import annotations

import gc
import os
import platform
import sys
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from gradmeter.bench import git
from gradmeter.bench.results.readings import Count, Value


class Environment(Value, frozen=True, kw_only=True):
    """The environment of a run: versions, machine, and commits.

    ``commit`` is that of gradmeter's own checkout, None where it is installed;
    ``repository_commit`` that of the repository in whose folder the run was started.
    """

    started: str
    gradmeter: str
    python: str
    implementation: str
    versions: dict[str, str]
    system: str
    cpu: str
    cores: Count
    memory_bytes: Count
    collector_thresholds: list[Count]
    blas_threads: Count
    pinned: bool
    commit: str | None
    dirty: bool | None
    repository_commit: str | None = None
    repository_dirty: bool | None = None

    @property
    def code(self) -> str:
        """The versions of gradmeter and of the repository, in words."""
        dirty = ", with changes in engine/ or bench/" if self.dirty else ""
        commit = f", commit {self.commit[:12]}" if self.commit else ""
        own = f"gradmeter {self.gradmeter}{commit}{dirty}"
        if self.repository_commit in (None, self.commit):
            return own
        assert self.repository_commit is not None
        changed = ", with changes" if self.repository_dirty else ""
        return f"{own}, in a repository at commit {self.repository_commit[:12]}{changed}"


# What may differ between machines that measure one run; all else is the same, as on one.
OF_A_MACHINE = ("started", "cpu", "cores", "memory_bytes", "pinned")
_NAMES = {
    "python": "Python",
    "implementation": "Python implementation",
    "blas_threads": "threads",
    "commit": "commit of gradmeter",
    "dirty": "state of gradmeter's files (changed or not)",
    "repository_commit": "commit",
    "repository_dirty": "state of the repository's files (changed or not)",
}


def differences(
    one: Environment, two: Environment, may_differ: Collection[str] = OF_A_MACHINE
) -> Iterator[tuple[str, object, object]]:
    """What differs between two environments, in words, and both values; each package is its own."""
    for name in one.__struct_fields__:
        ours, theirs = getattr(one, name), getattr(two, name)
        if name == "versions":
            for package in dict.fromkeys([*ours, *theirs]):
                pair = ours.get(package, "not installed"), theirs.get(package, "not installed")
                if pair[0] != pair[1]:
                    yield package, *pair
        elif name not in may_differ and ours != theirs:
            yield _NAMES.get(name, name.replace("_", " ")), ours, theirs


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


def _own_commit() -> tuple[str | None, bool | None]:
    """The commit of our own checkout, and whether engine/ or bench/ differ from it.

    None where we are installed: git would name the repository that holds the installation,
    such as a user's with a virtual environment in it.
    """
    top = Path(__file__).resolve().parents[2]
    if not all((top / name).is_dir() for name in ("gradmeter", "engine", "bench")):
        return None, None
    try:
        if git.ask(top, "rev-parse", "--show-prefix", limit=10).strip():
            return None, None  # a folder in a larger repository
    except git.GitError:
        return None, None
    return git.head(top, ":/engine", ":/bench")


def describe() -> Environment:
    """Return the environment of this process: versions, machine, and commit."""
    commit, dirty = _own_commit()
    repository_commit, repository_dirty = git.head(Path.cwd())
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
        dirty=dirty,
        repository_commit=repository_commit,
        repository_dirty=repository_dirty,
    )
