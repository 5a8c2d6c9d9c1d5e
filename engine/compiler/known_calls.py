"""Known calls: the programs of calls like earlier ones, while no captured value has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from ..settings import Settings
from ..variable import Variable
from .captured import Captures
from .keys import value_key
from .program import Array
from .unchanged import Watch, watch

P = TypeVar("P")


def call_key(
    arguments: tuple[Any, ...], keywords: tuple[str, ...], settings: Settings, captures: Captures
) -> tuple[Any, list[Array]]:
    """Return a key of a call but for the captured values, and the arrays among its arguments.

    The key is None where an array is of another class.
    """
    key: list[Any] = [keywords, id(settings)]
    inputs: list[Array] = []
    is_plain = True
    for x in arguments:
        kind = type(x)
        data = x.data if kind is Variable else x
        if type(data) is np.ndarray:
            key += (kind, data.dtype, data.shape, data.strides)
            inputs.append(data)
        elif isinstance(x, Variable | np.ndarray):
            is_plain = False
            inputs.append(x.data if isinstance(x, Variable) else x)
        else:
            key.append(value_key(x, captures.names))
    return tuple(key) if is_plain else None, inputs


@dataclass(frozen=True, slots=True)
class _Known(Generic[P]):
    """The programs of calls under equal captured values.

    Attributes:
        state: the key of these values.
        watch: whether they are the same.
        programs: by the calls' keys, each with the settings that its key has the id of.
    """

    captures: Captures
    state: Any
    watch: Watch
    programs: dict[Any, tuple[P, Settings]]


class KnownCalls(Generic[P]):
    """The programs that calls can find without the key of the captured values.

    Args:
        limit: how many are kept; the oldest is dropped first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: _Known[P] | None = None
        self._last: tuple[Captures | None, Any] = (None, None)
        self._repeats = 0  # how often the last captures had this state, after the first time

    def program(self, key: Any, captures: Captures) -> P | None:
        """Return the program of a call; None where it is not known, or a value may have changed."""
        known = self._known
        if known is None or known.captures is not captures:
            return None
        found = known.programs.get(key)
        return found[0] if found is not None and known.watch.unchanged() else None

    def add(self, key: Any, program: P, settings: Settings, captures: Captures, state: Any) -> None:
        """Add a call that was not known. One thread at a time may add.

        Args:
            key: of the call; None for one that cannot be known.
            program: what was found for it under these settings.
            state: the key of the captured values.
        """
        if key is None:
            return
        known = self._known
        if known is not None and known.captures is captures:
            if known.watch.unchanged() and known.state == state:
                known.programs[key] = program, settings
                if len(known.programs) > self._limit:
                    del known.programs[next(iter(known.programs))]
                return
            self._known = None
        is_new = captures is not self._last[0]
        self._repeats = 0 if is_new or state != self._last[1] else self._repeats + 1
        self._last = captures, state
        # Where equal values come and go as other objects, ever more rarely: it is of no use.
        if is_new or (self._repeats and self._repeats & (self._repeats - 1) == 0):
            new_watch = watch(captures)
            if new_watch is not None and captures.key() == state:
                self._known = _Known(captures, state, new_watch, {key: (program, settings)})
