"""The main program of a process that traces one script; start_worker.py runs it.

Its argument is a JSON object: the script, its arguments, the engine's settings and the file to
which the answer is written. Standard input and output are the script's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.meters.allocations import UnavailableError
from gradmeter.bench.runs.ties import die_with_parent
from gradmeter.bench.timelines import tracing


def main() -> None:
    """Trace the script and write the answer: its timeline and failure, or why there is none."""
    die_with_parent()
    request = json.loads(sys.argv[1])
    path = Path(request["script"])
    answer: dict[str, Any]
    try:
        timeline, error = tracing.script(path, request["arguments"], request["settings"])
        failure = error and [str(error), error.stderr, error.interrupted]
        answer = {"timeline": msgspec.to_builtins(timeline), "failure": failure}
    except OSError as problem:
        answer = {"refused": f"the script {path} cannot be read: {problem.strerror}"}
    except UnavailableError as problem:
        answer = {"refused": f"{path} cannot be traced: {problem}"}
    Path(request["answer"]).write_text(json.dumps(answer))
