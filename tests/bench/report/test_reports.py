"""Reports: every run is shown, names as they are, figures whole, and nothing that is not so."""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from functools import partial
from html import unescape

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from gradmeter.bench.report import markdown, sentences, terminal
from gradmeter.bench.results.readings import Allocations, Cycles, Failure, SelfTest

from ...thorough import examples
from ..run_files import any_runs, case, ordinary, run, runs, strong, times

HOSTILE = [
    "[red]x[/red]",
    "[/]",
    "a|b",
    "<script>alert(1)</script>",
    "</details>",
    "&amp;",
    "**bold** _it_ `code`",
    "[link](http://example.org)",
    "~~gone~~",
    "a\\*b",
    "a\\|b",
    "# heading",
    "![image](x.png)",
    "tail\\",
]
BIDI = "\u202e\u2066"
FAILED = SelfTest(name="an array", expected=5, measured=7, tolerance=0)


def shown(found, width: int = 80, *, everything: bool = False) -> str:
    """What the terminal report prints: its summary, or every table."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, emoji=False)
    terminal.show(found, console, everything=everything)
    return file.getvalue()


every_table = partial(shown, everything=True)


def joined(text: str) -> str:
    """The words of a text, wherever its lines were broken."""
    return "".join(text.split())


def page(found) -> str:
    """The text that a reader of the Markdown sees, blanks apart."""
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return joined(re.sub(r"<[^>]*>", "", html.render(markdown.render(found))))


def named(name: str, **changes):
    """A run in which everything that has a name has this one."""
    failure = Failure(name, name, name)
    environment = run().environment
    texts = {
        f.name: name for f in msgspec.structs.fields(environment) if f.type in (str, str | None)
    }
    return run(
        case(workload=name, variant=name, collector=name),
        strong(workload=name, variant=name + "2", collector=name),
        case(workload=name, variant=name + "3", failure=failure),
        ordinary(f"{name}::{name}4", failure=failure),
        self_tests=[SelfTest(name=name, expected=1, measured=2, tolerance=0, problem=name)],
        environment=msgspec.structs.replace(environment, **texts, versions={name: name}),
        options=msgspec.structs.replace(run().options, collector=name),
        **changes,
    )


def tables(text: str) -> list[list[str]]:
    """The rows of each table of a Markdown text."""
    found, last = [], False
    for line in text.split("\n"):
        if line.startswith("|"):
            if not last:
                found.append([])
            found[-1].append(line)
        last = line.startswith("|")
    return found


@any_runs
@given(runs())
def test_every_run_has_both_reports(found):
    for text in (shown(found), every_table(found)):
        assert all(cell_len(line) <= 80 for line in text.split("\n"))
    for table in tables(markdown.render(found)):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table}) == 1


def test_figures_that_leave_no_room_for_names_stand_below_each_other():
    large = Allocations(forward=0, backward=0, peak=2**62, held=2**62, number=2**62, allocated=0)
    cycles = Cycles(dropped=2**62, bytes=2**62, objects=2**62, types={}, leaked=0)
    found = run(ordinary("test_a.py::test_long_name", allocations=[large] * 3, cycles=cycles))
    lines = every_table(found).split("\n")
    assert max(map(cell_len, lines)) <= 80
    assert any("test_long_name" in line for line in lines)
    assert any(f"objects: {2**62:,}" in line for line in lines)


@settings(max_examples=examples(60), deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_name_breaks_a_table_or_a_line(name):
    found = named(name)
    for text in (shown(found), every_table(found)):
        assert all(cell_len(line) <= 80 for line in text.split("\n"))
    text = markdown.render(found)
    for table in tables(text):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table}) == 1
    assert text.count("<details>") == text.count("</details>") > 0


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_as_text_in_a_terminal(name):
    for text in (shown(named(name)), every_table(named(name))):
        assert joined(text).count(joined(name)) >= 4


@pytest.mark.parametrize("name", [":bug:", "a :warning: b"])
def test_colons_in_a_name_are_no_emoji(name):
    assert joined(name) in joined(shown(named(name)))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_as_text_in_markdown(name):
    text = unescape(page(named(name)))
    # workload, variants and messages of cases and sentences; self-test and environment
    assert text.count(joined(name)) >= 20
    spoiled = markdown.render(named(name))
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tags = Counter(re.findall(r"<(\w+)", html.render(spoiled)))
    plain = Counter(re.findall(r"<(\w+)", html.render(markdown.render(named("plain")))))
    assert tags == plain


@pytest.mark.parametrize("report", [shown, every_table, markdown.render])
def test_no_name_turns_the_line_around_or_controls_the_terminal(report):
    text = report(named(f"a{BIDI}b\x1b[31mc\x07d"))
    bad = [c for c in text if c != "\n" and (c in BIDI or unicodedata.category(c) == "Cc")]
    assert bad == []


@pytest.mark.parametrize("report", [shown, every_table, markdown.render])
def test_a_name_of_two_lines_stays_on_its_own(report):
    text = report(named("first\n# second\r\n| third |"))
    assert not re.search(r"^(# second|\| third)", text, re.MULTILINE)


def test_figures_in_a_terminal_are_never_cut_off():
    large = Allocations(
        forward=888_800_000, backward=888_800_000, peak=888_800_000, held=777_700_000
    )
    slow = [times([0.1234] * 2, [0.1] * 2), times([0.2] * 2, [0.3] * 2, 1)]
    found = run(
        case(allocations=[large] * 3, times=[times([0.1] * 2, [0.1] * 2, i) for i in (0, 1)]),
        strong(allocations=[large] * 3, times=slow),  # and its prediction is not met
    )
    assert sentences.surprises(found.cases[1])
    text = every_table(found)
    assert "\u2026" not in text
    for figure in ("888.8 MB", "777.7 MB", "40.0 MB", "41.0 MB", "30.0 MB"):
        assert figure in text


def test_a_case_that_failed_is_there_with_what_happened():
    failure = Failure("exact memory", "killed", "the worker was ended by SIGKILL")
    for lonely in (
        run(case(failure=failure, allocations=[], cycles=None, residency=None, times=[])),
        run(case(), strong(failure=failure, allocations=[], cycles=None, times=[])),
    ):
        for text in (shown(lonely), markdown.render(lonely)):
            assert "exactmemory,killed:theworkerwasendedbySIGKILL" in joined(text)
            assert "not measured" in text.lower()
    assert "1 failed" in markdown.render(run(case(), strong(failure=failure)))


def test_missing_meters_are_a_dash():
    found = run(
        case(predicted=None, allocations=[], cycles=None, residency=None, times=[]),
    )
    [row] = [line for line in markdown.render(found).split("\n") if line.startswith("| engine")]
    assert row == "| engine |" + " - |" * 12
    assert "MB" not in "".join(line for line in shown(found).split("\n") if "engine" in line)


def test_after_a_failed_self_test_both_reports_say_so_and_give_no_memory():
    bare = {"allocations": [], "cycles": None, "residency": None}
    found = run(case(**bare), strong(**bare), self_tests=[FAILED])
    for text in (shown(found), markdown.render(found)):
        assert "self-test failed" in text.lower()
        assert "an array" in text
        assert not re.search(r"\d arrays|keeps|instead of|Of \d+ predictions", text)
    assert "memory figures are left out" in markdown.render(found)


def test_memory_is_not_said_to_be_left_out_where_it_is_shown():
    """As where only the resident meter cannot be believed."""
    name = "32 MiB of touched pages"
    test = SelfTest(name=name, expected=2**25, measured=0, tolerance=1, problem="no")
    found = run(case(residency=None), strong(residency=None), self_tests=[test])
    text = markdown.render(found)
    assert "40.0 MB" in text
    assert "memory figures are left out" not in text


@pytest.mark.parametrize("finished", [True, False])
def test_an_unfinished_run_says_so(finished):
    found = run(finished=finished)
    assert ("not finished" in markdown.render(found)) is not finished
    assert ("not finished" in shown(found)) is not finished
    empty = run(case(), finished=finished)
    assert ("not finished" in shown(msgspec.structs.replace(empty, cases=[]))) is not finished


def test_a_prediction_that_is_not_met_is_shown_as_such():
    wrong = msgspec.structs.replace(case().predicted, held=5)
    found = run(case(predicted=wrong), strong())
    assert "differs" in every_table(found)
    assert "not as predicted" in shown(found)
    assert "24,000,000 bytes where 5 were predicted" in " ".join(shown(found).split())
    assert "24,000,000 bytes where 5 were predicted" in markdown.render(found)
    assert "Of 2 predictions of memory, 1 were equal" in markdown.render(found)


def test_what_sampling_missed_is_the_share_of_the_resident_peak():
    row = next(
        line
        for line in markdown.render(run(case())).split("\n")
        if line.startswith("| squares") and "%" in line
    )
    assert f"| {1 - 30 / 41:.0%} |" in row
