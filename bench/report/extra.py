"""The optional packages that render the page and its charts: the extra ``report``."""

from __future__ import annotations

from importlib.util import find_spec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install

PACKAGES = {"jinja2": "jinja2", "altair": "altair", "vl_convert": "vl-convert-python"}


def missing() -> list[str]:
    """The packages of the extra that are not installed."""
    return [package for module, package in PACKAGES.items() if find_spec(module) is None]


def need() -> None:
    """Check that the packages of the extra are installed.

    Raises:
        UsageError: one is missing; the message says what to install.
    """
    if missing():
        raise UsageError(
            f"the page needs {', '.join(missing())}, not installed here: {install(*missing())}"
        )
