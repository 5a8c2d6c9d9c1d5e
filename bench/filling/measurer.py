"""What measures the cases of a history at a commit, and why a commit cannot be measured."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from gradmeter.bench.cases.environments import BuildError
from gradmeter.bench.errors import GradmeterError, UsageError, WorkerError
from gradmeter.bench.history.recording import Key, Recording
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.folders import PREFIX

_PLACE = re.compile(
    rf"[^\s'\"]*/{PREFIX}[^/\s]+/\d+/|(?: at |^)[0-9a-f]{{40,64}}\b ?(?=:|$|cannot)"
)
_FULL = os.strerror(errno.ENOSPC)


class CallError(UsageError):
    """The call is wrong, whatever the commit."""


class UnmeasurableError(GradmeterError):
    """Nothing can be measured at a commit, which says nothing about others; the message is why.

    Attributes:
        whole: whether that holds for any case, as where it cannot be built.
    """

    def __init__(self, message: str, *, whole: bool = False) -> None:
        super().__init__(message)
        self.whole = whole


@dataclass(frozen=True)
class Measured:
    """What was measured at a commit.

    Attributes:
        keys: the cases that there are at the commit, measured now or not.
    """

    recording: Recording
    keys: frozenset[Key]


class Measurer(Protocol):
    """Measures cases at commits, each in a checkout of its own.

    Attributes:
        keys: the cases; None where the two ends of a range tell which there are.
    """

    keys: frozenset[Key] | None

    def measure(
        self, commit: str, keys: Collection[Key] | None, known: Collection[Key], *, lines: bool
    ) -> Measured:
        """Measure cases at a commit.

        Args:
            keys: the cases; None for all that there are.
            known: those of them that are not measured again.
            lines: measure also what each source line holds at the peak.

        Raises:
            UnmeasurableError: the commit has none of them.
            UsageError: no commit can be measured here and now, as on a full disk.
        """


@contextmanager
def of_one_commit() -> Iterator[None]:
    """Turn errors that a commit is the cause of into `UnmeasurableError`."""
    try:
        yield
    except CallError:
        raise
    except BuildError as error:
        if _FULL in str(error):
            raise
        raise UnmeasurableError(_plain(str(error)), whole=True) from None
    except WorkerError as error:
        raise UnmeasurableError(_plain(str(error))) from None
    except UsageError as error:
        if _FULL in str(error) or "git cannot make a worktree" in str(error):
            raise
        raise UnmeasurableError(_plain(str(error))) from None


def _plain(problem: str) -> str:
    """A problem on one line, without its commit and the place of the checkout.

    So it is the same at several commits.
    """
    return _PLACE.sub("", " / ".join(line.strip() for line in problem.splitlines()))


def now(environment: Environment) -> Environment:
    """An environment whose time is this moment, to the microsecond."""
    started = datetime.now(UTC).isoformat(timespec="microseconds")
    return msgspec.structs.replace(environment, started=started)
