"""What every test may ask for: the oracle of array bytes."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import settings

from .array_bytes import array_bytes as _array_bytes
from .thorough import examples

settings.register_profile("here", max_examples=examples(settings.default.max_examples))
settings.load_profile("here")

# Started in the background of a script, a process ignores Ctrl-C, and so would all that the
# tests start: those that press it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def array_bytes():
    """The context manager of tests/array_bytes.py: ``with array_bytes() as counter:``."""
    return _array_bytes


@pytest.fixture(autouse=True, scope="session")
def _users_cache_untouched(tmp_path_factory, pytestconfig):
    """Keep nothing in the user's cache folder; under pytest-xdist, one for all its workers.

    So nothing is made twice, also by what a test starts with an empty home.
    """
    top = tmp_path_factory.getbasetemp()
    before = os.environ.get("XDG_CACHE_HOME")
    folder = (top.parent if hasattr(pytestconfig, "workerinput") else top) / "user-cache"
    os.environ["XDG_CACHE_HOME"] = str(folder)
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(autouse=True, scope="module")
def _small_heap():
    """Let a collection visit what the tests of a module make, not all that is imported.

    Hypothesis, NumPy and the rest are half a million objects, which each of the thousands of
    collections that the meters do would visit.
    """
    gc.collect()
    gc.freeze()
