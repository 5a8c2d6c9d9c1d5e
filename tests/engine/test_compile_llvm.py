"""An llvmlite that does not work is one sentence, which says what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("llvmlite")

PROGRAM = """
import sys
import numpy as np
from gradmeter import engine

{before}
try:
    engine.compile(lambda a: a * a + 1.375)(engine.Variable(np.ones(3)))
except engine.CompilerError as error:
    print(error)
"""


def message_of(before, cache):
    command = [sys.executable, "-c", PROGRAM.format(before=before)]
    environment = {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    (line,) = result.stdout.splitlines() or [""]
    return line


def test_one_that_is_missing(tmp_path):
    line = message_of("sys.modules['llvmlite.binding'] = None", tmp_path)
    assert line == "engine.compile needs llvmlite; install it with pip install llvmlite"


def test_one_that_does_not_import(tmp_path):
    before = (
        "class Broken:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'llvmlite': raise OSError('no LLVM\\nmore')\n"
        "sys.meta_path.insert(0, Broken())"
    )
    line = message_of(before, tmp_path)
    assert line == (
        "engine.compile needs llvmlite, which does not import (OSError: no LLVM); "
        "install llvmlite 0.45 or later"
    )


def test_one_that_is_too_old(tmp_path):
    before = "import llvmlite.binding as llvm; del llvm.create_pass_builder"
    line = message_of(before, tmp_path)
    assert line.startswith("engine.compile: LLVM could not compile a loop (AttributeError: ")
    assert line.endswith("; install llvmlite 0.45 or later")


def test_one_that_works(tmp_path):
    assert message_of("", tmp_path) == ""
