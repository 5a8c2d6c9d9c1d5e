"""Tell what a group takes on a worker of a cluster more than here.

`python -m tests.bench.machines.overhead [GROUPS ROUNDS]` measures a run of one group and one of
so many, here and on the one worker of a cluster of this machine, in turns. What one group takes is
what the longer run takes more, by the number of groups that it has more. Exit code 1: on a worker
that is more than 10% and more than 0.3 s longer.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.machines.clusters import Cluster, environment

MOST, MOST_SECONDS = 0.10, 0.3


def took(folder: Path, groups: int, *more: str) -> float:
    """The seconds of a run of so many groups."""
    sizes = [word for number in range(groups) for word in ("--size", str(1000 + number))]
    command = [sys.executable, "-m", "gradmeter", "run", "--exact", *sizes, *more]
    began = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env=environment() | {"XDG_CACHE_HOME": str(folder / "cache")},
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - began


def main(arguments: Sequence[str]) -> int:
    """Measure, and tell; return the exit code."""
    groups, rounds = map(int, arguments or ("21", "5"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cluster = Cluster(folder)
        try:
            cluster.scheduler()
            cluster.worker()
            ways: dict[str, Sequence[str]] = {"here": (), "there": ("--on", cluster.address)}
            each: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, more in ways.items():
                    one, all_ = took(folder, 1, *more), took(folder, groups, *more)
                    each[way].append((all_ - one) / (groups - 1))
        finally:
            cluster.close()
    here = statistics.median(each["here"])
    more = [two - one for one, two in zip(each["here"], each["there"], strict=True)]
    typical = statistics.median(more)
    print(
        f"a group takes {here:.2f} s here and {typical:.3f} s more on a worker "
        f"({typical / here:.0%}; {min(more):.3f} to {max(more):.3f} s in {rounds} rounds of "
        f"{groups} groups)"
    )
    return int(typical > MOST_SECONDS and typical > MOST * here)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
