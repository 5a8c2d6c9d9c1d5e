"""The exceptions of the harness: a wrong call, or a worker that returned no reading."""


class GradmeterError(Exception):
    """The base of the exceptions of the harness."""


class UsageError(GradmeterError):
    """The call or an input file was wrong; nothing was done (exit code 2)."""


class WorkerError(GradmeterError):
    """A worker did not return a reading; its case is lost, and the run goes on (exit code 3).

    Attributes:
        kind: "crashed", "killed", "timed out", "rubbish" or "raised".
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
