"""The main program of a process that traces one program; start_worker.py runs it.

Its argument is a JSON object: the script or module, its arguments, the engine's settings and
the file to which the answer is written. Standard input and output are the program's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.main_program import plain
from gradmeter.bench.runs.ties import die_with_parent
from gradmeter.bench.timelines import tracing


def main() -> None:
    """Trace the program and write the answer: its timeline and failure, or why there is none."""
    die_with_parent()
    request = json.loads(sys.argv[1])
    answer: dict[str, Any]
    try:
        timeline, error = tracing.program(
            request["target"],
            request["arguments"],
            request["settings"],
            module=request["module"],
            safe_path=request["safe_path"],
        )
        answer = {"timeline": msgspec.to_builtins(timeline), "failure": plain(error)}
    except UsageError as problem:
        answer = {"refused": str(problem)}
    Path(request["answer"]).write_text(json.dumps(answer))
