"""Suggest the name that somebody meant: one function for every name that is not known."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 3
ALIKE = 0.7  # of 1.0, the measure of difflib
SHORT, LESS_ALIKE = 4, 0.6  # and for words of so few letters
NEAR = 0.05  # what is less alike than the best by more is not meant


def similar(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that are written like a word, the most alike first."""
    from difflib import SequenceMatcher  # a call that is right does not pay for it

    matcher = SequenceMatcher(b=_spelling(word))
    ratios: dict[str, float] = {}
    for name in names:
        matcher.set_seq1(_spelling(name))
        # A beginning that is long enough to tell is a clue, too.
        begins = len(word) > 2 and _spelling(name).startswith(_spelling(word))
        ratios[name] = max(matcher.ratio(), ALIKE * begins)
    enough = ALIKE if len(_spelling(word)) > SHORT else LESS_ALIKE
    least = max(enough, max(ratios.values(), default=0) - NEAR)
    alike = sorted((n for n in ratios if ratios[n] >= least), key=lambda n: -ratios[n])
    return alike[:MOST]


def suggestion(word: str, names: Iterable[str]) -> str:
    """Return ``; did you mean squares-30?``, or nothing where no name is written like the word."""
    *first, last = similar(word, names) or [""]
    if not last:
        return ""
    return f"; did you mean {', '.join(first)} or {last}?" if first else f"; did you mean {last}?"


def _spelling(name: str) -> str:
    return name.lower().lstrip("-").replace("-", "_")
