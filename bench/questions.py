"""What the tests of our own suites ask: a variant of a workload at a size, beside a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bench.variants import Variant


@dataclass(frozen=True)
class Question:
    """What one test asks: a variant of a workload at a size, beside a baseline."""

    workload: str
    size: int
    variant: Variant
    baseline: Variant


Measure = Callable[[Question], None]


class Playback:
    """A clock that durations measured elsewhere move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time on this clock."""
        return self.now

    def play(self, durations: Sequence[float]) -> Callable[[], None]:
        """Return a function that takes the next of these durations at every call."""
        left = iter(durations)  # who profiles calls once more than there are durations

        def target() -> None:
            self.now += next(left, 0.0)

        return target


playback = Playback()


def cases(
    workloads: Sequence[str], sizes: Sequence[int], variants: Sequence[str]
) -> pytest.MarkDecorator:
    """Decorate a test that takes ``measure`` and ``question``: one test for each case.

    Args:
        workloads: names, as ``gradmeter list`` shows them.
        sizes: elements in each array.
        variants: as ``engine:setting=value``; the first is the baseline.
    """
    from bench.variants import parse

    parsed = [parse(text) for text in variants]
    parameters = [
        pytest.param(
            Question(workload, size, variant, parsed[0]),
            id=f"{workload}-{size}-{variant}",
            marks=pytest.mark.benchmark(timer=playback, group=f"{workload} x {size:,}"),
        )
        for workload in workloads
        for size in sizes
        for variant in parsed
    ]
    return pytest.mark.parametrize("question", parameters)


def of(item: pytest.Item) -> Question | None:
    """What a test asks; None where it is an ordinary one."""
    callspec = getattr(item, "callspec", None)
    question = callspec.params.get("question") if callspec else None
    return question if isinstance(question, Question) else None
