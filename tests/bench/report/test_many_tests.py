"""What is done with a run grows with its cases, and not with their square."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gradmeter.bench.cases import compared
from gradmeter.bench.report import comparison, gate, markdown, prose, terminal
from gradmeter.bench.results.known import Known
from gradmeter.bench.results.run import Case
from gradmeter.bench.verdicts import breaches, gates, verdicts
from gradmeter.bench.verdicts.regressions import judge

from ..run_files import ordinary, run


def work(count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the keys of cases are looked at while so many tests are compared and shown."""
    found = run(*(ordinary(f"test_{i % 20}.py::test[{i}]") for i in range(count)), comparisons=[])
    looks = 0
    key = Case.key

    def counted(case: Case) -> tuple[str, int, str]:
        nonlocal looks
        looks += 1
        return key.fget(case)

    with monkeypatch.context() as patch:
        patch.setattr(Case, "key", property(counted))
        both = compared.of_files(found, found, ("a", "b"))
        criteria = [gates.parse(text) for text in gates.DEFAULT]
        breaches.of_rows(criteria, verdicts.candidates(both), both.options)
        comparison.render(both, [])
        markdown.render(both)
        for each in (found, both):
            terminal.show(each, Console(file=io.StringIO(), width=80))
        before = Known(figures={case.key: case.figures for case in found.cases})
        gate.lines(judge(found, before, criteria, None), criteria, found, "run.json")
    return looks


def test_twice_the_tests_are_twice_the_work(monkeypatch):
    few, many = work(150, monkeypatch), work(300, monkeypatch)
    assert many <= 2.2 * few


def test_of_many_calls_those_without_a_change_are_counted():
    found = run(*(ordinary(f"test.py::test[{i}]") for i in range(250)), comparisons=[])
    both = compared.of_files(found, found, ("a", "b"))
    file = io.StringIO()
    terminal.show(both, Console(file=file, width=80))
    words = " ".join(file.getvalue().split())
    assert "250 calls without a change" in words
    assert "and 250" not in words
    assert "test[7]" not in words


def test_compared_calls_are_said_to_have_no_elements():
    found = run(ordinary("test.py::test_it"), comparisons=[])
    both = compared.of_files(found, found, ("a", "b"))
    assert prose.compared(both) == "after beside before, on test.py::test_it."
