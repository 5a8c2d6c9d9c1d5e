"""An acceptance: which changes between two commits are accepted, and why."""

from __future__ import annotations

from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.readings import Count, Value


class AcceptedChange(Value, frozen=True, array_like=True):
    """A figure of a case that changed, before and after."""

    workload: str
    size: Count
    variant: str
    figure: str
    before: Count
    after: Count


class Acceptance(Value, frozen=True, kw_only=True):
    """Changes that were accepted.

    ``before`` and ``after`` are the commits between which they came, as they were known when they
    were accepted. ``by`` is the name that git has of who accepted them.
    """

    before: str
    after: str
    because: str
    by: str
    when: str
    changes: tuple[AcceptedChange, ...]


def reason(text: str) -> str:
    """The reason of an acceptance, on one line.

    Raises:
        UsageError: there is none.
    """
    if not text.strip():
        raise UsageError('--because is empty; say why, such as --because "the cache is worth it"')
    return " ".join(text.split())
