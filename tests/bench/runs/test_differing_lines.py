"""Lines of a comparison: measured of what differs, in other workers; they let no case fail."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gradmeter.bench.cases.plan import plan
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.results.run import Run

from ..scripted import PASSES, World, empty, named

NAMES = ["engine", "engine:retain_grad=on", "engine:output_references=strong"]


def measure(figures: dict[str, dict[str, int]], lines: Any = None) -> tuple[World, Run]:
    """Compare variants of which some have other bytes than the first."""

    def answer(spec, meter, request):
        if meter == "lines" and lines is not None:
            lines()
        if meter == "allocations":
            return {"passes": [{**each, **figures.get(named(spec), {})} for each in PASSES]}
        return None

    groups, comparisons = plan(["squares-3"], [16], NAMES)
    world = World(answer=answer)
    options = world.runner(differing_lines=True).options
    run = msgspec.structs.replace(empty(options), comparisons=comparisons)
    return world, world.runner(run=run, differing_lines=True).measure(groups)


@pytest.mark.parametrize(
    ("figures", "measured"),
    [
        ({}, []),
        ({NAMES[1]: {"peak": 6}}, NAMES[:2]),
        ({NAMES[2]: {"held": 4}}, [NAMES[0], NAMES[2]]),
        ({NAMES[0]: {"peak": 6}}, NAMES),
        ({NAMES[1]: {"forward": 3}}, []),
    ],
)
def test_lines_are_measured_of_what_differs_and_of_its_baseline(figures, measured):
    world, _ = measure(figures)
    assert list(map(named, world.meters("lines"))) == measured


def test_a_worker_that_measures_lines_does_nothing_else():
    world, _ = measure({NAMES[1]: {"peak": 6}})
    asked = [n for n, (_, _, meter) in enumerate(world.log) if meter == "lines"]
    assert len(asked) == 2
    for number in asked:
        assert [what for what, _, _ in world.log[number - 1 : number + 2]] == [
            "start",
            "ask",
            "close",
        ]


def test_lines_that_cannot_be_measured_are_noted_and_no_case_fails():
    def late():
        raise WorkerError("timed out", "no answer within 9 seconds")

    _, run = measure({NAMES[1]: {"peak": 6}}, late)
    assert not any(case.failure for case in run.cases)
    assert all(case.times for case in run.cases)
    notes = [note for note in run.notes if "lines are left out" in note]
    assert len(notes) == 2
    assert "no answer within 9 seconds" in notes[0]
