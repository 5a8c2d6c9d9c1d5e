"""The exceptions of the harness: a wrong call, or a worker that returned no reading."""

from gradmeter.bench.text import plain


class GradmeterError(Exception):
    """The base of the exceptions of the harness."""


class UsageError(GradmeterError):
    """The call or an input file was wrong; nothing was done (exit code 2).

    Its message is one line that any terminal can show, whatever names and files put into it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(plain(message))


class LostError(GradmeterError):
    """What measures a run was lost in the middle of it; what was measured is saved (exit code 3).

    Its message is one line that any terminal can show, and says neither that nor how to go on.
    """

    def __init__(self, message: str) -> None:
        super().__init__(plain(message))


class WorkerError(GradmeterError):
    """A worker did not return a reading; its case is lost, and the run goes on (exit code 3).

    Attributes:
        kind: "crashed", "killed", "timed out", "rubbish", "raised" or "cannot".
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
