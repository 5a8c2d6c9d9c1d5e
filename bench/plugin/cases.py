"""Tests of workloads: `cases` gives a test one question for each workload, size and variant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    workloads: Sequence[str], sizes: Sequence[int], variants: Sequence[str]
) -> pytest.MarkDecorator:
    """Parametrize a test that takes ``measure`` and ``question``: one test for each case.

    Args:
        workloads: names, as ``gradmeter list`` shows them.
        sizes: elements in each array.
        variants: as ``engine:setting=value``; the first is the baseline.
    """
    from gradmeter.bench import workloads as registry
    from gradmeter.bench.cases.variants import parse

    parsed = [parse(text) for text in variants]
    parameters = [
        pytest.param(
            Question(workload, size, variant, parsed[0]),
            id=f"{workload.name}-{size}-{variant}",
            marks=pytest.mark.benchmark(timer=playback, group=f"{workload.name} x {size:,}"),
        )
        for workload in map(registry.get, workloads)
        for size in sizes
        for variant in parsed
    ]
    return pytest.mark.parametrize("question", parameters)


def question_of(item: pytest.Item) -> Question | None:
    """Return a test's question; None where the test is not from `cases`."""
    callspec = getattr(item, "callspec", None)
    question = callspec.params.get("question") if callspec else None
    return question if isinstance(question, Question) else None
