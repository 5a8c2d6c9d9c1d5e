"""``python -m gradmeter.bench.goals.keeping``: compare the means of keeping freed memory.

Each is our engine in a process of its own, and all are timed alternately on one core; what
resident memory each costs is measured in a fresh process. ``make keeping`` writes the table to
reports/keeping.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.goals.processes import LIMIT, Times, timed
from gradmeter.bench.numbers import bytes_text, seconds_text, where_text
from gradmeter.bench.results.environment import cores
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.spec import Spec

TOGETHER: Final = 4  # besides the first: what they keep has to fit
ADAPTER: Final = Path(__file__).with_name("means.py")
CASES: Final = (
    ("squares-30", 10**4),
    ("squares-30", 10**5),
    ("squares-30", 10**6),
    ("squares-30", 10**7),
    ("goldstein_price", 10**7),
)


@dataclass(frozen=True)
class Means:
    """One means: what the worker does, and what its environment has."""

    meaning: str
    name: str = "none"
    environment: Mapping[str, str] = field(default_factory=dict)


_HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
ALL: Final = (
    Means("as it is"),
    Means("`mallopt`: `engine.keep_freed_memory()`", "mallopt"),
    Means("the same, `M_TOP_PAD` of 64 MiB", "padded"),
    Means("`mallopt`, `NUMPY_MADVISE_HUGEPAGE=0`", "mallopt", {"NUMPY_MADVISE_HUGEPAGE": "0"}),
    Means("`GLIBC_TUNABLES=glibc.malloc.hugetlb=1` alone", "none", _HUGE),
    Means("`mallopt` and `glibc.malloc.hugetlb=1`", "mallopt", _HUGE),
    Means("`mallopt`, 3 GiB of heap advised as huge pages", "reserved"),
    Means("`mallopt`, 3 GiB of heap touched by two threads", "touched"),
    Means("NumPy's data allocator, a pool in C", "pool"),
)


def spec_of(means: Means, workload: str, size: int) -> Spec:
    """The spec of a worker in which a means is used."""
    return Spec(
        workload=workload,
        size=size,
        engine="kept-by",
        settings=(("means", means.name),),
        collector="on",
        seed=0,
        core=cores()[-1],
        adapter=str(ADAPTER),
        environment=tuple(means.environment.items()),
    )


def resident(spec: Spec, start: int | None) -> tuple[str, int]:
    """Measure what is resident at the peak of one run, and what is left when all is dropped.

    Args:
        start: resident bytes that both are beyond; None for those of this worker.

    Returns:
        Both as a text, and ``start``.
    """
    worker = Process(spec, LIMIT)
    try:
        worker.ready()
        reading = worker.ask("residency")
        before = int(reading["before"])
        start = before if start is None else start
        more = [max(int(reading[name] or 0) + before - start, 0) for name in ("bytes", "left")]
        return ", ".join(map(bytes_text, more)), start
    except WorkerError as error:
        return str(error), start or 0
    finally:
        worker.close()


def cells(times: Times, base: Times) -> list[str]:
    """Forward, and forward with backward, as medians and as ratios to the first means."""
    if times.failure or base.failure:
        return [times.failure or "-", "-"]
    return [
        f"{seconds_text(median(ours), 2)} ({median(ratio(ours, other)):.2f})"
        for ours, other in ((times.forward, base.forward), (times.cpu, base.cpu))
    ]


def ratio(ours: Sequence[float], other: Sequence[float]) -> list[float]:
    """The ratio of each round."""
    return [a / b for a, b in zip(ours, other, strict=True)]


def table(workload: str, size: int, budget: float) -> Iterator[str]:
    """Time every means and yield the lines of a table; the first is the base of the others."""
    yield "| means | forward | forward and backward | resident: peak, left |"
    yield "| --- | ---: | ---: | ---: |"
    specs = [spec_of(means, workload, size) for means in ALL]
    rows = [resident(specs[0], None)]
    rows += [resident(spec, rows[0][1]) for spec in specs[1:]]
    for first in range(1, len(ALL), TOGETHER):
        chosen = [0, *range(first, min(first + TOGETHER, len(ALL)))]
        results = timed([specs[number] for number in chosen], 5, budget)
        for number, times in zip(chosen, results, strict=True):
            if number or first == 1:
                row = [ALL[number].meaning, *cells(times, results[0]), rows[number][0]]
                yield f"| {' | '.join(row)} |"


_HEAD: Final = """# The means of keeping freed memory, measured

Made by `make keeping`: our engine under each means, in processes that are timed alternately, round
by round, on one core. Forward alone in wall seconds, with the backward in processor seconds; in
parentheses the ratio to the process as it is, the median of the rounds. Resident: beyond what
the process as it is has before the run, at the peak of one run and when all is dropped."""


def main(most: int, budget: float) -> None:
    """Print a table for each case of at most so many elements."""
    print(_HEAD)
    for workload, size in CASES:
        if size <= most:
            print(f"\n## {where_text(workload, size)}\n")
            for line in table(workload, size, budget):
                print(line, flush=True)


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if sys.argv[1:] else 10**7, 8.0)
