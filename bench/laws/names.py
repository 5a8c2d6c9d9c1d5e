"""The parameters of a workload, by its name: N, its size, and n, the depth that the name ends with.

Workers import this under any interpreter, so it takes nothing but the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SIZE: Final = "N"  # elements of each array of a workload
DEPTH: Final = "n"  # of a workload that has one, whose name ends with it


def family(workload: str) -> tuple[str, int | None]:
    """Split a workload's name into its family and its depth: squares-30 is squares at 30."""
    match = re.fullmatch(r"(.+)-(0|[1-9][0-9]{0,8})", workload)
    return (match[1], int(match[2])) if match else (workload, None)


def parameters(workload: str, size: int) -> dict[str, int]:
    """The parameters of a case by its name: its size, and its depth; a test's call has none."""
    if not size:
        return {}
    depth = family(workload)[1]
    return {SIZE: size, **({DEPTH: depth} if depth is not None else {})}


def values_text(values: Mapping[str, int], between: str = ", ") -> str:
    """Write values of parameters: N = 1,000, n = 30."""
    return between.join(f"{name} = {value:,}" for name, value in values.items())
