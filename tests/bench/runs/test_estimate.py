"""Progress: fractions by seconds, an estimate that shrinks, and few lines in a log."""

from __future__ import annotations

import io
import random
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gradmeter.bench.runs.estimate import EXACT, TIME, Estimate
from gradmeter.bench.runs.progress import LINE_SECONDS, RISE, Remaining, Teller, left_text

KINDS = {EXACT: 1.3, TIME: 4.0}  # seconds of each


def walked(counts: dict[str, int], seconds, order=lambda steps: steps):
    """Go through the steps of a run; yield (seconds so far, fraction) as each begins."""
    estimate = Estimate(counts, {TIME: 1.0})
    now = 0.0
    steps = order([kind for kind, count in counts.items() for _ in range(count)])
    for kind in steps:
        estimate.begin(kind, 1, now)
        yield now, estimate.fraction
        now += seconds(kind)
    yield now, 1.0


@given(st.integers(1, 30), st.integers(1, 30), st.randoms(use_true_random=False))
def test_once_each_kind_was_measured_the_fraction_is_that_of_the_seconds(exact, timed, shuffle):
    def mixed(steps: list[str]) -> list[str]:
        shuffle.shuffle(steps)
        return steps

    told = list(walked({EXACT: exact, TIME: timed}, KINDS.get, mixed))
    whole = told[-1][0]
    for now, fraction in told[len(told) // 2 :]:
        if now > 0.5 * whole:
            assert abs(fraction - now / whole) < 0.35
    assert told[-2][1] < 1


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 4), st.floats(0, 99)), max_size=20),
)
def test_a_fraction_never_goes_down_nor_beyond_all(counts, steps):
    estimate, now, fractions = Estimate(counts, {}), 0.0, []
    for kind, units, seconds in steps:
        estimate.begin(kind, units, now)
        fractions.append(estimate.fraction)
        now += seconds
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)


def test_units_that_are_found_out_about_later_count():
    estimate = Estimate({TIME: 2}, {TIME: 1.0})
    estimate.begin(TIME, 1, 0.0)
    estimate.begin(TIME, 1, 1.0)
    assert estimate.fraction == 0.5
    estimate.add(TIME, 2)
    estimate.begin(TIME, 1, 2.0)
    assert estimate.fraction == 0.5  # two of four
    estimate.add(TIME, -1)
    estimate.begin(TIME, 0, 3.0)
    assert estimate.fraction == 1.0  # three of three


def test_in_a_run_of_two_kinds_the_estimate_shrinks():
    """The slow kind comes last, as in a group whose times follow its bytes."""
    chance = random.Random(7)
    groups = [EXACT] * 5 + [TIME] * 8
    told = list(
        walked(
            {EXACT: 50, TIME: 80},
            lambda kind: KINDS[kind] * chance.uniform(0.7, 1.4),
            lambda _: groups * 10,
        )
    )
    remaining, left = Remaining(0.0), []
    for now, fraction in told:
        remaining.update(fraction, now)
        left.append(remaining.seconds(now))
    known = [seconds for seconds in left if seconds is not None]
    after = known[10:]
    # From one step to the next it rises by a few seconds of some 400 at most.
    assert max(b - a for a, b in pairwise(after)) < 0.05 * after[0]
    assert after[-1] < 5
    middle = len(after) // 2
    assert after[middle] == pytest.approx(told[-1][0] / 2, rel=0.25)


def test_an_estimate_shrinks_with_the_clock_and_takes_a_part_of_what_it_would_rise_by():
    remaining = Remaining(0.0)
    assert remaining.seconds(5.0) is None
    remaining.update(0.5, 10.0)
    assert remaining.seconds(10.0) == pytest.approx(10.0)
    assert remaining.seconds(14.0) == pytest.approx(6.0)
    remaining.update(0.5, 14.0)  # 14 s more, where 6 s were left
    assert remaining.seconds(14.0) == pytest.approx(6 + RISE * 8)
    assert remaining.seconds(1000.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0, "about 10 s left"),
        (44.0, "about 40 s left"),
        (55.0, "about 1 min left"),
        (600.0, "about 10 min left"),
        (3599.0, "about 1 h 0 min left"),
        (8000.0, "about 2 h 13 min left"),
    ],
)
def test_what_is_left_is_told_roughly(seconds, text):
    assert left_text(seconds) == text


@pytest.mark.parametrize("kind", ["log", "dumb terminal"])
def test_a_log_has_a_line_now_and_then(kind, monkeypatch):
    if kind == "dumb terminal":
        monkeypatch.setenv("TERM", "dumb")
    file, now = io.StringIO(), 0.0
    console = Console(file=file, width=80, force_terminal=kind != "log")
    with Teller(console, lambda: now) as tell:
        for step in range(400):
            tell(step / 400, f"step {step}")
            now += 1.0
        tell(1.0, "writing what was measured")
    *lines, last = file.getvalue().splitlines()
    steps = [int(re.search(r"step (\d+)", line)[1]) for line in lines]
    assert steps[0] == 0
    assert min(b - a for a, b in pairwise(steps)) >= LINE_SECONDS
    assert len(lines) == 14
    assert "(about 5 min left)" in lines[3]
    assert last == "gradmeter 100% writing what was measured"


def test_a_terminal_has_one_line_however_long_the_step_s_name(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")  # a dumb one has lines
    file = io.StringIO()
    console = Console(file=file, width=60, force_terminal=True, legacy_windows=False)
    with Teller(console) as tell:
        for step in range(5):
            tell(step / 5, "a step with a name that is far longer than a terminal is wide " * 3)
            tell._bar.refresh()
    # No line feed but the last, which the bar takes back at its end.
    assert file.getvalue().count("\n") <= 1
