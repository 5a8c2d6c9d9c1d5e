"""@gradmeter.profile: it chooses whose lines `gradmeter lines` shows, and does nothing else."""

from __future__ import annotations

import subprocess
import sys
from functools import cached_property, lru_cache, partial, wraps

import msgspec
import numpy as np
import pytest

import gradmeter as gradmeter_
from gradmeter.bench.meters.functions import codes_of
from gradmeter.bench.results.lines import Lines

from ..command import PATIENCE, gradmeter

PROGRAM = """
import gradmeter
import numpy as np
from installed.elsewhere import halved

def untold(x):
    return x + x

@gradmeter.profile
def chosen(x):
    a = untold(x)
    return [a + each for each in (a, a)]

@gradmeter.profile
class Model:
    def __init__(self, n):
        self.w = np.zeros(n)
    @property
    def twice(self):
        return self.w + self.w

halved = gradmeter.profile(halved)
sqrt = gradmeter.profile(np.sqrt)
x = np.zeros(1000)
kept = chosen(x), Model(2000), halved(x)
kept[1].twice
"""
ELSEWHERE = """
def halved(x):
    y = x - x
    return y - x
def other(x):
    return x
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The reading of the program, and what the command prints of it."""
    folder = tmp_path_factory.mktemp("program")
    library = tmp_path_factory.mktemp("library")
    (library / "installed").mkdir()
    (library / "installed" / "elsewhere.py").write_text(ELSEWHERE)
    (folder / "program.py").write_text(PROGRAM)
    done = [
        gradmeter("lines", *options, "program.py", cwd=folder, env={"PYTHONPATH": str(library)})
        for options in ((), ("--json",))
    ]
    assert [each.returncode for each in done] == [0, 0], done[0].stderr
    return msgspec.json.decode(done[1].stdout, type=Lines), done[0].stdout


def test_only_the_lines_of_decorated_functions_are_shown_wherever_they_lie(ran):
    reading, printed = ran
    assert reading.functions == ("chosen", "Model", "halved")
    assert [line.place.text for line in reading.lines] == [
        "y = x - x",
        "return y - x",
        "a = untold(x)",
        "return [a + each for each in (a, a)]",
        "self.w = np.zeros(n)",
        "return self.w + self.w",
    ]
    assert "only the lines of what is decorated: chosen, Model, halved\n" in printed
    assert "x = np.zeros(1000)" not in printed.partition("\n\n")[2]
    assert "a = untold(x)" in printed


def test_the_bytes_of_all_other_lines_lie_outside(ran):
    reading, _ = ran
    own = {line.place.text: line.own for line in reading.lines}
    assert own["return y - x"] == 8000
    assert own["return [a + each for each in (a, a)]"] == 16_000
    assert sum(own.values()) + reading.outside == reading.held == 48_000
    assert reading.peak.stack[-1].text == "return self.w + self.w"


def test_what_has_no_lines_is_said(ran):
    reading, printed = ran
    assert reading.problem == "gradmeter.profile decorates sqrt, which has no lines in Python"
    assert reading.problem in " ".join(printed.split())


def test_at_any_other_time_the_function_itself_is_returned():
    def function():
        pass

    assert gradmeter_.profile(function) is function
    assert gradmeter_.profile(np.sqrt) is np.sqrt


def test_a_program_that_only_decorates_imports_next_to_nothing():
    code = """
import sys, gradmeter
@gradmeter.profile
def f(): pass
print([name for name in sys.modules if name.split(".")[0] in ("numpy", "rich", "msgspec")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout == "[]\n"


def decorated(function):
    @wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


class Every:
    def method(self):
        return [each for each in "ab"]  # noqa: C416

    @staticmethod
    def static():
        pass

    @classmethod
    def of_class(cls):
        pass

    @property
    def attribute(self):
        pass

    @cached_property
    def cached(self):
        pass

    @decorated
    def wrapped(self):
        pass


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (Every.method, {"method"}),
        (Every().method, {"method"}),
        (Every.static, {"static"}),
        (Every.of_class, {"of_class"}),
        (Every.attribute, {"attribute"}),
        (Every.wrapped, {"wrapped"}),
        (lru_cache(Every.method), {"method"}),
        (partial(Every.method, 1), {"method"}),
        (Every, {"method", "static", "of_class", "attribute", "cached", "wrapped"}),
        (np.dot, set()),
        (len, set()),
        (3, set()),
        (None, set()),
    ],
)
def test_the_code_of_whatever_can_be_decorated_is_found(function, names):
    found = {code.co_name for code in codes_of(function)}
    assert found - {"<listcomp>"} == names
