"""How to install what is missing: the one place that makes such commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

_EXTRAS = re.compile(r"gradmeter\[([\w,-]+)\]")


def install(*requirements: str, python: str = "") -> str:
    """Return the command that installs distributions, for any way gradmeter was installed.

    An extra of gradmeter's is given by the distributions that it stands for, since pip finds
    those where gradmeter itself is on no index.

    Args:
        requirements: names of distributions, or extras as "gradmeter[torch]".
        python: the interpreter that they are for; empty for this one.
    """
    names = dict.fromkeys(name for each in requirements for name in _distributions(each))
    pip = f"{shlex.quote(python)} -m pip" if python else "pip"
    return f"{pip} install {' '.join(map(shlex.quote, names))}"


def _distributions(requirement: str) -> Iterator[str]:
    """The distributions of a requirement, those of gradmeter's extras by their own names."""
    match = _EXTRAS.fullmatch(requirement)
    if match is None:
        yield requirement
        return
    from importlib import metadata  # here, as in loading.py

    try:
        known = metadata.requires("gradmeter") or []
    except metadata.PackageNotFoundError:
        known = []
    for extra in match[1].split(","):
        parts = [line.partition(";") for line in known]
        of_extra = [
            re.split(r"[<>=!~\s]", text.strip())[0]
            for text, _, condition in parts
            if re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", condition)
        ]
        for name in of_extra or [extra]:
            yield from _distributions(name)
