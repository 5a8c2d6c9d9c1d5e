"""The observer behind the timeline: it notes numbers and names, and keeps no array."""

from __future__ import annotations

import ctypes
import sys
import threading
import tracemalloc
import weakref
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np

from bench.meters.allocations import Count
from engine.observer import Event

LONGEST_NAME = 80
_NUMPY_DOMAIN = np.lib.tracemalloc_domain

# What tracemalloc knows of the block at an address; None where this Python does not tell.
traceback_of = getattr(getattr(ctypes, "pythonapi", None), "_PyTraceMalloc_GetTraceback", None)
if traceback_of is not None:
    traceback_of.argtypes, traceback_of.restype = (
        (ctypes.c_uint, ctypes.c_size_t),
        ctypes.py_object,
    )


@dataclass
class Met:
    """An array that an operation had to do with; see bench.meters.timeline.ArrayLife."""

    name: str
    named: bool
    kind: str
    bytes: int
    counted: bool
    met: int
    used: int
    died: int | None = None
    peak_at_death: int = 0
    saved: int | None = None
    released: int | None = None
    retained: int | None = None
    consumed: int | None = None  # as the gradient of an output, by the operation's backward
    makers: set[int] = field(default_factory=set)  # calls, by the engine's numbers
    savers: set[int] = field(default_factory=set)


@dataclass
class Call:
    """An operation that has begun."""

    name: str
    phase: str
    key: int  # the engine's own number
    number: int
    frame: tuple[int, int]
    begin: int
    before: int
    peak: int = 0
    end: int = -1
    after: int = 0
    raised: bool = False


# What a sweep went through so far: operations, the arrays whose gradients it has met, in
# order, and the names of the gradients that it may retain.
Sweep = tuple[set[int], dict[int, None], list[str]]


class Watch:
    """The observer: numbers and names of what it is told, until `stop`."""

    def __init__(self, count: Count) -> None:
        self.calls: list[Call] = []
        self.arrays: list[Met] = []
        self.readings: list[tuple[int, int]] = []  # (bytes alive, most since the last one)
        self._count = count
        self._lock = threading.RLock()
        self._stopped = False
        self._open: dict[int, list[Call]] = {}  # by thread, the innermost last
        self._alive: dict[int, tuple[int, weakref.finalize[..., Any]]] = {}  # by id
        self._numbers: dict[int, int] = {}  # by the engine's own, as all that follow
        self._taken: dict[int, list[int | None]] = {}
        self._made: dict[int, list[int | None]] = {}
        self._saved: dict[int, list[int]] = {}
        self._gys: dict[int, list[int]] = {}
        # The sweeps at work, by thread and by how many operations they run inside of.
        self._sweeps: dict[tuple[int, int], Sweep] = {}
        count.reset_peak()

    def __call__(self, event: Event) -> None:
        """Take a reading."""
        if not tracemalloc.is_tracing():
            raise RuntimeError("the program stopped tracemalloc, which the trace needs")
        with self._lock:
            if not self._stopped:
                # This method, tell(), the engine's function that tells, and what called it.
                self._read(event, sys._getframe(3))

    def _read(self, event: Event, frame: Any) -> None:
        tick = self._tick()
        here = self._open.setdefault(threading.get_ident(), [])
        if event.moment == "before":
            self._close_raised(here, frame, tick)
            depth = len(here)
            self._begin(event, frame, here, tick)
        else:
            self._end(event, here, tick)
            depth = len(here)
        if event.phase == "forward":
            self._forward(event, tick)
        elif event.number == -1:
            self._store(event, tick, depth)
        else:
            self._backward(event, tick, depth)

    def _tick(self) -> int:
        if tracemalloc.is_tracing():
            self.readings.append((self._count.live, self._count.peak))
        else:  # the program stopped it: what was read last is all there is
            self.readings.append(self.readings[-1] if self.readings else (0, 0))
        peak = self.readings[-1][1]
        self._count.reset_peak()
        for calls in self._open.values():
            for call in calls:
                call.peak = max(call.peak, peak)
        return len(self.readings) - 1

    def _begin(self, event: Event, frame: Any, here: list[Call], tick: int) -> None:
        if event.phase == "forward":
            self._numbers[event.number] = len(self._numbers) + 1
        number = self._numbers.get(event.number, 0)
        call = Call(
            event.operation, event.phase, event.number, number, _identity(frame), tick,
            self.readings[tick][0],
        )  # fmt: skip
        self.calls.append(call)
        here.append(call)

    def _end(self, event: Event, here: list[Call], tick: int) -> None:
        key = (event.phase, event.number)
        if key not in [(call.phase, call.key) for call in here]:
            return  # it began before the trace
        while here:
            call = here.pop()
            self._close(call, tick)
            if (call.phase, call.key) == key:
                return
            call.raised = True

    def _close_raised(self, here: list[Call], frame: Any, tick: int) -> None:
        """Close what was left by an exception: its frame is not below this one any more."""
        if here:
            below = set()
            while (frame := frame.f_back) is not None:
                below.add(_identity(frame))
            left = next((i for i, call in enumerate(here) if call.frame not in below), len(here))
            for depth, call in enumerate(here[left:], left):
                self._close(call, tick)
                call.raised = True
                self._sweeps.pop((threading.get_ident(), depth), None)
            del here[left:]

    def _close(self, call: Call, tick: int) -> None:
        call.end, call.after = tick, self.readings[tick][0]

    def _forward(self, event: Event, tick: int) -> None:
        label = self._label(event)
        if event.moment == "before":
            which = [f" {i}" if len(event.inputs) > 1 else "" for i in range(len(event.inputs))]
            self._taken[event.number] = [
                self._meet(x, f"input{i} of {label}", "input", tick, name)
                for x, i, name in zip(event.inputs, which, event.names, strict=True)
            ]
            return
        for x in event.inputs:
            self._meet(x, f"an input of {label}", "input", tick)
        several = len(event.outputs) > 1
        made = [
            self._meet(y, f"{label}[{i}]" if several else label, "output", tick)
            for i, y in enumerate(event.outputs)
        ]
        # A result that shows an input's memory is that array, and yet has its own gradient.
        taken = self._taken.get(event.number, [])
        self._made[event.number] = [None if number in taken else number for number in made]
        for number in self._made[event.number]:
            if number is not None:
                self.arrays[number].makers.add(event.number)
        self._saved[event.number] = self._meet_all(event.saved, f"saved by {label}", "saved", tick)
        for number in self._saved[event.number]:
            array = self.arrays[number]
            array.savers.add(event.number)
            array.released = None
            if array.saved is None:
                array.saved = tick

    def _backward(self, event: Event, tick: int, depth: int) -> None:
        swept, sources, kept = self._sweeps.setdefault(
            (threading.get_ident(), depth), (set(), {}, [])
        )
        swept.add(event.number)
        label = self._label(event)
        if event.moment == "before":
            made = self._made.get(event.number, [])
            names = [self._gradient_of(made, i, label) for i in range(len(event.inputs))]
            kept += names
            met = map(self._meet, event.inputs, names, repeat("gradient"), repeat(tick))
            self._gys[event.number] = [number for number in met if number is not None]
            return
        for number in self._gys.pop(event.number, []):
            self.arrays[number].consumed = tick
        taken = self._taken.get(event.number, [])
        for i, gx in enumerate(event.outputs):
            if gx is not None:
                name = self._gradient_of(taken, i, f"an input of {label}")
                self._meet(gx, name, "gradient", tick)
                source = taken[i] if i < len(taken) else None
                if source is not None:
                    sources[source] = None
        still = self._meet_all(event.saved, f"saved by {label}", "saved", tick)
        for number in self._saved.get(event.number, []):
            array = self.arrays[number]
            if number not in still:
                array.savers.discard(event.number)
                array.released = None if array.savers else tick
            elif array.retained is None:
                array.retained = tick

    def _store(self, event: Event, tick: int, depth: int) -> None:
        if event.moment == "before":
            return
        swept, sources, kept = self._sweeps.pop((threading.get_ident(), depth), (set(), {}, []))
        # A leaf is what no operation made that this sweep went through.
        leaves = [array for array in map(self.arrays.__getitem__, sources)
                  if not array.makers & swept]  # fmt: skip
        names = [f"grad of {array.name}" for array in leaves]
        retained = len(names)
        if len(event.outputs) == len(names) + len(kept):  # with retain_grad
            names += kept
        if len(event.outputs) != len(names):  # two variables share an array
            retained = len(event.outputs)
            names = [f"grad {i} of store" for i in range(retained)]
        for i, (gradient, name) in enumerate(zip(event.outputs, names, strict=True)):
            met = self._meet(gradient, name, "gradient", tick)
            assert met is not None
            array = self.arrays[met]
            if array.consumed is not None or i >= retained:
                # One that is new here is a copy, made to be kept.
                array.retained = tick - 1 if array.consumed is None else array.consumed

    def _label(self, event: Event) -> str:
        number = self._numbers.get(event.number)
        return f"{event.operation}#{number}" if number else event.operation

    def _gradient_of(self, numbers: list[int | None], i: int, otherwise: str) -> str:
        number = numbers[i] if i < len(numbers) else None
        return f"grad of {otherwise if number is None else self.arrays[number].name}"

    def _meet_all(self, arrays: Any, name: str, kind: str, tick: int) -> list[int]:
        numbers = [self._meet(x, name, kind, tick) for x in arrays]
        return [number for number in numbers if number is not None]

    def _meet(
        self, x: Any, name: str, kind: str, tick: int, given: str | None = None
    ) -> int | None:
        """The number of an array, a new one where it was not met before; None for no array."""
        if not isinstance(x, np.ndarray):
            return None
        owner = _owner(x)
        known = self._alive.get(id(owner))
        if known is None:
            number = len(self.arrays)
            counted = _is_counted(owner)
            # NumPy takes one byte for an array of none.
            size = max(owner.nbytes, 1) if counted else owner.nbytes
            self.arrays.append(Met(name, False, kind, size, counted, tick, tick))
            finalizer = weakref.finalize(owner, self._died, id(owner), number)
            finalizer.atexit = False
            self._alive[id(owner)] = (number, finalizer)
        else:
            number = known[0]
        array = self.arrays[number]
        array.used = tick
        if given and isinstance(given, str) and not array.named:
            array.name, array.named = given[:LONGEST_NAME], True
        return number

    def _died(self, identity: int, number: int) -> None:
        """Called just before an array's memory is given back, at any moment, in any thread."""
        self._alive.pop(identity, None)
        array = self.arrays[number]
        array.died = len(self.readings)
        array.peak_at_death = self._count.peak if tracemalloc.is_tracing() else 0

    def stop(self) -> None:
        """End the trace: what is alive now is alive at its end."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            tick = self._tick()
            for calls in self._open.values():
                for call in calls:
                    self._close(call, tick)
                    call.raised = True
            for _, finalizer in list(self._alive.values()):
                finalizer.detach()
            self._alive.clear()


def _identity(frame: Any) -> tuple[int, int]:
    return id(frame), id(frame.f_code)


def _owner(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array whose memory an array shows."""
    while True:
        base: Any = array.base
        if not isinstance(base, np.ndarray):
            # What as_strided puts in between has a base, a memoryview has an obj.
            base = getattr(base, "base", getattr(base, "obj", None))
        if not isinstance(base, np.ndarray):
            return array
        array = base


def _is_counted(owner: np.ndarray[Any, Any]) -> bool:
    """Whether tracemalloc knows an array's memory: NumPy took it, and not before the trace."""
    assert traceback_of is not None
    address = owner.ctypes.data
    return owner.flags.owndata and traceback_of(_NUMPY_DOMAIN, address) is not None
