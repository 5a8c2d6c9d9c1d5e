"""Figures of unlike kinds are never compared, and a first run is told with what it pays."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.report import markdown, sentences
from gradmeter.bench.results.readings import Heap
from gradmeter.bench.results.run import Comparison
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.verdicts import Row, Time

from ..run_files import case, run, strong, times

change = msgspec.structs.replace
heaps = st.one_of(st.just([]), st.lists(st.builds(Heap, peak=st.integers(0), held=st.integers(0)),
                                        min_size=1, max_size=3))  # fmt: skip


def kinds(exact: bool, heap: list[Heap], **changes):
    without = {} if exact else {"allocations": [], "cycles": None, "array_data": False}
    return case(heap=heap, **without, **changes)


@given(st.booleans(), heaps, st.booleans(), heaps)
def test_only_figures_that_both_have_are_compared_and_exact_ones_first(a, heap_a, b, heap_b):
    ours, base = kinds(a, heap_a, variant="x"), kinds(b, heap_b)
    after, before = verdicts.beside(ours, base)
    assert (after is None) == (before is None)
    if a and b:
        assert (after, before) == (ours.figures, base.figures)
    elif heap_a and heap_b:
        assert after == {"heap peak": heap_a[-1].peak, "heap held": heap_a[-1].held}
        assert before == {"heap peak": heap_b[-1].peak, "heap held": heap_b[-1].held}
    else:
        assert after is None
        assert "no memory figures of the same kind" in sentences.sentence(Row(ours, base, None))


@given(st.booleans(), heaps, st.booleans(), heaps)
def test_a_report_of_any_kinds_of_figures_can_be_made(a, heap_a, b, heap_b):
    found = run(kinds(b, heap_b), strong(heap=heap_a) if a else kinds(False, heap_a, variant="x"))
    text = markdown.render(found)
    assert ("heap peak" in text) == bool(heap_a or heap_b)


def timed(first, seconds, **changes):
    return case(first_run=first, times=[times([seconds], [0.0])], **changes)


FASTER = Time("faster", 0.5, 0.4, 0.6, True, 9, None, "wall")


@pytest.mark.parametrize(
    ("first", "median", "base_first", "base_median", "said"),
    [
        # 10 s and then 1 s a run, beside 2 s a run from the start: 8 s more are 8 runs later paid.
        (10.0, 1.0, 2.0, 2.0, "x 10 s, paid after 8 runs"),
        (0.05, 0.001, 0.001, 0.002, ""),  # a first run that nobody notices
        (2.0, 1.0, 2.0, 2.0, ""),  # one that is like the others
        (10.0, 1.0, 20.0, 2.0, "x 10 s"),  # paid before it began
    ],
)
def test_a_long_first_run_is_told_with_the_runs_after_which_it_has_paid(
    first, median, base_first, base_median, said
):
    row = Row(timed(first, median, variant="x"), timed(base_first, base_median), FASTER)
    assert sentences.first_run_text(row) == said


def test_a_first_run_without_a_verdict_pays_nothing():
    row = Row(timed(10.0, 1.0, variant="x"), timed(1.0, 2.0), None)
    assert sentences.first_run_text(row) == "x 10 s"


@given(st.lists(st.tuples(st.booleans(), heaps), min_size=1, max_size=5))
def test_rows_of_one_kind_are_ranked_among_themselves(parts):
    base = case(heap=[Heap(peak=10, held=5)])
    others = [kinds(exact, heap, variant=f"v{i}") for i, (exact, heap) in enumerate(parts)]
    found = run(base, *others, comparisons=[
        Comparison(workload=base.workload, size=base.size, baseline=base.variant,
                   candidates=[c.variant for c in others])
    ])  # fmt: skip
    [(_, given_rows)] = verdicts.ordered(found)
    rows = verdicts.by_effect(given_rows)
    assert [row.case.variant for row in given_rows[1:]] == [c.variant for c in others]
    shown = [row.exact for row in rows[1:]]
    assert shown == sorted(shown, reverse=True)
    for kind in (True, False):
        effects = [row.effect for row in rows[1:] if row.exact is kind]
        assert effects == sorted(effects, reverse=True)
