"""The parameters of a test that are whole numbers, and its name with their places.

See gradmeter.bench.results.parametrised for what a template is.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from math import copysign
from typing import Any

import pytest

from gradmeter.bench.results import parametrised

_LARGEST = 2**63  # from here on, an integer fits no field of the run file


def parameters(item: pytest.Item) -> dict[str, int]:
    """The parameters of a test that are whole numbers, 1e6 among them, by name; no booleans."""
    found = {}
    for name, value in _params(item).items():
        number = _whole(value)
        if number is not None:
            found[name] = number
    return found


def template(item: pytest.Item) -> str:
    """The node id of a parametrised test, with the places of its parameters that are numbers."""
    prefix, bracket, _ = item.nodeid.partition("[")
    callspec = getattr(item, "callspec", None)
    if not bracket or callspec is None or not item.nodeid.endswith(f"[{callspec.id}]"):
        return ""
    prefix = item.nodeid.removesuffix(f"[{callspec.id}]")
    text = _in_id(callspec.id, callspec.params) or _made(callspec)
    return f"{parametrised.plain(prefix)}[{text}]"


def _params(item: pytest.Item) -> Mapping[str, Any]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec is not None else {}


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    if not isinstance(value, numbers.Integral):
        try:
            value = float(value)
        except OverflowError:  # a fraction of large integers
            return None
        # Nor nan, nor inf; nor minus zero, which no whole number is written as.
        if not value.is_integer() or (value == 0 and copysign(1, value) < 0):
            return None
    number = int(value)
    return number if abs(number) < _LARGEST else None


def _in_id(text: str, params: Mapping[str, Any]) -> str:
    """The id of a test with names for its numbers; empty where not all of these are in it.

    Ids stand in the order of the parameters, with dashes between them.
    """
    parts: list[str] = []
    at = 0
    for name, value in params.items():
        shown = str(value) if isinstance(value, str | numbers.Real | None) else ""
        place = _place(text, shown, at) if shown else -1
        if _whole(value) is None:
            if place == at:  # passed over, since a number may follow that it contains
                parts.append(parametrised.plain(text[at : at + len(shown)]))
                at += len(shown)
            continue
        if place < 0:
            return ""
        parts += [parametrised.plain(text[at:place]), f"{{{name}}}"]
        at = place + len(shown)
    return "".join([*parts, parametrised.plain(text[at:])])


def _place(text: str, word: str, start: int) -> int:
    """Where a word stands between dashes in an id, from some place on; -1 for nowhere."""
    at = text.find(word, start + (text[start : start + 1] == "-" and not word.startswith("-")))
    while at >= 0:
        end = at + len(word)
        if (at == 0 or text[at - 1] == "-") and text[end : end + 1] in ("", "-"):
            return at
        at = text.find(word, at + 1)
    return -1


def _made(callspec: Any) -> str:
    """An id made from the parameters, for a test whose own id does not show its numbers."""
    parts = []
    for name, value in callspec.params.items():
        if _whole(value) is not None:
            parts.append(f"{{{name}}}")
        elif isinstance(value, str | bool | float | None):
            parts.append(parametrised.plain(str(value)))
        else:
            word = getattr(value, "__name__", "")
            if not isinstance(word, str) or not word.isidentifier():  # nor a lambda's name
                word = f"{name}{callspec.indices.get(name, 0)}"
            parts.append(parametrised.plain(word))
    return "-".join(parts)
