"""The seconds beside a ratio are those that it is of, and variants stay in the order given."""

from __future__ import annotations

import pytest
from msgspec.structs import replace as change

from gradmeter.bench.report import markdown, sentences
from gradmeter.bench.results.readings import TimeSet
from gradmeter.bench.results.run import Options
from gradmeter.bench.verdicts import verdicts

from ..run_files import case, run, strong
from .test_reports import every_table


def timed(wall: float, cpu: float) -> list[TimeSet]:
    """Ten sets of the same seconds; the machine is sometimes idle for the program."""
    return [
        TimeSet(
            number=i, core=0, loops=1, forward=[wall, cpu], backward=[0.0] * 2, step=[0.0] * 2,
            cpu=[cpu] * 2,
        )
        for i in range(10)
    ]  # fmt: skip


OPTIONS = Options(collector="on", seed=0, sets=10, budget=1.0, min_rounds=2, limit=60.0)


def compared(*cases):
    return run(*cases, options=OPTIONS)


def test_the_medians_are_of_the_seconds_that_are_compared():
    found = compared(case(times=timed(0.0070, 0.0069)), strong(times=timed(0.0080, 0.0075)))
    row = verdicts.candidates(found)[0]
    assert row.time is not None
    assert row.time.clock == "processor"
    assert sentences.median_text(row.baseline, "processor") == "6.90 ms"
    assert sentences.median_text(row.case, "processor") == "7.50 ms"
    text = every_table(found)
    assert "CPU" in text
    assert "7.50 ms" in text
    assert "| median (CPU) |" in markdown.render(found)


def test_a_program_that_waits_is_shown_by_the_wall_clock():
    found = compared(case(times=timed(0.02, 0.01)), strong(times=timed(0.03, 0.01)))
    waiting = [change(c, times=[change(t, cpu=[0.001] * 2) for t in c.times]) for c in found.cases]
    found = change(found, cases=waiting)
    assert verdicts.candidates(found)[0].time.clock == "wall"
    assert "| median (wall) |" in markdown.render(found)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_variants_stay_in_the_order_given(order):
    variants = ["engine:retain_grad=on", "engine:output_references=strong", "torch"]
    cases = [case(), *[strong(variant=variants[i]) for i in order]]
    rows = verdicts.rows(run(*cases), run(*cases).comparisons[0])
    assert [row.case.variant for row in rows] == [c.variant for c in cases]
