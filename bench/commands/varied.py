"""Read the parameters that a function is varied in: --vary n=10,20,40, and --at n=1e6,m=100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gradmeter.bench.commands.reading import read_size
from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws.expression import is_parameter

FEWEST = 3  # values of a parameter
MOST = 4  # parameters: three values of each are 81 points
FORM = "--vary n=10,20,40"

Vary = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUES",
        help="Of a function: a parameter's values, such as n=10,20,40.",
    ),
]
Setup = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:MAKE",
        help="With --vary: a function of the parameters that makes the arguments.",
    ),
]


def read_vary(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Read the values of each parameter, ascending.

    Raises:
        UsageError: one does not parse, or has too few values.
    """
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, given = text.partition("=")
        name = name.strip()
        option = f"--vary {text!r}"
        if not equals or not name.isidentifier():
            raise UsageError(f"{option} names no parameter and its values; write {FORM}")
        if name in found:
            raise UsageError(f"{option}: the values of {name} are given twice")
        if not is_parameter(name):
            raise UsageError(
                f"{option}: {name} has a meaning of its own in a formula, as a unit or a function; "
                "give the function a parameter of another name"
            )
        values = {read_size(part.strip(), f"{option}:") for part in given.split(",")}
        if min(values) < 1:
            raise UsageError(f"{option}: {min(values)} is less than 1, the smallest value")
        if len(values) < FEWEST:
            raise UsageError(
                f"{option} has {len(values)} value{'s' * (len(values) > 1)}; a law takes {FEWEST} "
                f"at least, such as {FORM}"
            )
        found[name] = tuple(sorted(values))
    if len(found) > MOST:
        raise UsageError(f"--vary takes {MOST} parameters at most, not {', '.join(found)}")
    return found


def read_at(text: str, names: Sequence[str]) -> dict[str, int]:
    """Read where laws are to be evaluated.

    Raises:
        UsageError: it has not every parameter, another one, or no whole number.
    """
    form = ",".join(f"{name}=1e6" for name in names)
    values: dict[str, int] = {}
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals and len(names) == 1:
            name, number = names[0], name
        if name not in names:
            raise UsageError(
                f"--at {text!r} names {name!r}, and {' and '.join(names)} "
                f"{'is' if len(names) == 1 else 'are'} varied; write {form}"
            )
        values[name] = read_size(number, f"--at {text!r}:")
        if values[name] < 1:
            raise UsageError(f"--at {text!r}: {name} is 1 at least")
    if missing := [name for name in names if name not in values]:
        raise UsageError(f"--at {text!r} lacks {' and '.join(missing)}; write {form}")
    return {name: values[name] for name in names}
