"""A pytest session against a file of laws: sizes that were never run follow them, or fail."""

from __future__ import annotations

import pytest

from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.laws import Formula, Laws

from ..suite_files import LIGHT

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

SUITE = """
    from gradmeter import cases

    @cases(["squares-3"], [16, 17], ["engine"])
    def test_cost(measure, question):
        measure(question)

    @cases(["matyas"], [16], ["engine"])
    def test_other(measure, question):
        measure(question)
"""
QUICK = (*LIGHT, "--benchmark-only", "--bench-exact", "--bench-against=laws.json")


def test_a_session_is_gated_by_laws(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    pytester.makepyfile(test_suite=SUITE)

    def session(peak, *arguments):
        laws = Laws(
            program="squares-n",
            variant="engine",
            parameters=["N", "n"],
            itemsize=8,
            figures={"peak": Formula(bytes=peak)},
        )
        law_file.save([laws], pytester.path / "laws.json")
        done = pytester.runpytest_subprocess(*QUICK, *arguments)
        return done.ret, done.stdout.str()

    code, text = session("(n + 1) arrays", "--bench-fail-on=peak>0")
    assert code == 0
    assert "no law speaks of: matyas x 16 engine" in text
    assert "passed: peak>0; 2 cases compared with laws, 1 case without a law" in text
    code, text = session("8 N (n + 1) - n", "--bench-fail-on=peak[squares-*]>0")
    assert code == 1
    assert "its law: peak = 8 N (n + 1) - n at N = 17, n = 3" in text
    code, text = session("(n + 1) arrays", "--bench-fail-on=peak<=(n+1)arrays")
    assert code == 1
    assert "--bench-fail-on 'peak<=(n+1)arrays' has no value for matyas x 16 engine" in text


def test_a_file_of_laws_that_is_none_is_refused_before_anything_is_measured(pytester):
    pytester.makepyfile(test_suite=SUITE)
    (pytester.path / "laws.json").write_text('{"format": "gradmeter laws", "version": 2}')
    done = pytester.runpytest_subprocess(*QUICK)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "has laws of version 2, this gradmeter reads version 1" in done.stderr.str()
    assert not (pytester.path / "reports").exists()
