"""The lines that a difference comes from are told once, however many effects they have."""

from __future__ import annotations

from itertools import chain

from gradmeter.bench.report import causes, comparison, markdown
from gradmeter.bench.report.text import markdown as escaped
from gradmeter.bench.results.run import Comparison
from gradmeter.bench.verdicts import verdicts

from ..run_files import case, run, strong
from .test_line_section import FORWARD, lines
from .test_one_screen import shown

LINE = f"+16.0 MB at {FORWARD.file}:{FORWARD.line} `{FORWARD.text}`"
SAME = "peak and held +16.0 MB at the same line"


def planted(*workloads):
    """A candidate that keeps two arrays more in one line, on each of these workloads."""
    pairs = [
        (case(workload=name, lines=lines(3)), strong(workload=name, lines=lines(5)))
        for name in workloads
    ]
    comparisons = [
        Comparison(workload=name, size=base.size, baseline=base.variant, candidates=[other.variant])
        for name, (base, other) in zip(workloads, pairs, strict=True)
    ]
    return run(*chain.from_iterable(pairs), comparisons=comparisons)


def test_a_line_with_several_effects_is_named_once_and_each_has_its_bytes():
    found = planted("matyas", "diamond", "squares-3")
    text = "\n".join(" ".join(line.split()) for line in shown(found, width=120))
    assert text.count(LINE) == 1
    assert text.count(f"peak and held {LINE}") == 1
    assert text.count(SAME) == 2
    assert text.index(LINE) < text.index(SAME)
    section = markdown.render(found).partition("## The largest effects on memory")[2]
    section = section.partition("\n\n#")[0].partition("<details>")[0]
    assert (section.count(escaped(LINE)), section.count(SAME)) == (1, 2)


def test_a_line_is_the_same_only_after_it_was_named():
    same, fewer = planted("squares-3"), run(case(lines=lines(5)), strong(lines=lines(3)))
    [more], [less] = map(verdicts.candidates, (same, fewer))
    told = causes.Causes()
    assert told.lines(more) == [f"peak and held {LINE}"]
    assert told.lines(more) == [SAME]
    assert told.lines(less) == [SAME.replace("+", "-")]
    assert causes.lines(more) == [f"peak and held {LINE}"]


def test_a_comparison_of_one_case_names_its_line():
    [row] = verdicts.candidates(planted("squares-3"))
    assert f"peak and held {LINE}." in comparison.row_sentences(row, planted("squares-3"))
