"""One browser for every test of a page."""

from __future__ import annotations

import pytest

from ..browser import browser


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium without a network."""
    with browser() as found:
        yield found
