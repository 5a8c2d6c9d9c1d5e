"""The laws of tests' calls: which tests are one program, in which parameters, and what changed."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.results import parametrised
from gradmeter.bench.results.known import of_laws
from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.results.readings import Allocations
from gradmeter.bench.verdicts import call_laws, law_changes

from ...thorough import examples
from .. import run_files

TEST = "tests/test_a.py::test_solve"


def called(peak: int, text: str = "", held: tuple[int, ...] = (8, 8, 8), **values: int):
    """The case of a test with these parameters, which has this peak."""
    template = f"{TEST}[{'-'.join(f'{{{name}}}' for name in values)}{text}]"
    return run_files.ordinary(
        parametrised.program(template, values, ()),
        template=template,
        parameters=values,
        allocations=[Allocations(forward=0, backward=0, peak=peak, held=h, number=5) for h in held],
    )


def laws(*cases) -> dict[str, str]:
    """What is said of each program's peak."""
    return {
        each.program.removeprefix(TEST): (
            each.figures["peak"].bytes if "peak" in each.figures else each.reasons["peak"]
        )
        for each in call_laws.of_run(run_files.run(*cases, comparisons=[]))
    }


def test_tests_that_differ_in_a_number_are_one_program():
    cases = [called(8 * n + 16, n=n) for n in (10, 100, 1000)]
    assert laws(*cases) == {"[n]": "8 n + 16 B"}
    [found] = call_laws.of_run(run_files.run(*cases, comparisons=[]))
    assert found.parameters == ["n"]
    assert found.verified == {"n": 1000}
    assert {name: law.bytes for name, law in found.figures.items()} == {
        "peak": "8 n + 16 B", "held": "8 B", "cycle": "8 B", "growth": "0 B", "allocations": "5",
    }  # fmt: skip


def test_other_parameters_are_other_programs():
    cases = [called(size * n, f"-{dtype}", n=n) for n in (10, 20) for dtype, size in DTYPES]
    assert laws(*cases) == {"[n-float32]": "4 n B", "[n-float64]": "8 n B"}


DTYPES = (("float32", 4), ("float64", 8))


def test_a_number_that_never_differs_is_no_parameter():
    assert laws(*(called(8 * n, n=n, m=7) for n in (10, 20))) == {"[n-7]": "8 n B"}
    assert laws(called(8, n=1, m=7)) == {}


def test_a_number_that_may_be_0_or_less_is_a_choice():
    cases = [called(8 * n * (3 + axis), n=n, axis=axis) for n in (10, 20) for axis in (-1, 0, 1)]
    assert laws(*cases) == {"[n--1]": "16 n B", "[n-0]": "24 n B", "[n-1]": "32 n B"}


def test_a_name_that_is_a_unit_is_a_choice():
    cases = [called(8 * n * B, n=n, B=B) for n in (10, 20) for B in (1, 2)]
    assert laws(*cases) == {"[n-1]": "8 n B", "[n-2]": "16 n B"}


def test_without_a_law_in_all_parameters_there_is_one_in_fewer():
    odd = {1: 8, 2: 24, 3: 1000, 4: 56, 5: 72}
    cases = [called(odd[kind] * n, n=n, kind=kind) for n in (10, 20, 30) for kind in odd]
    assert laws(*cases) == {f"[n-{kind}]": f"{factor} n B" for kind, factor in odd.items()}


def test_what_has_no_law_in_fewer_parameters_either_has_a_reason():
    cases = [called((n * 7919 + m * 104_729) % 9973, n=n, m=m) for n in (1, 2, 3) for m in (1, 2)]
    [(program, reason)] = laws(*cases).items()
    assert program == "[n-m]"
    assert reason.startswith("no law with")


def test_a_call_that_differs_from_pass_to_pass_has_no_law():
    cases = [called(8 * n, n=n, held=(8, 8, 8 if n < 20 else 16)) for n in (10, 20, 30)]
    [found] = call_laws.of_run(run_files.run(*cases, comparisons=[]))
    assert found.figures["peak"].bytes == "8 n B"
    assert found.reasons == {"held": f"its passes disagree: 8 B, 8 B, 16 B ({TEST}[20])"}


def test_tests_without_numbers_have_no_laws():
    assert laws(run_files.ordinary()) == {}
    assert laws(run_files.ordinary(), run_files.ordinary("tests/test_b.py::test_b")) == {}


@settings(max_examples=examples(20), deadline=None)
@given(
    a=st.integers(0, 99), b=st.integers(0, 99), c=st.integers(0, 99),
    first=st.sets(st.integers(1, 10**6), min_size=3, max_size=4),
    second=st.sets(st.integers(1, 10**6), min_size=3, max_size=4),
)  # fmt: skip
def test_a_law_as_a_baseline_knows_every_test_that_it_is_of(a, b, c, first, second):
    peak = lambda n, m: a * n * m + b * n + c  # noqa: E731
    cases = [called(peak(n, m), n=n, m=m) for n, m in product(sorted(first), sorted(second))]
    [found] = call_laws.of_run(run_files.run(*cases, comparisons=[]))
    other = called(0, n=10**7, m=12)
    known = of_laws([found], [other])
    assert known.figures[other.key]["peak"] == peak(10**7, 12)


def test_a_law_in_one_parameter_is_of_tests_with_the_same_others():
    law = Laws(program=f"{TEST}[n-8]", parameters=["n"], figures={"peak": Formula(bytes="8 n B")})
    same, other = called(0, n=5, m=8), called(0, n=5, m=9)
    known = of_laws([law], [same, other])
    assert known.figures[same.key]["peak"] == 40
    assert other.key not in known.figures


def test_what_is_changed_is_a_formula_and_not_where_it_was_measured():
    def program(formula: str, **since: int) -> Laws:
        figures = {"peak": Formula(bytes=formula, since=since)}
        return Laws(program="test[n]", parameters=["n"], figures=figures)

    def changed(*laws: list[Laws]) -> list[str]:
        return [*map(str, law_changes.of_formulas(*laws))]

    before = [program("8 n + 16 B")]
    assert changed(before, [program("16 B + n 8", n=100)]) == []
    assert changed(before, [program("8 n + 24 B")]) == [
        "test[n]: peak was 8 n + 16 B, now 8 n + 24 B"
    ]
    assert changed([], before) == []


@given(st.text("{}n-[]x", max_size=12), st.integers(-5, 10**6))
def test_a_template_has_the_name_with_its_value_in_it(text, value):
    template = f"{parametrised.plain(text)}{{n}}{parametrised.plain(text)}"
    assert parametrised.program(template, {"n": value}, ()) == f"{text}{value}{text}"
    assert parametrised.program(template, {"n": value}, ["n"]) == f"{text}n{text}"
