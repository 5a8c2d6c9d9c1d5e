"""One line planted in an engine of its own: a comparison, a check and a session name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradmeter.bench.report import comparison, markdown
from gradmeter.bench.report.text import markdown as escaped
from gradmeter.bench.results import run_file

from .. import throwaway
from ..command import gradmeter
from ..repositories import LEAST, git, repository
from ..suite_files import LIGHT

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

ENGINE, START = throwaway.PACKAGE, throwaway.START
ADAPTER = throwaway.adapter_of("taped")
PLANTED = "x.copied = x.data.copy()"
MOVED = ENGINE.replace(START, f"# Two comments\n# and an empty line.\n\n{START}")
SURPLUS = "+240.0 kB at"  # of three squares of 10,000 elements


def planted(engine: str) -> str:
    """The engine with the line in it."""
    return engine.replace(START, f"{START}    {PLANTED}\n")


def place(path: Path) -> str:
    """The planted line, as reports name it."""
    number = [line.strip() for line in path.read_text().split("\n")].index(PLANTED) + 1
    return f"{path.name}:{number} `{PLANTED}`"


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A repository, compared with what lies in it: more lines, and one that allocates."""
    folder = tmp_path_factory.mktemp("planted")
    first = {".gitignore": "__pycache__\nreports\n", "taped.py": ENGINE, "adapter.py": ADAPTER}
    repository(folder, first)
    git(folder, "tag", "v1")
    (folder / "taped.py").write_text(planted(MOVED))
    done = gradmeter(
        *("compare", "--rev", "v1", "--engine", "adapter.py", "--size", "1e4", *LEAST),
        *("--out", "out", "--fail-on", "peak>0", "--fail-on", "held>0"),
        cwd=folder,
        env={"COLUMNS": "200"},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return folder, done.stdout


def test_a_comparison_of_revisions_names_the_planted_line_and_no_other(compared):
    folder, shown = compared
    run = run_file.load(folder / "out/run.json")
    line = f"{SURPLUS} {place(folder / 'taped.py')}"
    assert f"    peak and held {line}\n" in shown
    reports = (
        shown,
        (folder / "out/report.md").read_text(),
        comparison.render(run, []),
        markdown.render(run),
    )
    for text in reports[1:]:
        assert escaped(line) in text
    assert shown.count("taped.py:") == 3, "in the table, and at the gates for peak and held"
    assert shown.split("gate failed")[1].count(f"    {line}\n") == 1


SUITE = """
from gradmeter import cases

@cases(["squares-3"], [10_000], ["mine"])
def test_cost(measure, question):
    measure(question)
"""


def test_a_session_against_a_baseline_names_the_planted_line(pytester):
    pytester.makepyfile(test_suite=SUITE, taped=ENGINE, adapter=ADAPTER)
    pytester.makeini("[pytest]\nbench_lines = true\nbench_exact = true\nbench_engine = adapter.py")

    def session(*arguments: str) -> tuple[int, str]:
        done = pytester.runpytest_subprocess(*LIGHT, "--benchmark-only", *arguments)
        return done.ret, done.stdout.str()

    def baseline(name: str) -> None:
        out = pytester.path / "reports/latest"
        done = gradmeter("baseline", out, "--out", pytester.path / name)
        assert done.returncode == 0, done.stderr

    assert session()[0] == 0
    baseline("b.json")
    module = pytester.path / "taped.py"
    module.write_text(planted(MOVED))
    code, text = session("--bench-against=b.json")
    assert code == 1
    assert f"    {SURPLUS} {place(module)}\n" in text
    assert text.count("taped.py:") == 2, "for peak and held"
    assert "measure again" not in text
    module.write_text(MOVED)
    assert session("--bench-against=b.json")[0] == 0
