"""What every test may ask for: the oracle of array bytes."""

from __future__ import annotations

import signal

import pytest

from .array_bytes import array_bytes as _array_bytes

# Started in the background of a script, a process ignores Ctrl-C, and so would all that the
# tests start: those that press it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def array_bytes():
    """The context manager of tests/array_bytes.py: ``with array_bytes() as counter:``."""
    return _array_bytes
