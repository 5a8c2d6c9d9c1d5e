"""A file of laws as a baseline: a change of law fails at any size, and what has no law is said."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.report import gate as screen
from gradmeter.bench.results import known
from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.results.readings import Allocations, Cycles
from gradmeter.bench.verdicts import gates
from gradmeter.bench.verdicts.regressions import judge

from ..run_files import WEAK, case, ordinary, run

SQUARES = Laws(
    program="squares-n",
    variant=WEAK,
    parameters=["N", "n"],
    itemsize=8,
    figures={
        "peak": Formula(bytes="max(8 N (n + 2), 8 N n + 1 kB)"),
        "forward": Formula(bytes="(n + 1) arrays"),
        "backward": Formula(bytes="(n + 2) arrays"),
        "held": Formula(bytes="3 arrays", since={"N": 10}, multiple={"n": 2}),
        "allocations": Formula(bytes="2 n + 1"),
    },
    reasons={"cycle": "no polynomial reproduces it"},
)


def measured(size, depth, peak, held=0, number=None, **changes):
    """The case of a chain of squares."""
    figures = Allocations(forward=0, backward=0, peak=peak, held=held, number=number)
    return case(
        workload=f"squares-{depth}",
        size=size,
        array_bytes=8 * size,
        allocations=[figures] * 3,
        cycles=Cycles(dropped=0, bytes=0, objects=0, types={}, leaked=0),
        **changes,
    )


def outcome(laws, *cases, texts=gates.DEFAULT):
    found = run(*cases, comparisons=[])
    return judge(found, known.of_laws(laws, cases), [gates.parse(text) for text in texts], None)


@settings(deadline=None)
@given(st.integers(1, 10**9), st.integers(1, 500), st.integers(-8, 8))
def test_a_byte_more_than_the_law_fails_at_any_size_and_depth(size, depth, more):
    law = max(8 * size * (depth + 2), 8 * size * depth + 1000)
    result = outcome([SQUARES], measured(size, depth, law + more), texts=["peak>0"])
    assert result.exit_code == (more > 0)
    assert [breach.by for breach in result.breaches] == [more] * (more > 0)
    changed = [*result.larger, *result.smaller]
    assert [c.difference for _, cs in changed for c in cs if c.figure == "peak"] == [more] * bool(
        more
    )
    assert not result.silent
    assert not result.new


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 60), st.integers(0, 60))
def test_amounts_are_of_what_the_law_says(size, depth, percent):
    law = max(8 * size * (depth + 2), 8 * size * depth + 1000)
    more = law * percent // 100
    one = measured(size, depth, law + more)
    assert outcome([SQUARES], one, texts=["peak>30%"]).exit_code == (more * 100 > 30 * law)
    assert outcome([SQUARES], one, texts=["peak>N n"]).exit_code == (more > size * depth)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 9))
def test_a_law_speaks_only_where_it_holds(size, depth):
    one = measured(size, depth, 0, held=10**9)
    result = outcome([SQUARES], one, measured(50, 4, 0), texts=["held>0"])
    speaks = size >= 10 and depth % 2 == 0
    assert len(result.breaches) == speaks
    assert [(key, figure) for key, figure, _ in result.silent] == [(one.key, "held")] * (not speaks)
    if not speaks:
        assert result.silent[0][2] == "its law holds from N = 10 on, where n is a multiple of 2"


def lines(result, found, *texts):
    criteria = [gates.parse(text) for text in texts or gates.DEFAULT]
    return screen.lines(result, criteria, found, "reports/latest")


def test_a_breach_says_the_law_and_the_verdict_counts_what_has_none():
    cases = (
        measured(1000, 3, 48_000),
        measured(7, 4, 1224),
        case(workload="matyas"),
        ordinary(),
    )
    laws = msgspec.structs.replace(
        SQUARES, figures={name: SQUARES.figures[name] for name in ("peak", "held")}
    )
    result = outcome([laws], *cases, texts=("peak>0", "held>0"))
    assert lines(result, run(*cases, comparisons=[]), "peak>0", "held>0") == [
        "gate failed: peak>0: squares-3 x 1,000 engine",
        "    peak 40,000 B (5.00 arrays) -> 48,000 B (6.00 arrays): "
        "+8,000 B (+1.00 arrays, +20.0%)",
        "    its law: peak = max(8 N (n + 2), 8 N n + 1 kB) at N = 1,000, n = 3",
        "to see the source lines of these bytes, measure again with --lines (pytest: "
        "--bench-lines)",
        "not judged: held>0: no law speaks of held in any of its cases",
        "no law speaks of: matyas x 1,000,000 engine; tests/test_theirs.py::test_it[8 MB]",
        "no law of held: squares-3 x 1,000 engine and 1 more: its law holds from N = 10 on, where "
        "n is a multiple of 2",
        "FAILED: 1 breach of peak>0 held>0; 2 cases compared with laws, 2 cases and 2 figures "
        "without a law",
    ]


def test_a_gate_that_no_law_speaks_of_is_not_passed():
    result = outcome([SQUARES], measured(1000, 4, 48_000, held=24_000))
    assert result.exit_code == 3
    assert result.refused == ["cycle>0: no law speaks of cycle in any of its cases"]
    assert result.silent == [
        (
            ("squares-4", 1000, WEAK),
            "cycle",
            "no law was found: no polynomial reproduces it",
        )
    ]
    assert outcome([SQUARES], measured(1000, 4, 1, held=1), texts=["held>0"]).exit_code == 0


def test_laws_of_other_elements_are_not_compared():
    half = measured(1000, 4, 24_000)
    half = msgspec.structs.replace(half, array_bytes=4000)
    result = outcome([SQUARES], half, texts=["peak>0"])
    assert result.exit_code == 3
    assert result.refused == [
        "the laws of squares-n engine are of elements of 8 B, and those of squares-4 x 1,000 "
        "engine have 4 B; find them anew with gradmeter law"
    ]


def test_the_law_of_one_depth_goes_before_that_of_all():
    one = Laws(
        program="squares-4",
        variant=WEAK,
        parameters=["N"],
        itemsize=8,
        figures={"peak": Formula(bytes="5 arrays")},
        reasons={"held": "none"},
    )
    both = known.of_laws([SQUARES, one], [measured(1000, 4, 0), measured(1000, 6, 0)])
    assert both.figures["squares-4", 1000, WEAK]["peak"] == 40_000
    assert both.figures["squares-4", 1000, WEAK]["held"] == 24_000
    assert both.figures["squares-6", 1000, WEAK]["peak"] == 64_000
    assert both.by_law.reasons["squares-4", 1000, WEAK].keys() == {"cycle", "dropped"}
    assert not both.by_law.unused


def test_laws_and_cases_on_one_side_only_are_named_and_fail_when_asked():
    other = msgspec.structs.replace(SQUARES, variant="dezero")
    cases = (measured(1000, 4, 48_000), case(workload="matyas"))
    result = outcome([SQUARES, other], *cases, texts=["peak>0"])
    assert result.exit_code == 0
    assert result.new == [("matyas", 1_000_000, WEAK)]
    assert result.vanished == [("squares-n", 0, "dezero")]
    assert outcome([SQUARES, other], *cases, texts=["new"]).exit_code == 1
    assert outcome([SQUARES, other], *cases, texts=["vanished"]).exit_code == 1
    assert "laws of no case of this run: squares-n dezero" in lines(result, run(*cases), "peak>0")


def test_a_run_that_no_law_speaks_of_is_not_judged():
    for laws in ([SQUARES], []):
        result = outcome(laws, case(workload="matyas"))
        assert (result.exit_code, result.problem) == (
            3,
            "no law of the file speaks of a case of the run",
        )


def test_a_case_at_which_no_law_holds_is_not_compared_and_says_why():
    late = Laws(
        program="squares-n",
        variant=WEAK,
        parameters=["N", "n"],
        itemsize=8,
        figures={"peak": Formula(bytes="N", since={"N": 1001})},
    )
    result = outcome([late], measured(1000, 4, 10**9), texts=["peak>0"])
    assert (result.compared, result.new, result.exit_code) == (0, [], 3)
    assert [why for _, _, why in result.silent] == ["its law holds from N = 1,001 on"]


def test_numbers_of_allocations_follow_laws():
    for number, code in ((9, 0), (10, 1)):
        one = measured(1000, 4, 48_000, number=number)
        assert outcome([SQUARES], one, texts=["allocations>0"]).exit_code == code
    without = msgspec.structs.replace(SQUARES, figures={"peak": SQUARES.figures["peak"]})
    result = outcome([without], measured(1000, 4, 1, number=9), texts=["peak>0", "allocations>0"])
    assert [figure for _, figure, _ in result.silent] == ["allocations"]
    assert result.exit_code == 3


@pytest.mark.parametrize("formula", ["N/3", "8 N - 9000", "1/(n - 4)"])
def test_a_law_that_has_no_number_of_bytes_says_nothing_there(formula):
    law = msgspec.structs.replace(SQUARES, figures={"peak": Formula(bytes=formula)})
    (read, reason) = law.reading("peak", {"N": 1000, "n": 4})
    assert read is None
    assert "no number of bytes" in reason or "divides by 0" in reason
