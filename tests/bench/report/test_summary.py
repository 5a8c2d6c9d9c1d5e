"""The summary of a run as a value: each comparison once, and its figures as laws or at a size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradmeter
from gradmeter.bench.report import summary
from gradmeter.bench.report.names import shared_path, short_names
from gradmeter.bench.results import run_file
from gradmeter.bench.results.readings import Allocations, Failure, Heap
from gradmeter.bench.results.run import ORDINARY, Run
from gradmeter.bench.verdicts import law_search, verdicts

from ..run_files import MB, STRONG, any_runs, case, run, runs, strong

REPORTS = Path(gradmeter.__file__).resolve().parents[1] / "reports"


def summarised(found: Run) -> summary.Summary:
    """The summary of a run, with its laws."""
    return summary.of_run(found, law_search.of_run(found))


def peaking(peak: int) -> list[Allocations]:
    """The readings of a case with this peak."""
    return [msgspec.structs.replace(case().allocations[0], peak=peak)] * 3


@pytest.fixture(scope="module")
def example() -> tuple[Run, summary.Summary]:
    found = run_file.load(REPORTS / "example/run.json")
    return found, summarised(found)


@any_runs
@given(runs())
def test_each_comparison_and_each_lone_case_is_in_it_once(found):
    told = summarised(found)
    rows = Counter(
        (row.case.key, question.baseline)
        for question in told.questions
        for effect in question.effects
        for row in effect.rows
    )
    expected = Counter((row.case.key, row.baseline.variant) for row in verdicts.candidates(found))
    expected += Counter((each.key, "") for each in verdicts.lone(found))
    assert rows == expected
    failed = [title for each in told.failures for title in each.titles]
    alone = [each.key for each in verdicts.calls(found)]
    assert sorted(failed) == sorted(
        each.title for each in found.cases if each.failure and each.key not in alone
    )


@any_runs
@given(runs())
def test_exact_figures_read_otherwise_exactly_where_their_bytes_differ(found):
    for question in summarised(found).questions:
        for effect in question.effects:
            if effect.is_heap or effect.is_law or not question.baseline:
                continue
            for row in effect.rows:
                ours, theirs = verdicts.beside(row.case, row.baseline)
                for figure, amount in effect.amounts.items():
                    assert amount.is_changed == (ours[figure] != theirs[figure])


def test_a_law_stands_for_every_size_and_depth_where_one_holds(example):
    _, told = example
    strong_ = next(q for q in told.questions if q.short == "strong")
    squares = next(e for e in strong_.effects if e.program == "squares-n")
    assert squares.is_law
    assert (squares.sizes, [*squares.depths]) == ((10_000, 1_000_000), [3, 30])
    texts = {name: (each.before, each.after) for name, each in squares.amounts.items()}
    assert texts == {
        "peak": ("n + 1", "n + 2"),
        "held": ("3", "n + 2"),
        "cycle": ("0", "n + 2"),
    }


def test_without_a_law_there_is_an_effect_for_each_size_with_its_bytes(example):
    found, told = example
    strong_ = next(q for q in told.questions if q.short == "strong")
    parts = [e for e in strong_.effects if e.program == "training_step"]
    assert [e.sizes for e in parts] == [(10_000,), (1_000_000,)]
    for effect in parts:
        measured = found.case("training_step", effect.sizes[0], STRONG)
        for figure, amount in effect.amounts.items():
            arrays = measured.figures[figure] / measured.array_bytes
            assert float(amount.after) == pytest.approx(arrays, abs=0.005)


def test_the_largest_effect_comes_first_and_a_workload_stays_together(example):
    _, told = example
    sizes = [question.largest[0] for question in told.questions]
    assert sizes == sorted(sizes, reverse=True)
    for question in told.questions:
        programs = [effect.program for effect in question.effects]
        assert len(dict.fromkeys(programs)) == len(
            [p for p, before in zip(programs, ["", *programs], strict=False) if p != before]
        )
        firsts = {}
        for effect in question.effects:
            firsts[effect.program] = max(effect.largest, firsts.get(effect.program, 0.0))
        assert [*firsts.values()] == sorted(firsts.values(), reverse=True)


def test_eight_bytes_are_told_beside_many_arrays():
    other = case(
        variant=STRONG,
        allocations=peaking(40 * MB + 8),
        predicted=None,
    )
    [question] = summarised(run(case(), other)).questions
    peak = question.effects[0].amounts["peak"]
    assert (peak.before, peak.after, peak.difference) == ("5", "5 + 8 B", 8 / (8 * MB))


@pytest.mark.parametrize("by", [1, -1, 8])
def test_amounts_that_round_to_the_same_are_told_apart(by):
    before = case(allocations=peaking(42 * MB))
    after = case(variant=STRONG, allocations=peaking(42 * MB + by))
    [question] = summarised(run(before, after)).questions
    peak = question.effects[0].amounts["peak"]
    assert peak.after == f"{peak.before} {'+' if by > 0 else '-'} {abs(by)} B"


def test_the_heap_is_compared_where_one_side_has_no_arrays_of_numpys():
    heap = [Heap(peak=50 * MB, held=30 * MB)]
    ours = case(heap=heap)
    theirs = case(
        variant="torch", array_data=False, allocations=[], cycles=None, predicted=None,
        heap=[Heap(peak=66 * MB, held=30 * MB)],
    )  # fmt: skip
    [question] = summarised(run(ours, theirs)).questions
    [effect] = question.effects
    assert effect.is_heap
    assert {name: round(each.difference, 6) for name, each in effect.amounts.items()} == {
        "peak": 2.0,
        "held": 0.0,
    }


def test_failures_of_one_reason_are_told_once_the_most_cases_first():
    broken, other = Failure("cycles", "crashed", "it ended"), Failure("time", "raised", "theirs")
    cases = [strong(workload=f"squares-{n}", failure=broken) for n in range(3)]
    found = run(case(failure=other), *cases, comparisons=[])
    told = summarised(found).failures
    assert [(each.text, len(each.titles)) for each in told] == [
        ("cycles, crashed: it ended", 3),
        ("time, raised: theirs", 1),
    ]


def test_a_test_s_call_has_no_size_and_bytes_for_amounts():
    from gradmeter.bench.cases import compared

    from ..run_files import ordinary

    before = run(ordinary(), comparisons=[])
    grown = [Allocations(forward=0, backward=0, peak=5 * MB, held=MB)] * 3
    after = run(ordinary(allocations=grown), comparisons=[])
    [question] = summarised(compared.of_files(before, after, ("a", "b"))).questions
    [effect] = question.effects
    assert (effect.sizes, effect.has_arrays) == ((ORDINARY,), False)
    assert effect.amounts["peak"] == summary.Amount("3.0 MB", "5.0 MB", 2.0 * MB)


@pytest.mark.parametrize(
    ("variant", "baseline", "short"),
    [
        (STRONG, "engine", "strong"),
        ("engine:retain_grad=on", "engine", "retain_grad"),
        ("engine:enable_backprop=off", "engine", "enable_backprop off"),
        ("engine:checkpoint=5", "engine", "checkpoint=5"),
        ("engine:execution=compiled,threads=2", "engine", "compiled, threads=2"),
        ("engine:execution=compiled,threads=2", "engine:threads=2", "compiled"),
        ("torch:execution=compiled", "engine", "torch compiled"),
        ("torch", "engine", "torch"),
        ("engine@head", "engine@base", "engine@head"),
        ("engine", STRONG, "engine"),
        ("engine:retain_grad=on", STRONG, "engine:retain_grad=on"),
        ("engine", "", "engine"),
        ("engine:python=/opt/3.12/bin/python", "engine", "python=/opt/3.12/bin/python"),
        ("a name, of nothing: x", "engine", "a name, of nothing  x"),
    ],
)
def test_a_variant_is_shortened_to_what_differs(variant, baseline, short):
    assert short_names([(variant, baseline)]) == {(variant, baseline): short}


SETTINGS = st.dictionaries(
    st.sampled_from(["core", "execution", "memory"]), st.sampled_from(["on", "off", "kept", "3"])
)


@given(st.lists(st.tuples(st.sampled_from("ab"), SETTINGS), min_size=2, unique_by=str))
def test_no_two_variants_have_one_short_name(made):
    names = [
        f"{e}:{','.join(f'{k}={v}' for k, v in sorted(s.items()))}".rstrip(":") for e, s in made
    ]
    baseline, *others = dict.fromkeys(names)
    shorts = short_names([(name, baseline) for name in others])
    assert len(set(shorts.values())) == len(others)


@given(st.lists(st.text("ab/:"), max_size=4), st.sampled_from(["x/", "x/y.py::", ""]))
def test_the_path_that_tests_share_ends_at_a_folder_or_a_file(names, start):
    path = shared_path([start + name for name in names])
    assert all((start + name).startswith(path) for name in names)
    assert path == "" or path.endswith(("/", "::"))
    assert len(path) >= len(start) or not names


def test_a_run_file_that_lost_its_baseline_shows_its_cases_alone():
    found = msgspec.structs.replace(run(), cases=[strong()])
    [question] = summarised(found).questions
    assert (question.variant, question.baseline) == (STRONG, "")
    assert question.effects[0].amounts["held"] == summary.Amount("", "5", 0.0)
