"""The calls of each Python function in one run of a program: exact, and without valgrind.

callgrind cannot tell Python functions apart, since CPython runs all of them in one C function; a
difference in calls says which of them a difference in instructions comes from.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import PurePath
from types import FrameType
from typing import Any

from gradmeter.bench.cases.program import Program


def measure(make: Callable[[], Program]) -> dict[str, int]:
    """Run a program once; return the calls by "folder/file.py:function"."""
    calls: Counter[Any] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls[frame.f_code] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for _phase in make():
            pass
    finally:
        sys.setprofile(before)
    named: Counter[str] = Counter()
    for code, number in calls.items():
        where = "/".join(PurePath(code.co_filename).parts[-2:])
        if where != "cases/program.py":  # what runs it
            named[f"{where}:{code.co_qualname}"] += number
    return dict(named)
