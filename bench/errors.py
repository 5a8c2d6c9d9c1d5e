"""The errors of the harness, by who has to act."""


class GradmeterError(Exception):
    """The base of every error that the harness raises by itself."""


class UsageError(GradmeterError):
    """The call or an input file was wrong; nothing was done (exit code 2)."""


class WorkerError(GradmeterError):
    """A worker did not return a reading; its case is lost, the others go on (exit code 3).

    Attributes:
        kind: "crashed", "killed", "timed out", "rubbish" or "raised".
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
