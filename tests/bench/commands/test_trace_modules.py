"""`gradmeter trace -m` runs a module as `python -m` does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ..command import PATIENCE, gradmeter

SAYS = """
import sys
print(__name__, __package__, __spec__.name, __file__, sys.argv, repr(sys.path[0]))
print(sys.modules["__main__"].__dict__ is globals(), type(__loader__).__name__)
"""
GRAPH = """
import numpy as np
from gradmeter.engine import Variable
y = Variable(np.ones(1000), "w") ** 2
y.backward()
"""


@pytest.fixture
def folder(tmp_path):
    files = {
        "single.py": SAYS + GRAPH,
        "package/__init__.py": "print('the package')\n",
        "package/relative.py": "from . import part\nfrom .part import VALUE\n" + SAYS + GRAPH,
        "package/part.py": "VALUE = 1\n",
        "package/__main__.py": SAYS + GRAPH,
        "package/inner/__init__.py": "",
        "package/raises.py": "def f():\n    raise ValueError('theirs')\n\nf()\n",
        "package/exits.py": "import sys\nsys.exit('no way')\n",
        "namespace/part.py": "from . import other\n" + SAYS + GRAPH,
        "namespace/other.py": "",
        "broken/__init__.py": "import nothing_of_that_name\n",
        "broken/part.py": "",
        "wrong.py": "def\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def python(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["single"],
        ["single", "--epochs", "1", "-m", "more"],
        ["package.relative", "a.py"],
        ["package"],
        ["package.__main__"],
        ["namespace.part"],
    ],
    ids=" ".join,
)
def test_it_prints_what_python_prints_and_is_traced(folder, words):
    plain = python(folder, *words)
    done = gradmeter("trace", "--operations", "-m", *words, cwd=folder)
    assert (plain.returncode, done.returncode) == (0, 0), done.stderr + plain.stderr
    assert done.stdout.startswith(plain.stdout)
    assert f"{words[0]}: " in done.stdout
    assert "operations" in done.stdout


def test_an_option_of_ours_after_the_module_is_its_own_behind_two_dashes(folder):
    done = gradmeter("trace", "-m", "single", "--size", "3", cwd=folder)
    assert done.returncode == 2
    assert "--size follows the program single" in done.stderr
    done = gradmeter("trace", "-m", "single", "--", "--size", "3", cwd=folder)
    assert done.returncode == 0
    assert "'--size', '3'" in done.stdout


@pytest.mark.parametrize(
    "name",
    ["nothing", "package.nothing", "package.inner", "namespace", "single.py", "package.exits"],
)
def test_it_fails_in_pythons_words(folder, name):
    plain = python(folder, name)
    done = gradmeter("trace", "-m", name, cwd=folder)
    assert plain.returncode == 1
    assert done.returncode == 3
    assert done.stderr.startswith(plain.stderr)


@pytest.mark.parametrize("name", ["package.raises", "broken.part", "wrong"])
def test_a_traceback_ends_as_pythons(folder, name):
    plain = python(folder, name)
    done = gradmeter("trace", "-m", name, cwd=folder)
    assert done.returncode == 3
    lines = plain.stderr.splitlines()
    assert lines[-1] in done.stderr.splitlines()
    assert "gradmeter/bench" not in done.stderr
    if name == "package.raises":
        assert "raise ValueError('theirs')" in done.stderr


def test_a_name_without_space_and_a_missing_one(folder):
    assert gradmeter("trace", "-msingle", cwd=folder).returncode == 0
    done = gradmeter("trace", "-m", cwd=folder)
    assert done.returncode == 2
    assert "takes the name of a module" in done.stderr
    done = gradmeter("trace", "--size", "3", "-m", "single", cwd=folder)
    assert done.returncode == 2
    assert "single is a module" in done.stderr


def test_what_lies_beside_a_program_is_found_in_a_process_of_its_own(folder):
    (folder / "train.py").write_text("import package.part\n" + GRAPH)
    for words in (["train.py"], ["-m", "package.relative"]):
        against = ["--against", "engine:retain_grad=on"]
        done = gradmeter("trace", *against, *words, cwd=folder)
        assert done.returncode == 0, done.stderr
