"""The laws of a run: what its cases follow is found, and what they do not prove is not claimed."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.results.readings import Failure, Predicted
from gradmeter.bench.verdicts import law_search, laws
from gradmeter.bench.verdicts.laws import FIGURES, Found

from ...thorough import examples
from ..command import PATIENCE
from ..measured_laws import alone, following, measured
from ..run_files import STRONG, WEAK, ordinary, run, strong

change = msgspec.structs.replace
COUNTS = st.integers(0, 50)
SIZES = st.lists(st.integers(100, 10**7), min_size=3, max_size=5, unique=True)
DEPTHS = st.lists(st.integers(1, 60), min_size=3, max_size=5, unique=True)
FEW = st.lists(st.integers(100, 10**7), min_size=2, max_size=5, unique=True)
FEW_DEPTHS = st.lists(st.integers(1, 60), min_size=2, max_size=4, unique=True)


def peak(found, program: str, variant: str = WEAK) -> Found:
    """What is said of a variant's peak."""
    [family] = [each for each in law_search.of_run(found) if each.program == program]
    of = family.of(variant)
    assert of is not None
    return of.figures["peak"]


@settings(deadline=None, max_examples=examples(30))
@given(a=COUNTS, b=COUNTS, c=COUNTS, sizes=SIZES, depths=DEPTHS)
def test_what_all_sizes_and_depths_follow_is_one_law(a, b, c, sizes, depths):
    found = alone(lambda size, depth: 8 * size * (a * depth + b) + c, sizes, depths)
    [family] = law_search.of_run(found)
    assert family.program == "chain-n"
    assert family.workloads == {case.workload for case in found.cases}
    law = peak(found, "chain-n").law
    assert law is not None
    assert law.expression.value({"N": 10**9, "n": 77}) == 8 * 10**9 * (77 * a + b) + c


@settings(deadline=None, max_examples=examples(30))
@given(a=COUNTS, b=COUNTS, sizes=SIZES)
def test_the_law_of_a_workload_without_depth_is_of_its_size(a, b, sizes):
    found = peak(alone(lambda size, _: a * size + b, sizes), "chain").law
    assert found is not None
    assert found.expression.value({"N": 123}) == 123 * a + b


@settings(deadline=None, max_examples=examples(30))
@given(
    st.lists(COUNTS, min_size=4, max_size=4),
    st.lists(COUNTS, min_size=4, max_size=4),
    FEW,
    FEW_DEPTHS,
)
def test_a_law_that_is_claimed_holds_where_nothing_was_measured(along, down, sizes, depths):
    """Of any cubic in size times any cubic in depth, whatever few of their values were measured."""

    def truth(size: int, depth: int) -> int:
        grown = sum(c * size**power for power, c in enumerate(along))
        return grown * sum(c * depth**power for power, c in enumerate(down))

    for family in law_search.of_run(alone(truth, sizes, depths)):
        law = family.variants[0].figures["peak"].law
        if law is None:
            continue
        others = (97, 61) if family.program == "chain-n" else (97, int(family.program[6:]))
        if law.holds_at({"N": others[0]}):
            assert law.expression.value({"N": others[0], "n": others[1]}) == truth(*others)


@settings(deadline=None, max_examples=examples(30))
@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=4, unique=True), FEW_DEPTHS)
def test_arrays_that_no_formula_gives_by_depth_are_told_at_each_depth(counts, depths):
    """Two depths tell nothing between them, and of more, what lies on no line is no line."""
    depths = depths[: len(counts)]
    by_depth = dict(zip(sorted(depths), counts, strict=False))
    found = alone(lambda size, depth: 8 * size * by_depth[depth], [100, 1000, 7000], depths)
    for family in law_search.of_run(found):
        law = family.variants[0].figures["peak"].law
        assert law is not None
        if family.program == "chain-n":
            assert len(depths) > 2
        for depth in depths:
            if family.program in ("chain-n", f"chain-{depth}"):
                value = law.expression.value({"N": 10**6, "n": depth})
                assert value == 8 * 10**6 * by_depth[depth]


def test_a_second_term_takes_a_third_size():
    def figure(size: int, _: int) -> int:
        return 8 * size + 8

    assert peak(alone(figure, [10, 1000]), "chain") == Found(None, "N")
    assert peak(alone(figure, [10, 1000, 2000]), "chain").law is not None
    assert peak(alone(lambda size, _: size**3, [10, 1000, 2000]), "chain") == Found(None, "")


def test_depths_at_one_size_have_a_law_and_two_depths_none_but_a_constant():
    def figure(size: int, depth: int) -> int:
        return 8 * size * (depth + 2)

    law = peak(alone(figure, [1000], [3, 10, 30]), "chain-n").law
    assert law is not None
    assert law.expression.value({"n": 5}) == 56_000
    assert peak(alone(figure, [1000], [3, 30]), "chain-n") == Found(None, "n")
    assert peak(alone(lambda size, _: 24 * size, [1000], [3, 30]), "chain-n").law is not None


def test_a_law_starts_where_the_figures_change():
    found = alone(lambda size, _: size * (16 if size < 500 else 24), [10, 1000, 2000, 3000])
    law = peak(found, "chain").law
    assert law is not None
    assert law.since == {"N": 1000}


@pytest.mark.parametrize(
    "spoiled",
    [
        {"failure": Failure("cycles", "crashed", "exit code 1")},
        {"cycles": None},
        {"allocations": []},
    ],
)
def test_a_case_that_was_not_measured_is_not_part_of_a_law(spoiled):
    plain = alone(lambda size, _: 8 * size, [10, 100, 1000])
    cases = [*plain.cases[:2], change(plain.cases[2], **spoiled)]
    [family] = law_search.of_run(run(*cases, comparisons=[]))
    assert family.values == {"N": (10, 100)}


def test_passes_that_disagree_are_no_part_of_a_law():
    plain = alone(lambda size, _: 8 * size, [10, 100])
    first, second = plain.cases
    other = change(second.allocations[0], held=5)
    assert (
        law_search.of_run(run(first, change(second, allocations=[other, *second.allocations])))
        == []
    )


def test_there_are_no_laws_of_one_size_nor_of_the_calls_of_tests():
    assert law_search.of_run(run()) == []
    assert law_search.of_run(run(ordinary("a.py::b"), ordinary("a.py::c"), comparisons=[])) == []


def test_a_candidate_is_told_with_its_baseline_and_what_it_changes():
    found = following(
        {
            STRONG: {"peak": lambda size, n: 8 * size * (n + 3), "cycle": lambda size, n: size},
            WEAK: {"peak": lambda size, n: 8 * size * (n + 2), "cycle": lambda size, n: size},
        },
        [10, 1000, 5000],
        [3, 4, 5],
    )
    swapped = [change(c, baseline=WEAK, candidates=[STRONG]) for c in found.comparisons]
    for runs, names in (
        (found, [STRONG, WEAK]),
        (change(found, comparisons=swapped), [WEAK, STRONG]),
    ):
        [family] = law_search.of_run(runs)
        assert [each.variant for each in family.variants] == names
        assert [each.is_candidate for each in family.variants] == [False, True]
        assert laws.changed(family.variants[1], family.variants[0]).keys() == {"peak"}
        for figures, known in ((FIGURES, True), (["peak"], True)):
            assert (laws.covering([family], "chain-3", names, figures) is family) == known
    assert laws.covering([family], "chain-9", names, ["peak"]) is None
    assert laws.covering([family], "chain-3", [*names, "other"], ["peak"]) is None


def test_what_has_no_law_for_all_depths_is_told_at_each_beside_its_baseline():
    found = following(
        {
            "base": {"peak": lambda size, n: 8 * size * (n + 2)},
            "same": {"peak": lambda size, n: 8 * size * n},
            "odd": {"peak": lambda size, n: 8 * size * (n + 2 + n % 2)},
        },
        [10, 1000],
        [1, 2, 3, 4, 7],
    )
    told = {f.program: [each.variant for each in f.variants] for f in law_search.of_run(found)}
    assert told == {
        "chain-n": ["base", "same"],
        **{f"chain-{n}": ["base", "odd"] for n in (1, 2, 3, 4, 7)},
    }


def test_predictions_that_are_met_and_not_met_are_told_as_laws():
    def predicted(size: int, by: int):
        case = measured("chain", size, WEAK, peak=24 * size, held=8 * size)
        plain = strong().predicted
        bytes_ = {"peak": 24 * size + by * size, "held": 8 * size}
        zero = dict.fromkeys(("forward", "backward", "dropped"), 0)
        return change(case, predicted=change(plain, **bytes_, **zero))

    [met] = law_search.of_run(run(*[predicted(size, 0) for size in (10, 100)], comparisons=[]))
    assert met.variants[0].as_predicted is True
    assert met.variants[0].predicted == {}
    [other] = law_search.of_run(run(*[predicted(size, 8) for size in (10, 100)], comparisons=[]))
    assert other.variants[0].as_predicted is False
    [(name, law)] = other.variants[0].predicted.items()
    assert (name, law.law.expression.text) == ("peak", "32 N B")
    mixed = run(predicted(10, 0), measured("chain", 100, WEAK, peak=2400), comparisons=[])
    assert law_search.of_run(mixed)[0].variants[0].as_predicted is None


def test_a_prediction_that_is_met_tells_what_the_figures_alone_do_not():
    """Two sizes prove no constant and two depths nothing between, but what was derived holds."""

    def cases(name: str, peak, by: int = 0):
        made = [
            measured(f"{name}-{n}", size, WEAK, peak=peak(size, n), forward=peak(size, n))
            for n in (3, 30)
            for size in (10, 1000)
        ]
        return [
            change(
                c,
                predicted=Predicted(
                    forward=c.figures["forward"] + by,
                    backward=24 * c.size,
                    peak=c.figures["peak"] + by,
                    held=24 * c.size,
                    dropped=0,
                ),
                allocations=[change(c.allocations[0], backward=24 * c.size, held=24 * c.size)] * 2,
            )
            for c in made
        ]

    def constant(size: int, n: int) -> int:
        return 24 * size + 8

    told = peak(run(*cases("constant_sums", constant), comparisons=[]), "constant_sums-n").law
    assert told is not None
    assert told.expression.value({"N": 5, "n": 9}) == 128
    # Of a workload that nobody derived anything for, and where the run predicted something else.
    unknown = law_search.of_run(run(*cases("chain", constant), comparisons=[]))
    other = law_search.of_run(run(*cases("constant_sums", constant, by=8), comparisons=[]))
    for families in (unknown, other):
        assert [f.variants[0].figures["peak"].law for f in families] == [None] * len(families)


def test_names_that_end_alike_are_no_depths_of_each_other():
    cases = [
        measured(name, size, WEAK, peak=8 * size) for name in ("a-03", "a") for size in (10, 100)
    ]
    assert {f.program for f in law_search.of_run(run(*cases, comparisons=[]))} == {"a-03", "a"}


def test_sympy_is_not_imported_for_a_run_of_one_size():
    code = (
        "import sys\n"
        "from gradmeter.bench.report import markdown, terminal\n"
        "from rich.console import Console\n"
        "from tests.bench.run_files import run\n"
        "terminal.show(run(), Console())\n"
        "markdown.render(run())\n"
        "assert 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE, capture_output=True)
