"""Gates: what parses, what breaks one, and that none can be written that never fails."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.known import Known
from gradmeter.bench.verdicts import breaches, gate_checks, gates, verdicts
from gradmeter.bench.verdicts.regressions import judge

from ..run_files import MB, STRONG, case, run, strong
from .test_verdicts import spread, timed

UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20,
         "GiB": 2**30}  # fmt: skip
FIGURES = st.sampled_from(gates.FIGURES)


@given(FIGURES, st.integers(0, 10**6), st.sampled_from(sorted(UNITS)), st.sampled_from([">", "<="]))
def test_an_amount_of_bytes_is_read_in_any_unit(figure, amount, unit, sign):
    found = gates.parse(f"{figure} {sign} {amount}{unit}")
    assert (found.what, found.operator, found.unit) == (figure, sign, "bytes")
    assert found.amount == amount * UNITS[unit]


@given(FIGURES, st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_growth_breaks_a_gate_beyond_its_amount_only(figure, before, after, amount):
    gate = gates.parse(f"{figure}>{amount}")
    assert gate.exceeded(after, before, 8) == (after - before > amount)
    assert not gate.exceeded(after, None, 8)
    percent = gates.parse(f"{figure}>1%")
    assert percent.exceeded(after, before, 8) == (Fraction(after - before) > Fraction(before, 100))
    budget = gates.parse(f"{figure}<={amount}")
    assert budget.exceeded(after, None, 8) == budget.exceeded(after, before, 8) == (after > amount)
    assert gates.parse(f"{figure}<=2arrays").exceeded(after, None, 8) == (after > 16)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("", "the end", "one of peak"),
        ("size>0", "character 1", "one of peak"),
        ("peak", "the end", "> (more than before)"),
        ("peak>", "the end", "a number"),
        ("peak>x", "character 6, 'x'", "a number"),
        ("peak>64KiBs", "character 8, 'KiBs'", "a unit: B"),
        ("peak>-1", "character 6", "a number"),
        ("peak<0", "character 5", "> (more than before)"),
        ("peak=>5", "character 5", "> (more than before)"),
        ("peak<=5%", "character 8", "bytes or arrays"),
        ("peak[squares-3>0", "character 5", "> (more than before)"),
        ("peak[]>0", "character 6", "in the brackets"),
        ("slower>5", "character 7", "takes no amount"),
        ("time", "the end", ">"),
        ("time>5", "the end", "time>5%"),
        ("time<=5%", "character 8", "time>5%"),
        ("time>5MB", "character 7", "time>5%"),
        ("peak>0 held>0", "character 8, 'held>0'", "a unit"),
        ("peak>1e999", "character 7", "a unit"),
    ],
)
def test_what_does_not_parse_is_said_with_its_place_and_what_would(text, at, expected):
    with pytest.raises(UsageError) as refused:
        gates.parse(text)
    assert repr(text) in str(refused.value)
    assert at in str(refused.value)
    assert expected in str(refused.value)


@given(st.text(max_size=20))
def test_any_text_parses_or_is_refused_with_a_sentence(text):
    try:
        found = gates.parse(text).text
    except UsageError as error:
        found = str(error).partition(": expected")[0]
    assert text in found or repr(text) in found


@pytest.mark.parametrize(
    ("terms", "matches"),
    [
        ("squares-3", True),
        ("squares-*", True),
        ("squares-30", False),
        ("1000000", True),
        ("10000", False),
        (STRONG, True),
        ("engine", False),
        ("*strong* squares-3 1000000", True),
        ("squares-3 engine", False),
    ],
)
def test_brackets_name_workloads_sizes_and_variants(terms, matches):
    gate = gates.parse(f"peak[{terms}]>0")
    assert gate.matches(("squares-3", MB, STRONG)) is matches


def test_a_gate_that_names_nothing_is_refused():
    with pytest.raises(UsageError, match="could never fail"):
        gate_checks.check_terms([gates.parse("peak[squares-4]>0")], [case().key])
    gate_checks.check_terms([gates.parse("peak>0"), gates.parse("peak[engine]>0")], [case().key])


@pytest.mark.parametrize(
    ("gate", "ratio", "fails"),
    [
        ("slower", 1.05, True),
        ("slower", 0.95, False),
        ("faster", 0.95, True),
        ("faster", 1.05, False),
        ("slower", 1.0, False),
        ("time>5%", 1.10, True),
        ("time>5%", 1.055, False),  # its interval begins below
        ("time>5%", 1.04, False),
        ("time[squares-4]>5%", 1.10, False),
    ],
)
def test_a_gate_on_time_is_broken_by_the_whole_interval(gate, ratio, fails):
    found = run(*timed(spread(ratio, 0.01)))
    rows = verdicts.candidates(found)
    broken = breaches.on_time([gates.parse(gate)], rows, found.options)
    assert bool(broken) is fails
    few = run(*timed([ratio] * 5))
    assert not breaches.on_time([gates.parse(gate)], verdicts.candidates(few), few.options)


def outcome(found, before, *texts, file=None):
    known = None if before is None else Known(figures=before)
    return judge(found, known, [gates.parse(t) for t in texts or gates.DEFAULT], file)


def figures(found):
    return {c.key: dict(c.figures) for c in found.cases}


def test_the_same_bytes_pass_and_a_byte_more_does_not():
    found = run()
    same = outcome(found, figures(found))
    assert (same.exit_code, same.breaches, same.larger, same.smaller) == (0, [], [], [])
    for figure in ("peak", "held", "cycle"):
        less = figures(found)
        less[strong().key][figure] -= 1
        one = outcome(found, less)
        assert one.exit_code == 1
        [breach] = one.breaches
        assert (breach.gate, breach.by) == (f"{figure}>0", 1)
        more = figures(found)
        more[strong().key][figure] += 1
        other = outcome(found, more)
        assert other.exit_code == 0
        [(where, [change])] = other.smaller
        assert (where.key, change.figure, change.difference) == (strong().key, figure, -1)


def test_what_came_and_went_is_named_and_fails_only_when_asked():
    found = run()
    before = figures(run(case()))
    gone = ("gone", 1, "engine")
    before[gone] = before[case().key]
    first = outcome(found, before)
    assert (first.exit_code, first.new, first.vanished) == (0, [strong().key], [gone])
    assert outcome(found, before, "new").exit_code == 1
    assert outcome(found, before, "vanished").exit_code == 1
    assert outcome(found, before, "new[gone]", "vanished[squares-3]").exit_code == 0


def test_without_a_baseline_only_budgets_are_judged():
    found = run()
    assert outcome(found, None).exit_code == 0
    assert outcome(found, None, "peak<=48MB").exit_code == 0
    over = outcome(found, None, "peak<=47.9MB")
    assert [b.by for b in over.breaches] == [100_000]


def test_what_has_no_exact_figures_is_not_passed_over():
    inexact = strong(allocations=[strong().allocations[0], case().allocations[0]])
    for lost in (strong(allocations=[], cycles=None), inexact):
        found = run(case(), lost)
        assert outcome(found, figures(run())).exit_code == 3
        assert lost.key not in outcome(found, figures(run())).vanished
