"""Find when an array was allocated that the trace saw only later, from unexplained bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def find_births(levels: Sequence[int], arrays: Sequence[tuple[int, int, int]]) -> list[int]:
    """Find the interval in which each array was allocated.

    It is the last interval up to the array's first use in which the unexplained bytes rose by
    at least the array's size, and stayed; without such an interval, the one before the tick
    of the first use. So an array never accounts for bytes that were not alive.

    Args:
        levels: bytes alive at each tick.
        arrays: (tick of the first use, interval in which it died, bytes), in the order of
            first use; interval i lies before tick i.
    """
    unexplained = np.array(levels, np.int64)
    births = []
    for first_used, died, size in arrays:
        born = interval = first_used
        while unexplained[interval] >= size:
            before = int(unexplained[interval - 1]) if interval else 0
            if unexplained[interval] - before >= size:
                born = interval
                break
            interval -= 1
        unexplained[born:died] -= size
        births.append(born)
    return births
