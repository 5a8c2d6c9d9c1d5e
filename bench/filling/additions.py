"""Add recordings to a store as they are made; a branch is pushed now and then, and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from gradmeter.bench.history import store
from gradmeter.bench.history.branch import Branch
from gradmeter.bench.history.recording import Recording

PAUSE = 60.0  # seconds between two pushes, in which other jobs can push


@dataclass
class Additions:
    """What is added to a store; each recording is there as soon as it is made.

    Attributes:
        clock: seconds.
    """

    place: store.Place
    clock: Callable[[], float] = time.monotonic
    _pushed: float = field(init=False)

    def __post_init__(self) -> None:
        self._pushed = self.clock()

    def add(self, recording: Recording) -> None:
        """Add a recording; push the branch, where that is asked and due.

        Raises:
            UsageError: as of `store.add`.
        """
        place, now = self.place, self.clock()
        if isinstance(place, Branch) and place.push:
            place = replace(place, push=now - self._pushed >= PAUSE)
            self._pushed = now if place.push else self._pushed
        store.add(place, [recording])

    def push(self) -> None:
        """Push what was added, where that is asked; what others pushed is merged.

        Raises:
            UsageError: as of `store.add`.
        """
        if isinstance(self.place, Branch) and self.place.push:
            store.add(self.place, [])


@contextmanager
def additions(place: store.Place) -> Iterator[Additions]:
    """Additions to a store; they are pushed at the end of the block, however it ends.

    Raises:
        UsageError: the store cannot be added to.
    """
    store.add(place, [])  # which fetches what others pushed
    made = Additions(place)
    try:
        yield made
    finally:
        made.push()
