"""When arrays were born that operations met later: read off the bytes that nothing explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def find_births(levels: Sequence[int], arrays: Sequence[tuple[int, int, int]]) -> list[int]:
    """The interval in which each array was allocated.

    It is the last one, up to where the array was met, in which the unexplained bytes rose
    by as many as it has, and stayed; where there is none, the one before the tick at which
    it was met. So an array never explains bytes that were not there.

    Args:
        levels: bytes alive at each tick.
        arrays: (the tick at which it was met, the interval in which it died, bytes), in
            the order in which they were met; interval i lies before tick i.
    """
    unexplained = np.array(levels, np.int64)
    births = []
    for met, died, size in arrays:
        born = interval = met
        while unexplained[interval] >= size:
            before = int(unexplained[interval - 1]) if interval else 0
            if unexplained[interval] - before >= size:
                born = interval
                break
            interval -= 1
        unexplained[born:died] -= size
        births.append(born)
    return births
