"""A Numba that does not work is one sentence, which names the setting and what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

PROGRAM = """
import sys
import numpy as np
from gradmeter import engine

{before}
try:
    engine.compile(lambda a: a * a + 1)(engine.Variable(np.ones(3)))
except engine.CompilerError as error:
    print(error)
"""


def message_of(before="", **settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")} | settings
    command = [sys.executable, "-c", PROGRAM.format(before=before)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    (line,) = result.stdout.splitlines() or [""]
    return line


def test_a_compiler_that_is_turned_off():
    line = message_of(NUMBA_DISABLE_JIT="1")
    assert line == (
        "engine.compile needs Numba's compiler, which NUMBA_DISABLE_JIT turns off; unset "
        "NUMBA_DISABLE_JIT, or call the function without engine.compile"
    )


def test_a_setting_with_which_numba_does_not_import():
    line = message_of(NUMBA_NUM_THREADS="0")
    assert "does not import (ValueError: Number of threads" in line
    assert "unset NUMBA_NUM_THREADS, or install" in line


def test_a_numba_that_does_not_fit():
    before = "import numba.core; sys.modules.pop('numba'); sys.modules['llvmlite'] = None\n"
    before += "for name in [n for n in sys.modules if n.startswith('numba')]: del sys.modules[name]"
    line = message_of(before)
    assert "engine.compile needs Numba, which does not import (ModuleNotFoundError: " in line
    assert line.endswith("install versions of Numba and NumPy that fit each other")


def test_a_loop_that_numba_cannot_compile():
    before = "import numba\ndef fails(*_, **__): raise RuntimeError('no target\\nmore')\n"
    line = message_of(before + "numba.njit = lambda *_, **__: fails")
    assert line.startswith(
        "engine.compile: Numba could not compile a loop (RuntimeError: no target)"
    )


@pytest.mark.parametrize("setting", ["NUMBA_CACHE_DIR", "NUMBA_OPT", "NUMBA_CPU_NAME"])
def test_settings_that_do_not_matter(setting):
    values = {"NUMBA_CACHE_DIR": "/nowhere", "NUMBA_OPT": "0", "NUMBA_CPU_NAME": "generic"}
    assert message_of(**{setting: values[setting]}) == ""
