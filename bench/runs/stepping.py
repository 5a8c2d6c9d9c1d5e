"""Run a program that waits before each of its phases, so that each can be counted from outside."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, Protocol

from gradmeter.bench.cases import operations
from gradmeter.bench.cases.program import Program
from gradmeter.bench.engines import Adapter
from gradmeter.bench.runs import holes


class Bench(Protocol):
    """A worker's case."""

    answers: int
    adapter: Adapter
    make: Callable[..., Program]


def stepped(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    """Run a program ``request["programs"]`` times, waiting for a byte before each phase.

    ``request["program"]`` is "case" or "operations", see cases/operations.py.

    Before a phase its name is written as an answer, from bytes that were made before: so
    little runs between two phases that it can be subtracted. "nothing" is a phase that does
    nothing. The collector is off, and what was alive before is frozen.
    """
    whole: dict[str, Callable[[], Program]] = {
        "case": bench.make,
        "operations": partial(operations.program, bench.adapter),
    }
    make = whole[request["program"]]
    names = dict.fromkeys(["nothing", *make()])  # and loads and compiles what it needs
    gc.disable()
    gc.collect()
    gc.freeze()
    holes.fill()
    answers = {name: (json.dumps({"ok": {"next": name}}) + "\n").encode() for name in names}
    for _ in range(request["programs"]):
        for name in chain(("nothing",), make()):
            os.write(bench.answers, answers[name])
            os.read(0, 1)
        gc.collect()
    return {"next": "finished"}
