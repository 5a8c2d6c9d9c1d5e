"""Start a worker in a new process."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

import gradmeter
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters import instructions
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.dialogue import Dialogue
from gradmeter.bench.runs.spec import Spec, case, environment
from gradmeter.bench.runs.ties import MARK

START_FOLDER = Path(gradmeter.__file__).parent
START = START_FOLDER / "bench" / "runs" / "start_worker.py"


class Process(Dialogue):
    """A worker in a process of its own; it ends with its standard input, too.

    Args:
        limit: the most seconds that one answer may take.

    Raises:
        WorkerError: the interpreter cannot be started.
    """

    def __init__(self, spec: Spec, limit: float) -> None:
        command = [spec.interpreter, str(START), str(START_FOLDER)]
        if spec.counts:
            command = [*instructions.command(Path(spec.counts)), *command, "runs.worker", "alone"]
        mark = descendants.new_mark()
        child, errors = started(command, environment(spec) | {MARK: mark})
        super().__init__(child, errors, limit, mark)
        self.send(case(spec))


def started(
    command: list[str], variables: dict[str, str], **more: Any
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start a process whose first word is an interpreter; return it and the file of its errors.

    Raises:
        WorkerError: it cannot be started.
    """
    errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (the dialogue closes it)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=variables,
            start_new_session=True,  # Ctrl-C reaches only us; we end the workers
            **more,
        )
    except OSError as error:
        errors.close()
        raise WorkerError(
            "crashed", f"the interpreter {command[0]} cannot be started: {error}"
        ) from None
    return child, errors
