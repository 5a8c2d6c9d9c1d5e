"""What every test may ask for: the oracle of array bytes."""

from __future__ import annotations

import pytest

from .array_bytes import array_bytes as _array_bytes


@pytest.fixture(scope="session")
def array_bytes():
    """The context manager of tests/array_bytes.py: ``with array_bytes() as counter:``."""
    return _array_bytes
