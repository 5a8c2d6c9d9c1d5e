"""Whether what the page and its charts are made with is installed: it is an extra."""

from __future__ import annotations

from importlib.util import find_spec

from bench.errors import UsageError

PACKAGES = {"jinja2": "jinja2", "altair": "altair", "vl_convert": "vl-convert-python"}


def missing() -> list[str]:
    """The packages of the extra that are not there."""
    return [package for module, package in PACKAGES.items() if find_spec(module) is None]


def need() -> None:
    """Make sure that a page can be made.

    Raises:
        UsageError: it cannot; the message says what to install.
    """
    if missing():
        raise UsageError(
            f"the page takes {', '.join(missing())}, not installed here: "
            "pip install 'gradmeter[report]'"
        )
