"""Select cases: words that name workloads and variants, and -k as pytest has it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.commands.reading import read_size, run_path
from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import title_text
from gradmeter.bench.results.run import Comparison
from gradmeter.bench.suggestions import suggestion


@dataclass(frozen=True)
class Named:
    """What the plain arguments of a command name."""

    workloads: list[str]
    variants: list[str]


def named(words: Sequence[str]) -> Named:
    """Tell workloads from variants.

    Raises:
        UsageError: a word names neither, or both.
    """
    names = Named([], [])
    for word in words:
        is_workload, is_variant = workloads.is_named(word), _engine(word) in engines.names()
        if is_workload and is_variant:
            raise UsageError(
                f"{word!r} names a workload and an engine; write --workload {word} or "
                f"--variant {word}"
            )
        if not is_workload and not is_variant:
            raise UsageError(_unknown(word))
        (names.workloads if is_workload else names.variants).append(word)
    return names


def _is_named(word: str) -> bool:
    return workloads.is_named(word) or _engine(word) in engines.names()


def _engine(word: str) -> str:
    return word.partition(":")[0].strip()


def _unknown(word: str) -> str:
    """Say that a word names no workload and no variant, and what was meant."""
    if word.endswith(".py"):
        return (
            f"{word} is a file; name a workload in it as {word}:NAME, give the adapter of an "
            f"engine as --engine {word}, or measure a script with gradmeter lines {word}"
        )
    if os.path.isfile(run_path(Path(word))):
        return f"{word} is a run, which gradmeter show {word} prints; name a workload or a variant"
    try:
        read_size(word)
    except UsageError:
        pass
    else:
        return f"{word} names no workload; write a size as --size {word}"
    if "," in word and all(map(_is_named, word.split(","))):
        return f"{word!r} is several names; write them apart: {word.replace(',', ' ')}"
    meant = suggestion(word, [*workloads.spelled(word), *map(str, _variants(word))])
    return f"there is no workload or engine {word!r}{meant or '; gradmeter list names them'}"


def _variants(word: str) -> list[str]:
    _, colon, settings = word.partition(":")
    return [f"{name}{colon}{settings}" for name in engines.names()]


Selected = tuple[list[Group], list[Comparison]]


def select(expression: str, groups: Sequence[Group], comparisons: Sequence[Comparison]) -> Selected:
    """Choose the cases that an expression of -k matches, and the baselines of these.

    A word matches a case where it is part of the name of its workload or its variant, which
    has the names and values of its settings, or where it is its size.

    Raises:
        UsageError: the expression does not parse, or matches no case.
    """
    if not expression.strip():
        return list(groups), list(comparisons)
    matches = _compiled(expression)
    chosen: Selected = ([], [])
    for group in groups:
        matching = {str(v) for v in group.variants if matches(group, v)}
        kept = set(matching)
        for each in comparisons:
            candidates = [name for name in each.candidates if name in matching]
            if (each.workload, each.size) == (group.workload.name, group.size) and candidates:
                kept.add(each.baseline)
                chosen[1].append(msgspec.structs.replace(each, candidates=candidates))
        if kept:
            variants = tuple(v for v in group.variants if str(v) in kept)
            chosen[0].append(replace(group, variants=variants))
    if not chosen[0]:
        raise UsageError(_nothing(expression, groups))
    return chosen


# What names of variants have and words of pytest's expressions have not, as letters that they have.
_LETTERS = {"=": "\u02d0", "@": "\u02d1", ",": "\u02ee"}
_AS_LETTERS = str.maketrans(_LETTERS)
_AS_WRITTEN = str.maketrans({letter: sign for sign, letter in _LETTERS.items()})


def _compiled(expression: str) -> Callable[[Group, Variant], bool]:
    """Compile an expression as pytest does.

    Raises:
        UsageError: it does not parse.
    """
    # pytest has no public name for it; it has been there under this one since version 5.4.
    from _pytest.mark import expression as pytest_expression

    parse_error: type[Exception] = getattr(pytest_expression, "ParseError", SyntaxError)
    try:
        compiled = pytest_expression.Expression.compile(expression.translate(_AS_LETTERS))
    except (SyntaxError, parse_error) as error:
        at = getattr(error, "offset", None) or getattr(error, "column", None) or 1
        message = getattr(error, "msg", None) or getattr(error, "message", None) or str(error)
        raise UsageError(
            f"-k {expression!r} does not parse at character {at}: "
            f"{message.translate(_AS_WRITTEN)}; write words with and, or, not and parentheses, "
            "such as 'squares and not strong'"
        ) from None

    def matches(group: Group, variant: Variant) -> bool:
        def contains(word: str, /, **_: object) -> bool:
            return _contains(word.translate(_AS_WRITTEN), group, variant)

        return compiled.evaluate(contains)

    return matches


def _contains(word: str, group: Group, variant: Variant) -> bool:
    names = (group.workload.name.lower(), str(variant).lower())
    if any(word.lower() in name for name in names):
        return True
    try:
        return read_size(word) == group.size
    except UsageError:
        return False


def _nothing(expression: str, groups: Sequence[Group]) -> str:
    """Say that nothing is selected, and which word was meant."""
    keys = [group.key(variant) for group in groups for variant in group.variants]
    cases = [(group, variant) for group in groups for variant in group.variants]
    words = [w for w in re.split(r"[\s()]+", expression) if w not in ("and", "or", "not")]
    strange = [w for w in words if not any(_contains(w, *case) for case in cases)]
    meant = suggestion(strange[0], _words(keys)) if strange else ""
    if not meant:
        shown = "; ".join(title_text(*key) for key in keys[:3])
        more = f" and {len(keys) - 3:,} more" if len(keys) > 3 else ""
        meant = f"; the cases are {shown}{more}"
    return f"-k {expression!r} selects no case{meant}"


def _words(keys: Iterable[tuple[str, int, str]]) -> list[str]:
    """The words that names consist of."""
    words = []
    for workload, _, variant in keys:
        engine, _, settings = variant.partition(":")
        parts = [part for pair in settings.split(",") for part in pair.split("=")]
        words += [workload, engine, *filter(None, parts)]
    return list(dict.fromkeys(words))
