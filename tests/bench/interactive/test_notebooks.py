"""The magics in a kernel, as a reader of a notebook runs them: figures, and first mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ...docs.tutorial import execute

COLOURS = re.compile(r"\x1b\[[0-9;]*m")

BEGIN = """%load_ext gradmeter
import os, signal, sys, tracemalloc
import numpy as np, gradmeter
from gradmeter.engine import Variable, square
x = np.zeros(1000)
kept = []"""
ON = "print(tracemalloc.is_tracing(), sys.gettrace())"
FUNCTION = """def f(x):
    a = x + x

    # a comment, and [brackets]
    return a + a
class Fails:
    def now(self, x):
        y = x + x
        return y + nothing
def interrupted(x):
    y = x + x
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(10**8): pass"""
CELLS = {
    "begin": BEGIN,
    "functions": FUNCTION,
    "one line": "%membytes f(x)",
    "a value": "found = %membytes -o f(x)\nfound",
    "a cell": "%%membytes\ny = f(x)\nz = [y, y]\ndef inner(): return z",
    "no names": "print('y' in dir(), 'z' in dir())",
    "growth": "%membytes kept.append(f(x))",
    "once": "%membytes --once kept.append(f(x))",
    "lines": "%mlines f f(x)",
    "lines of a cell": "%%mlines -f f\nf(x)\nf(x)",
    "lines that did not run": "%mlines f x + x",
    "a class": "%mlines Fails f(x)",
    "a timeline": "%%timeline\n\nv_1 = Variable(f(x))\ny = square(v_1)\ny.backward()",
    "its names": "y.data.nbytes",
    "a quiet one": "%%timeline\ntext = 'a = f(x)'\nexec(text)\na;",
    "more watched": "%%timeline --include numpy\n_ = np.linspace(0, 1, 1000)",
    "a call": "gradmeter.measure(f, x)",
    "a block": "with gradmeter.trace() as t:\n    b = f(x)\nt",
    "unknown": "%mlines nothing f(x)",
    "native": "%mlines np.dot f(x)",
    "no statement": "%mlines f",
    "empty": "%membytes",
    "misplaced": "%%membytes f(x)\n1",
    "no Python": "%membytes f(x",
    "no Python below": "%%timeline\na = 1\nb = = 2",
    "no pattern": "%%timeline --include\na = 1",
    "stopped": "%membytes tracemalloc.stop()",
    "stopped lines": "%mlines f tracemalloc.stop()",
    "nested": "with gradmeter.trace():\n    %membytes f(x)",
    "raises": "%membytes Fails().now(x)",
    "lines raise": "%mlines f Fails().now(x)",
    "a timeline raises": "%%timeline\nw = f(x)\n1 / 0",
    "interruption": "%membytes interrupted(x)",
    "lines interrupted": "%mlines interrupted interrupted(x)",
    "a timeline interrupted": "%%timeline\ninterrupted(x)",
    "nothing is left on": ON,
    "help": "print(get_ipython().find_line_magic('membytes').__doc__)",
}
SENTENCES = {
    "unknown": "%mlines: there is no function 'nothing' here",
    "native": "%mlines: np.dot is not written in Python, and has no lines",
    "no statement": "%mlines names a function and then a statement: %mlines f f(x)",
    "empty": "%membytes measures a statement: %membytes f(x)",
    "misplaced": "%%membytes measures the cell below it, and takes --once and -o, not 'f(x)'",
    "no Python": "%membytes: this is no Python, ",
    "no Python below": "%%timeline: line 3 is no Python, invalid syntax: b = = 2",
    "no pattern": "--include needs a pattern: numpy* or src/*.py",
    "stopped": "the call stopped tracemalloc, so its bytes are unknown",
    "stopped lines": "the call stopped tracemalloc, so its bytes are unknown",
    "nested": "tracemalloc is tracing already; the meter needs it for itself",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The outputs of each cell, by its name."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS.values()])
    execute(notebook, tmp_path_factory.mktemp("notebook"), allow_errors=True)
    return dict(zip(CELLS, [cell.outputs for cell in notebook.cells], strict=True))


def text(outputs) -> str:
    """The only output, as a terminal would have it."""
    [output] = outputs
    return COLOURS.sub("", output.get("text") or output.data["text/plain"])


def traceback(outputs) -> str:
    return COLOURS.sub("", "\n".join(outputs[-1].traceback))


def test_a_statement_has_its_bytes_in_one_line(ran):
    assert text(ran["one line"]) == "peak 16,000 B, held 8,000 B, cycle 0 B, growth 0 B\n"
    assert text(ran["a cell"]) == "peak 16,000 B, held 8,000 B, cycle 0 B, growth 0 B\n"
    assert text(ran["growth"]) == "peak 16,000 B, held 8,000 B, cycle 0 B, growth 8,000 B\n"
    assert text(ran["once"]).endswith("cycle 0 B, growth unknown: one call left 8,000 B\n")
    assert text(ran["no names"]) == "False False\n"


def test_the_lines_of_a_function_are_shown_as_it_is_written(ran):
    first, source, _, *rows = text(ran["lines"]).splitlines()
    assert first == "peak 16.0 kB (16,000 B) in In[2]:5 f"
    assert source == "    return a + a"
    assert [row.split(maxsplit=6) for row in rows[:3]] == [
        ["line", "peak", "increment", "hits", "In[2]"],
        ["1", "def", "f(x):"],
        ["2", "8,000", "B", "+8,000", "B", "1", "a = x + x"],
    ]
    assert rows[4].endswith("# a comment, and [brackets]")
    assert rows[5].split() == ["5", "16.0", "kB", "+8,000", "B", "1", "return", "a", "+", "a"]
    assert " 2      a = x + x" in text(ran["lines of a cell"])
    assert text(ran["lines that did not run"]) == "the statement did not run f\n"
    assert text(ran["a class"]) == "the statement did not run Fails\n"


def test_a_timeline_is_one_output_with_its_lines_its_operations_and_charts(ran):
    said = text(ran["a timeline"])
    assert "trace: 3 operations\npeak 24.0 kB (24,000 B) in square#1 backward" in said
    assert re.search(r"^ +3 .* v_1 = Variable\(f\(x\)\)$", said, re.MULTILINE)
    assert "  In[13]\n" in said
    assert "  In[2]\n" in said
    html = ran["a timeline"][0].data["text/html"]
    ElementTree.fromstring(f"<div>{html}</div>")
    assert html.count("<svg") == html.count('<svg style="max-width: 100%; height: auto"') == 2
    assert "v_1 = Variable(f(x))" in html
    assert text(ran["its names"]) == "8000"
    assert "(executed text, no source)" in text(ran["a quiet one"])
    assert "numpy/" in text(ran["more watched"])


def test_values_show_as_text_and_html(ran):
    for name, first in (
        ("a value", "f(x): peak 16,000 B, held 8,000 B, cycle 0 B, growth 0 B"),
        ("a call", "f: peak 16,000 B, held 8,000 B, cycle 0 B, growth 0 B"),
        ("a block", "trace: peak 16.0 kB (16,000 B) in In[2]:5 f"),
    ):
        [output] = ran[name]
        assert output.data["text/plain"].splitlines()[0] == first
        assert "In[2]:5 f" in output.data["text/html"]
        assert "peak" in output.data["text/html"]


@pytest.mark.parametrize("name", SENTENCES)
def test_a_mistake_is_one_sentence(ran, name):
    said = text(ran[name]).splitlines()
    assert said[0].startswith(f"UsageError: {SENTENCES[name]}")
    assert said[1:] == []


@pytest.mark.parametrize("name", ["raises", "lines raise"])
def test_an_exception_has_the_users_own_traceback(ran, name):
    said = traceback(ran[name])
    assert "NameError: name 'nothing' is not defined" in said
    assert "in Fails.now(self, x)" in said
    assert "gradmeter/bench" not in said


def test_a_timeline_that_raises_shows_what_was_until_then(ran):
    shown, error = ran["a timeline raises"]
    assert "w = f(x)" in shown.data["text/plain"]
    assert error.ename == "ZeroDivisionError"
    assert "----> 3 1 / 0" in traceback([error])
    assert "gradmeter/bench" not in traceback([error])


@pytest.mark.parametrize("name", ["interruption", "lines interrupted", "a timeline interrupted"])
def test_an_interruption_is_the_users(ran, name):
    assert ran[name][-1].ename == "KeyboardInterrupt"
    assert "gradmeter/bench" not in traceback(ran[name])


def test_nothing_is_left_on(ran):
    assert text(ran["nothing is left on"]) == "False None\n"
    assert "what only the collector frees" in text(ran["help"])


def test_the_magics_work_in_a_terminal_too(tmp_path):
    script = "\n".join(
        [
            "%load_ext gradmeter",
            "import numpy as np",
            "def f(x):",
            "    return x + x",
            "",
            "%mlines f f(np.zeros(1000))",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--quick", "--simple-prompt", "--colors=NoColor", "-c",
         script],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=True,
        env={"HOME": str(tmp_path), "PATH": ""},
    )  # fmt: skip
    assert "peak 16.0 kB (16,000 B) in " in done.stdout
    assert "    return x + x" in done.stdout
