"""Find what keeps arrays alive: the shortest chain of names and attributes to each."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from gradmeter.bench.meters.references import steps
from gradmeter.bench.meters.watch import is_counted
from gradmeter.bench.results.lines import Holder

ARRAYS = 5  # the largest that are followed
WORTH = 0.01  # the fraction of all arrays' bytes below which one is not listed
_OBJECTS = 1_000_000  # that the search visits
_ELEMENTS = 100_000  # of an array of objects
_HARNESS = "gradmeter.bench"


def find(
    main: ModuleType | None = None,
    frames: tuple[FrameType, ...] = (),
    alive: int | None = None,
) -> list[Holder]:
    """Find the holders of the largest arrays that are alive and counted, the largest first.

    The search starts at the names of the program's main module, of running functions and of
    all imported modules, in this order, and goes from object to object as the collector does.

    Args:
        main: the program's main module.
        frames: running functions whose names count.
        alive: the bytes of all arrays; when as many are found, the search ends.
    """
    search = _Search(alive)
    if main is not None:
        search.start(main.__name__, main.__dict__)
    for frame in frames:
        search.start(f"{frame.f_code.co_qualname}()", dict(frame.f_locals))
    first = search.waiting
    search.waiting = deque()
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and not name.startswith(_HARNESS):
            search.start(name, module.__dict__)
    if alive is None:  # from all names at the same time, for the shortest chain of all
        search.waiting.extendleft(reversed(first))
    else:
        search.waiting, first = first, search.waiting
        search.run()
        search.waiting = first
    search.run()
    arrays = search.arrays if search.ended else {**search.arrays, **_unreached(search)}
    total = sum(array.nbytes for array, _ in arrays.values())
    largest = sorted(arrays.values(), key=lambda found: -found[0].nbytes)[:ARRAYS]
    return [
        Holder(array=_described(array), bytes=array.nbytes, chain=chain)
        for array, chain in largest
        if array.nbytes > WORTH * total
    ]


Found = dict[int, tuple[Any, str]]  # by id: an array that owns its memory, and its chain


class _Search:
    """A breadth-first search from names to arrays."""

    def __init__(self, alive: int | None) -> None:
        self.arrays: Found = {}
        self.missing = alive
        self.seen: dict[int, Any] = {}  # the objects, so that no id is used twice
        self._from: dict[int, int] = {}
        self._names: dict[int, str] = {}  # of the dictionaries that it starts at
        self.waiting: deque[int] = deque()

    def start(self, name: str, variables: dict[str, Any]) -> None:
        """Add the names of a module or a function."""
        if id(variables) not in self.seen:
            self.seen[id(variables)] = variables
            self._names[id(variables)] = name
            self.waiting.append(id(variables))

    @property
    def ended(self) -> bool:
        """Whether every array is found."""
        return self.missing is not None and self.missing <= 0

    def run(self) -> None:
        """Visit what can be reached."""
        while self.waiting and len(self.seen) < _OBJECTS and not self.ended:
            identity = self.waiting.popleft()
            for referent in referents(self.seen[identity]):
                if id(referent) in self.seen or issubclass(type(referent), ModuleType):
                    continue
                self.seen[id(referent)] = referent
                self._from[id(referent)] = identity
                if issubclass(type(referent), np.ndarray):
                    self._note(referent)
                if issubclass(type(referent), np.ndarray) or gc.is_tracked(referent):
                    self.waiting.append(id(referent))

    def _note(self, array: Any) -> None:
        if is_counted(array):
            self.arrays[id(array)] = (array, self.chain(id(array)))
            if self.missing is not None:
                self.missing -= array.nbytes

    def chain(self, identity: int) -> str:
        """The chain from a name to an object: ``__main__.model.layers[0].weight``."""
        path = [identity]
        while path[-1] in self._from:
            path.append(self._from[path[-1]])
        objects = [self.seen[i] for i in reversed(path)]
        return self._names[path[-1]] + "".join(steps(objects))


def referents(holder: Any) -> Iterator[Any]:
    """The objects that an object refers to; of an array, its base and its objects."""
    if issubclass(type(holder), np.ndarray):
        if holder.base is not None:
            yield holder.base
        if holder.dtype.hasobject:
            yield from holder.ravel()[:_ELEMENTS].tolist()
        return
    yield from gc.get_referents(holder)


def _unreached(search: _Search) -> Found:
    """Arrays that nothing named reaches: they wait for the collector."""
    found: Found = {}
    for holder in gc.get_objects():
        # A weak proxy has the class of its object, and raises where that is gone.
        if id(holder) in search.seen or holder is search.seen or type(holder) is FrameType:
            continue
        for array in gc.get_referents(holder):
            if (
                issubclass(type(array), np.ndarray)
                and is_counted(array)
                and id(array) not in search.seen
                and id(array) not in found
            ):
                found[id(array)] = (array, "")
    return found


def _described(array: Any) -> str:
    shape = " x ".join(map(str, array.shape)) or "scalar"
    return f"{array.dtype} {shape}"
