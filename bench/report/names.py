"""Shorten names: variants to what differs from their baseline, tests to what follows a path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

ON, OFF = "on", "off"


def short_names(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Shorten variants, each beside its baseline, so that no two of them read the same.

    Args:
        pairs: a variant and its baseline by name, such as ("engine:output_references=strong",
            "engine"); a baseline is empty where there is none.
    """
    pairs = list(dict.fromkeys(pairs))
    texts = {pair: _short(*pair) for pair in pairs}
    users: dict[str, set[str]] = {}
    for (variant, _), text in texts.items():
        users.setdefault(text, set()).add(variant)
    return {pair: text if len(users[text]) == 1 else pair[0] for pair, text in texts.items()}


def _short(variant: str, baseline: str) -> str:
    if not baseline or variant == baseline:
        return variant
    engine, settings = _parts(variant)
    other, before = _parts(baseline)
    if not before.keys() <= settings.keys():
        return variant  # a setting that it lacks has no shorter name than the whole
    differing = [_setting(k, v) for k, v in settings.items() if before.get(k) != v]
    if engine == other:
        return ", ".join(differing) or variant
    return " ".join(filter(None, [engine, ", ".join(differing)]))


def _parts(variant: str) -> tuple[str, dict[str, str]]:
    """The engine, with its label, and the settings of a variant by name."""
    engine, _, rest = variant.partition(":")
    pairs = (part.partition("=") for part in rest.split(",") if part)
    return engine, {name: value for name, _, value in pairs}


def _setting(name: str, value: str) -> str:
    """A setting as short as it can be understood: the word that it is set to, or its name."""
    if value in (ON, ""):
        return name
    if value == OFF:
        return f"{name} {OFF}"
    return value if value.isalpha() else f"{name}={value}"


def shared_path(names: Sequence[str]) -> str:
    """What all names of tests begin with, up to the end of a folder or file."""
    if not names:
        return ""
    low, high = min(names), max(names)  # between which all others lie
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))
    start = "".join(letter for letter, _ in pairs)
    file = start.rfind("::")
    return start[: file + 2] if file >= 0 else start[: start.rfind("/") + 1]
