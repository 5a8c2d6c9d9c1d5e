"""A run's summary on one screen: never more lines, no broken name, and nothing dropped unsaid."""

from __future__ import annotations

import io
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

import gradmeter
from gradmeter.bench.cases import compared
from gradmeter.bench.report import markdown, one_screen, summary, terminal
from gradmeter.bench.report.columns import aligned, folded, shortened
from gradmeter.bench.report.ordinary import Chosen
from gradmeter.bench.results import run_file
from gradmeter.bench.results.readings import Allocations, Failure, Instructions, SelfTest
from gradmeter.bench.results.run import Comparison, Run
from gradmeter.bench.verdicts import law_search, verdicts

from ...thorough import examples
from ..run_files import MB, STRONG, any_runs, case, ordinary, run, runs, strong, times

REPORTS = Path(gradmeter.__file__).resolve().parents[1] / "reports"
LIMITS = {"example": 50, "engines": 45, "compilers": 45}  # lines at 80 columns


def shown(found: Run, width: int = 80, **changes) -> list[str]:
    """The lines that a terminal of so many columns shows."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, emoji=False)
    terminal.show(found, console, **changes)
    return file.getvalue().splitlines()


def words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


@pytest.fixture(scope="module")
def committed() -> dict[str, Run]:
    return {name: run_file.load(REPORTS / name / "run.json") for name in LIMITS}


@pytest.mark.parametrize("name", LIMITS)
def test_a_committed_run_fits_a_screen_with_every_name_whole(name, committed):
    found = committed[name]
    lines = shown(found)
    assert len(lines) <= LIMITS[name]
    assert max(map(cell_len, lines)) <= 80
    told = summary.of_run(found, law_search.of_run(found))
    effects = {(q.short, e.program) for q in told.questions for e in q.effects if e.is_measured}
    tables = lines[: len(lines) - lines[::-1].index("")]  # the remarks come after the last gap
    heads = "|".join(re.escape(part) for part in {name for pair in effects for name in pair})
    rows = [line for line in tables if re.match(rf"  ({heads})(,? |$)", line)]
    counted = [int(line.split()[1]) for line in tables if line.endswith("with smaller effects")]
    assert len(rows) + sum(counted) == len(effects)
    assert sum(line.startswith("next: ") for line in lines) == 1


def test_the_lines_of_a_question_have_the_figures_of_its_cases(committed):
    found = committed["example"]
    lines = shown(found, 200)
    first = next(i for i, line in enumerate(lines) if line.startswith("strong "))
    here = {line.split()[0].rstrip(","): line for line in lines[first + 1 : first + 10]}
    for workload, line in here.items():
        if workload in ("n", "squares-n"):
            continue
        ours, base = (found.case(workload, MB, v) for v in (STRONG, "engine"))
        cells = re.split(r"  +", line.strip())[1:4]
        for figure, cell in zip(("peak", "held", "cycle"), cells, strict=True):
            for text, measured in zip(cell.split(" -> "), (base, ours), strict=True):
                arrays, _, rest = text.partition(" + ")
                beside = int(rest.split()[0]) if rest else 0
                expected = (measured.figures[figure] - beside) / (8 * MB)
                assert float(arrays) == pytest.approx(expected, abs=0.0051)
    assert "n + 1 -> n + 2" in here["squares-n"]
    decided = re.findall(r"([\d.]+) slower", here["goldstein_price"])
    assert decided
    (pair,) = [c for c in found.comparisons if (c.workload, c.size) == ("goldstein_price", 10_000)]
    (row,) = [r for r in verdicts.rows(found, pair) if r.case.variant == STRONG]
    assert row.time.word == "slower"
    assert float(decided[0]) == pytest.approx(row.time.ratio, rel=0.05)


@any_runs
@given(runs(), st.sampled_from([20, 40, 80, 200]))
def test_any_run_fits_any_terminal(found, width):
    lines = shown(found, width)
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) <= 45 * 80 / min(width, 80)


def large(workloads: int, variants: int, sizes: int, name: str = "engine:checkpoint=") -> Run:
    """A run in which variant i takes i more arrays, of which workload j has j."""
    cases, comparisons = [], []
    for j in range(1, workloads + 1):
        for size in [1000 * 10**s for s in range(sizes)]:
            candidates = [f"{name}{i}" for i in range(1, variants + 1)]
            for i, variant in enumerate(["engine", *candidates]):
                # No law: the figure has another remainder at each size.
                peak = 8 * size * (j + i) + 4 * size // (3 + len(str(size)))
                cases.append(
                    case(
                        workload=f"workload_{j}", size=size, variant=variant, array_bytes=8 * size,
                        allocations=[Allocations(forward=1, backward=1, peak=peak, held=1)] * 3,
                        predicted=None,
                    )
                )  # fmt: skip
            comparisons.append(
                Comparison(
                    workload=f"workload_{j}", size=size, baseline="engine", candidates=candidates
                )
            )
    return run(*cases, comparisons=comparisons)


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(1, 14), st.integers(1, 9), st.integers(1, 4))
def test_what_has_no_room_is_counted_and_is_the_smallest(workloads, variants, sizes):
    found = large(workloads, variants, sizes)
    lines = shown(found)
    assert len(lines) <= (50 if workloads * variants * sizes > 60 else 45)
    told = summary.of_run(found, law_search.of_run(found))
    pairs = {(q.variant, e.program): e.largest for q in told.questions for e in q.effects}
    screen = one_screen.of_run(found, law_search.of_run(found))
    rows = [line for s in screen.sections for b in s.blocks for line in b.lines]
    whole = sum("baseline" not in line.name and bool(line.name.strip()) for line in rows)
    left = re.search(r"and (\d+) comparisons? with smaller", words(lines))
    if left:
        assert whole + int(left[1]) == len(pairs)
    else:
        assert whole >= len(pairs)
    largest = max(pairs.values())
    if rows:
        assert any(round(largest) == v for v in (1, variants, round(largest)))
        assert f"checkpoint={variants}" in words(lines)


def test_with_more_variants_than_workloads_a_baseline_stands_above_them(committed):
    example = committed["example"]
    kept = [c for c in example.comparisons if c.workload in ("squares-3", "squares-30")]
    cases = [c for c in example.cases if c.workload in ("squares-3", "squares-30")]
    lines = shown(msgspec.structs.replace(example, comparisons=kept, cases=cases))
    at = lines.index("squares-n")
    assert re.match(r"  engine \(baseline\), n = 3 +n \+ 1 +3 +0 +\d", lines[at + 1])
    assert re.match(r" +n = 30 +\d", lines[at + 2])
    assert "n the depth (blank: as above)" in words(lines)
    alone = [c for c in kept if c.workload == "squares-3"]
    of_one = shown(msgspec.structs.replace(example, comparisons=alone, cases=cases))
    assert "blank" not in words(of_one)
    rows = {line.split(",")[0].strip(): line for line in lines[at + 3 :]}
    assert re.match(r"  strong, n = 3 +n \+ 2 +n \+ 2 +n \+ 2 ", rows["strong"])
    assert re.match(r"  retain_grad, n = 3 +n \+ 3 +n \+ 3 +=", rows["retain_grad"])
    for name in ("compiled", "checkpoint=5"):
        assert any(re.match(rf"  {name} +\d", line) for line in lines)


def test_names_of_wide_characters_stand_in_columns():
    cases = [
        case(workload="제곱-3"),
        strong(workload="제곱-3"),
        case(workload="행렬곱"),
        strong(workload="행렬곱"),
        case(workload="plain"),
        strong(workload="plain"),
    ]
    comparisons = [
        Comparison(workload=w, size=MB, baseline="engine", candidates=[STRONG])
        for w in ("제곱-3", "행렬곱", "plain")
    ]
    lines = shown(run(*cases, comparisons=comparisons))
    rows = [line for line in lines if "->" in line]
    assert len(rows) == 3
    assert len({cell_len(row[: row.index("5 -> 6")]) for row in rows}) == 1


def test_a_long_name_has_a_line_of_its_own_and_its_figures_below():
    name = "a_very_long_name_" * 4
    lines = shown(run(case(workload=name), strong(workload=name)))
    at = next(i for i, line in enumerate(lines) if line.strip() == name)
    assert "5 -> 6" in lines[at + 1]


def test_one_variant_without_a_baseline_shows_its_figures():
    text = words(shown(run(case(), comparisons=[])))
    assert "peak held time, 1,000,000 engine squares-3 5 3 40 ms" in text
    assert "baseline" not in text.partition("noise")[0]


def test_without_times_there_are_no_columns_of_time():
    lines = shown(run(case(times=[]), strong(times=[])))
    assert "time" not in words(lines)
    assert "5 -> 6" in words(lines)


def test_a_run_where_everything_failed_says_why_once():
    broken = Failure("memory", "crashed", "the worker ended with exit code 9")
    cases = [
        case(workload=f"w{n}", variant=v, failure=broken, times=[], allocations=[], cycles=None)
        for n in range(30)
        for v in ("engine", STRONG)
    ]
    comparisons = [
        Comparison(workload=f"w{n}", size=MB, baseline="engine", candidates=[STRONG])
        for n in range(30)
    ]
    lines = shown(run(*cases, comparisons=comparisons))
    assert words(lines).count("exit code 9") == 1
    assert "w0 x 1,000,000 engine and 59 more: memory, crashed: the worker" in words(lines)
    assert len(lines) < 20


def test_what_one_size_lacks_is_told_in_its_column():
    broken = Failure("time", "raised", "no room")
    cases = [
        case(), strong(), case(size=10 * MB, array_bytes=80 * MB),
        strong(size=10 * MB, array_bytes=80 * MB, failure=broken, times=[], allocations=[]),
    ]  # fmt: skip
    comparisons = [
        Comparison(workload="squares-3", size=s, baseline="engine", candidates=[STRONG])
        for s in (MB, 10 * MB)
    ]
    text = words(shown(run(*cases, comparisons=comparisons)))
    assert "failed" in text.partition("not measured:")[0]
    assert "squares-3 x 10,000,000 engine:output_references=strong: time, raised: no room" in text


def test_instructions_have_a_column():
    def counted(total: int) -> Instructions:
        return Instructions(
            valgrind="3.20", rounds={"forward": [total] * 3}, misses={"forward": [0] * 3}
        )

    found = run(
        case(instructions=counted(1_000_000)),
        strong(instructions=counted(1_250_000)),
        case(variant="engine:retain_grad=on", instructions=counted(1_000_000)),
    )
    text = words(shown(found))
    assert "strong 6 5 5 +25.00%" in text
    assert "retain_grad = = = =" in text


def test_an_unfinished_run_says_how_it_goes_on_and_nothing_else_comes_next():
    text = words(shown(msgspec.structs.replace(run(), finished=False)))
    assert "This run was not finished; gradmeter run --resume goes on with it." in text
    assert "next:" not in text


def test_too_few_sets_are_said_once():
    cases = [c for n in range(9) for c in (case(workload=f"w{n}"), strong(workload=f"w{n}"))]
    comparisons = [
        Comparison(workload=f"w{n}", size=MB, baseline="engine", candidates=[STRONG])
        for n in range(9)
    ]
    text = words(shown(run(*cases, comparisons=comparisons)))
    assert text.count("too few sets") == 1
    assert "undecided: 9 of 9 times: too few sets for a verdict" in text


def test_a_failed_self_test_comes_first_among_the_remarks():
    bad = SelfTest(name="an array", expected=5, measured=7, tolerance=0)
    found = run(case(allocations=[], cycles=None), strong(), self_tests=[bad])
    remarks = one_screen.of_run(found, []).remarks
    assert (remarks[0].label, remarks[0].text) == (
        "self-test failed",
        "an array: measured 7, expected 5",
    )


@pytest.fixture(scope="module")
def suites() -> Run:
    """Two runs of 70 calls compared, of which every seventh takes more."""

    def call(number: int, more: int = 0):
        figures = Allocations(forward=0, backward=0, peak=3 * MB + more, held=MB)
        name = f"benchmarks/test_it.py::test_sum[{number}]"
        return ordinary(name, allocations=[figures] * 3)

    before = run(*(call(n) for n in range(70)), comparisons=[])
    after = run(*(call(n, n * MB if n % 7 == 0 else 0) for n in range(70)), comparisons=[])
    return compared.of_files(before, after, ("a", "b"))


def test_two_runs_of_equal_calls_take_a_handful_of_lines():
    same = run(*(ordinary(f"test.py::test[{i}]") for i in range(70)), comparisons=[])
    lines = shown(compared.of_files(same, same, ("a", "b")))
    assert "70 calls without a change" in lines  # with no "and", since nothing is before it
    assert len(lines) < 8


def test_changed_calls_come_first_under_the_path_that_they_share(suites):
    lines = shown(suites)
    first = next(i for i, line in enumerate(lines) if line.startswith("after, in "))
    assert lines[first] == "after, in benchmarks/test_it.py::"
    assert lines[first + 1].split() == ["test_sum[63]", "+63.0", "MB"]
    assert [line.split()[0] for line in lines[first + 1 : first + 10]] == [
        f"test_sum[{n}]" for n in range(63, 0, -7)
    ]
    assert "and 61 calls without a change" in words(lines)
    assert sum("benchmarks/" in line for line in lines) == 1
    assert "held" not in words(lines)  # no call holds more


def test_calls_are_sorted_as_is_asked(suites):
    named = [line.split()[0] for line in shown(suites, chosen=Chosen("name")) if "MB" in line]
    assert named == sorted(named)
    peaks = [line.split()[0] for line in shown(suites, chosen=Chosen("peak")) if "MB" in line]
    assert peaks[0] == "test_sum[63]"


def sized(number: int):
    figures = Allocations(forward=0, backward=0, peak=number * MB, held=0)
    return ordinary(f"a/test.py::test[{number}]", allocations=[figures] * 3, cycles=None)


def test_of_the_calls_of_a_run_the_largest_are_shown_and_the_rest_counted():
    found = run(*(sized(n % 50) for n in range(50)), comparisons=[])
    lines = shown(found, chosen=Chosen(most=4))
    rows = [line.split() for line in lines if line.startswith("  test[")]
    assert rows == [[f"test[{n}]", f"{n}.0", "MB"] for n in (49, 48, 47, 46)]
    assert "and 46 more calls, 1 of them with no array data" in words(lines)
    assert {"held", "cycle", "objects", "allocs"} & set(words(lines).split()) == {"objects"}
    assert "Python's own objects" in words(lines)


def test_a_budget_stands_beside_its_call():
    text = words(shown(run(sized(1), comparisons=[]), budgets={"a/test.py::test[1]": "kept"}))
    assert "test[1] 1.0 MB kept" in text


def test_markdown_opens_with_the_rows_of_the_screen(committed):
    found = committed["example"]
    text = markdown.render(found).partition("## ")[0]
    screen = one_screen.of_run(found, law_search.of_run(found))
    names = [line.name for s in screen.sections for b in s.blocks for line in b.lines]
    assert text.count("\n| ") >= len(names)
    assert "| n + 1 -&#62; n + 2 | 3 -&#62; n + 2 | 0 -&#62; n + 2 |" in text


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80)
    | st.text("ab:/ ", max_size=80),
    st.integers(4, 60),
    st.sampled_from(["", "  "]),
)
def test_folding_loses_no_letter_adds_no_blank_and_keeps_to_its_columns(text, width, hanging):
    lines = folded(text, width, hanging)
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.startswith(hanging) for line in lines[1:])
    assert "".join("".join(lines).split()) == "".join(text.split())
    words = " ".join(text.split())
    assert all(line.strip() in words for line in lines)


def test_a_name_longer_than_a_line_breaks_after_a_part_of_it():
    text = "decided: bench/test_a.py::test_long_names[Strategy.AS_TUPLE]"
    assert folded(text, 32, "  ") == [
        "decided:",
        "  bench/test_a.py::",
        "  test_long_names[Strategy.",
        "  AS_TUPLE]",
    ]


@given(st.text("ab한", max_size=60), st.integers(9, 60))
def test_a_shortened_name_keeps_its_end(text, length):
    short = shortened(text, length)
    assert cell_len(short) <= length
    assert short == text or text.endswith(short.partition("...")[2])


CELLS = st.text("0123 ->+B", max_size=9).map(str.strip)


@given(
    st.lists(st.tuples(st.text("ab한 ", max_size=30), CELLS, CELLS), max_size=6),
    st.integers(20, 100),
)
def test_columns_keep_to_the_width_and_lose_no_figure(made, width):
    rows = [(name, [first, second]) for name, first, second in made]
    lines = aligned(["peak", "held"], rows, width)
    assert all(cell_len(line) <= width for line in lines)
    text = "".join("".join(lines).split())
    for _, cells in rows:
        assert all("".join(cell.split()) in text for cell in cells)


def test_everything_is_still_there_where_it_is_asked_for(committed):
    lines = shown(committed["example"], everything=True)
    assert len(lines) > 400
    assert "predicted: derived by hand." in words(lines)


def test_a_time_is_decided_where_it_says_so():
    slow = [times([0.05] * 2, [0.1] * 2, n) for n in range(9)]
    fast = [times([0.01] * 2, [0.03] * 2, n) for n in range(9)]
    found = run(case(times=fast), strong(times=slow))
    assert "slower" in words(shown(found))
    assert "undecided" not in words(shown(found))


@given(
    st.lists(st.tuples(st.integers(1, 999), st.integers(1, 10**6)), min_size=1, max_size=6),
    st.integers(60, 400),
)
def test_a_place_is_shown_with_its_amount_or_counted(places, most):
    parts = [f"+{n} kB at folder/module.py:{line} `call({line}, x)`" for n, line in places]
    shown = one_screen._places("peak " + ", ".join(parts), most)
    assert cell_len(shown) <= most
    bare = [part.partition(" `")[0] for part in parts]
    kept, _, more = shown.removeprefix("peak ").partition(", and ")
    count = len(places) - (int(more.removesuffix(" more")) if more else 0)
    assert kept in (", ".join(parts), ", ".join(bare[:count]))
