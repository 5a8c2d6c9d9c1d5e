"""The optional package that groups are sent to other machines with: the extra ``cluster``."""

from __future__ import annotations

from importlib.util import find_spec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install

PACKAGE = "distributed"


def need(option: str = "--on") -> None:
    """Check that the package of the extra is installed.

    Args:
        option: that takes it.

    Raises:
        UsageError: it is missing; the message says what to install.
    """
    if find_spec(PACKAGE) is None:
        raise UsageError(f"{option} takes {PACKAGE}, not installed here: {install(PACKAGE)}")
