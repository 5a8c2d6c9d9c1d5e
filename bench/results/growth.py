"""What each further call of a function leaves behind, after the first few."""

from __future__ import annotations

from typing import Final

CALLS: Final = 5  # in a row
FIRST: Final = 2  # of these, after which nothing should be added any more


def per_call(difference: int, further: int = CALLS - FIRST) -> int:
    """The bytes for each of so many further calls, rounded up; 0 for less.

    Args:
        difference: the bytes alive after the last of them, less those after the first few.
    """
    return max(-(-difference // further), 0)
