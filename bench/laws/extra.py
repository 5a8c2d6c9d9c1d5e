"""The optional package that laws are found, compared and written with: the extra ``laws``."""

from __future__ import annotations

from importlib.util import find_spec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install


def need() -> None:
    """Check that the package of the extra is installed.

    Raises:
        UsageError: it is missing; the message says what to install.
    """
    if find_spec("sympy") is None:
        raise UsageError(f"laws need sympy, not installed here: {install('sympy')}")
