"""The name of a parametrised test with the places of its parameters that are numbers.

``tests/test_a.py::test_solve[{n}-{m}-float32]`` is the template of every test of that function,
dtype and file. What is written with a name in place of a number, ``test_solve[n-m-float32]``, is
the program that a law is of; ``test_solve[n-8-float32]`` is one of n alone, where m is 8.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)\}")


def plain(text: str) -> str:
    """Text as a part of a template that stands for itself."""
    return text.replace("{", "{{").replace("}", "}}")


def program(template: str, values: Mapping[str, int], parameters: Collection[str]) -> str:
    """The name of a test with some of its parameters as names and the others as their values."""

    def shown(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0][0]  # a brace of the name's own
        return name if name in parameters else str(values.get(name, name))

    return _PLACE.sub(shown, template)
