"""The optional package that laws are found, compared and written with: the extra ``laws``."""

from __future__ import annotations

from importlib.util import find_spec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install

PACKAGE = "sympy"


def is_missing() -> bool:
    """Whether the package of the extra is not installed."""
    return find_spec(PACKAGE) is None


def what_to_install(laws: str = "laws") -> str:
    """Say what laws take and how it is installed."""
    return f"{laws} take {PACKAGE}, not installed here: {install(PACKAGE)}"


def need() -> None:
    """Check that the package of the extra is installed.

    Raises:
        UsageError: it is missing; the message says what to install.
    """
    if is_missing():
        raise UsageError(what_to_install())
