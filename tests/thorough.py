"""How often a test repeats itself: seldom in `make test`, often in `make test-thorough`.

`make test` draws a part of the examples of each property, others in each run, and takes one of
several cases that differ in nothing but chance or in what another test has. With THOROUGH=1
(`make test-thorough`) everything is repeated.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

THOROUGH = os.environ.get("THOROUGH", "0") not in ("", "0")
LEAST = 10  # examples

T = TypeVar("T")


def examples(most: int) -> int:
    """The number of examples of a property."""
    return most if THOROUGH else max(min(most, LEAST), most // 8)


def repeated(few: Sequence[T], more: Sequence[T]) -> list[T]:
    """Cases that are always tested, and more of the kind, each case once."""
    found = [*few, *(more if THOROUGH else ())]
    return [case for index, case in enumerate(found) if case not in found[:index]]
