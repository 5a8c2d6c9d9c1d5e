"""Tests of workloads: `cases` gives a test one question for each workload, size and variant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gradmeter.bench.cases.variants import Variant
    from gradmeter.bench.workloads import Workload


@dataclass(frozen=True)
class Question:
    """What one test measures: a variant of a workload at a size, and the baseline beside it."""

    workload: Workload
    size: int
    variant: Variant
    baseline: Variant


Measure = Callable[[Question], None]
"""The type of the fixture ``measure``: called with a question, it measures that case."""


class Playback:
    """A clock that advances by durations measured elsewhere."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time on this clock."""
        return self.now

    def play(self, durations: Sequence[float]) -> Callable[[], None]:
        """Return a function that advances the clock by the next duration at every call."""
        left = iter(durations)  # a profiler makes one call more than there are durations

        def target() -> None:
            self.now += next(left, 0.0)

        return target


playback = Playback()


def cases(
    workloads: str | Workload | Sequence[str | Workload] = (),
    sizes: Sequence[int] = (),
    variants: Sequence[str] = ("engine",),
    *,
    workload: str | Workload | Sequence[str | Workload] = (),
) -> pytest.MarkDecorator:
    """Parametrize a test that takes ``measure`` and ``question``: one test for each case.

    Args:
        workloads: each the name of one, as ``gradmeter list`` shows them; or FILE.py:NAME,
            where a relative path begins in the folder of the file that calls this; or the
            workload itself, which `gradmeter.workload` declares at the top of a file.
        sizes: elements in each array.
        variants: as ``engine:setting=value``; the first is the baseline.
        workload: the same as ``workloads``, for a test of one.

    Raises:
        UsageError: there is no such workload or variant, or a workload cannot be loaded.
    """
    from gradmeter.bench import workloads as registry
    from gradmeter.bench.cases.variants import parse
    from gradmeter.bench.loading import FILE

    variables = sys._getframe(1).f_globals
    # A worker that loads a workload of this file runs no test, and knows no engine of the others.
    if str(variables.get("__name__")).rpartition(".")[2].startswith(FILE):
        return pytest.mark.parametrize("question", [])
    caller = str(variables.get("__file__") or "")
    folder = Path(caller).resolve().parent if caller else Path.cwd()
    chosen = [
        registry.get(each, folder) if isinstance(each, str) else registry.with_source(each)
        for each in (*_listed(workloads), *_listed(workload))
    ]
    parsed = [parse(text) for text in variants]
    parameters = [
        pytest.param(
            Question(workload, size, variant, parsed[0]),
            id=f"{workload.name}-{size}-{variant}",
            marks=pytest.mark.benchmark(timer=playback, group=f"{workload.name} x {size:,}"),
        )
        for workload in chosen
        for size in sizes
        for variant in parsed
    ]
    return pytest.mark.parametrize("question", parameters)


def _listed(given: str | Workload | Sequence[str | Workload]) -> Sequence[str | Workload]:
    return given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)


def question_of(item: pytest.Item) -> Question | None:
    """Return a test's question; None where the test is not from `cases`."""
    callspec = getattr(item, "callspec", None)
    question = callspec.params.get("question") if callspec else None
    return question if isinstance(question, Question) else None
