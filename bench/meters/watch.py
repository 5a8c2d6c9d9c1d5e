"""The observer behind the timeline: it records numbers and names, and keeps no array alive."""

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

from gradmeter.bench.meters.allocations import Count
from gradmeter.engine.observer import Event

LONGEST_NAME = 80
_NUMPY_DOMAIN = np.lib.tracemalloc_domain

# The traceback that tracemalloc has for an address; None where this Python has no such function.
traceback_of = getattr(getattr(ctypes, "pythonapi", None), "_PyTraceMalloc_GetTraceback", None)
if traceback_of is not None:
    traceback_of.argtypes, traceback_of.restype = (
        (ctypes.c_uint, ctypes.c_size_t),
        ctypes.py_object,
    )


@dataclass
class TracedArray:
    """An array that an operation used; see gradmeter.bench.meters.timeline.ArrayLife."""

    name: str
    named: bool
    kind: str
    bytes: int
    counted: bool
    first_used: int
    used: int
    died: int | None = None
    peak_at_death: int = 0
    saved: int | None = None
    released: int | None = None
    retained: int | None = None
    consumed: int | None = None  # the tick at which a backward used it as an output's gradient
    makers: set[int] = field(default_factory=set)  # operations, by the engine's numbers
    savers: set[int] = field(default_factory=set)


@dataclass
class TracedOperation:
    """An operation that has begun, and its end once it has ended."""

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


# The state of a sweep: the operations it has run, the arrays whose gradients it has computed,
# in order, and the names of the gradients that it may retain.
Sweep = tuple[set[int], dict[int, None], list[str]]


class Watch:
    """An observer that records the operations and arrays of its events, until `stop`."""

    def __init__(self, count: Count) -> None:
        self.operations: list[TracedOperation] = []
        self.arrays: list[TracedArray] = []
        self.readings: list[tuple[int, int]] = []  # (bytes alive, peak since the last reading)
        self._count = count
        self._lock = threading.RLock()
        self._stopped = False
        self._open: dict[int, list[TracedOperation]] = {}  # by thread, the innermost last
        self._alive: dict[int, tuple[int, weakref.finalize[..., Any]]] = {}  # by id
        self._numbers: dict[int, int] = {}  # by the engine's number, as the four below
        self._inputs: dict[int, list[int | None]] = {}
        self._outputs: dict[int, list[int | None]] = {}
        self._saved: dict[int, list[int]] = {}
        self._gys: dict[int, list[int]] = {}
        # The running sweeps, by thread and by the number of operations around them.
        self._sweeps: dict[tuple[int, int], Sweep] = {}
        count.reset_peak()

    def __call__(self, event: Event) -> None:
        """Record an event of the engine and the bytes alive at it."""
        if not tracemalloc.is_tracing():
            raise RuntimeError("the program stopped tracemalloc, which the trace needs")
        with self._lock:
            if not self._stopped:
                # The caller of the engine: above this method, tell() and the engine's function.
                self._read(event, sys._getframe(3))

    def _read(self, event: Event, frame: Any) -> None:
        tick = self._tick()
        running = self._open.setdefault(threading.get_ident(), [])
        if event.moment == "before":
            self._close_raised(running, frame, tick)
            depth = len(running)
            self._begin(event, frame, running, tick)
        else:
            self._end(event, running, tick)
            depth = len(running)
        if event.phase == "forward":
            self._forward(event, tick)
        elif event.number == -1:
            self._store(event, tick, depth)
        else:
            self._backward(event, tick, depth)

    def _tick(self) -> int:
        if tracemalloc.is_tracing():
            self.readings.append((self._count.live, self._count.peak))
        else:  # the program stopped it, so the last reading stands
            self.readings.append(self.readings[-1] if self.readings else (0, 0))
        peak = self.readings[-1][1]
        self._count.reset_peak()
        for operations in self._open.values():
            for operation in operations:
                operation.peak = max(operation.peak, peak)
        return len(self.readings) - 1

    def _begin(self, event: Event, frame: Any, running: list[TracedOperation], tick: int) -> None:
        if event.phase == "forward":
            self._numbers[event.number] = len(self._numbers) + 1
        number = self._numbers.get(event.number, 0)
        operation = TracedOperation(
            event.operation, event.phase, event.number, number, _identity(frame), tick,
            self.readings[tick][0],
        )  # fmt: skip
        self.operations.append(operation)
        running.append(operation)

    def _end(self, event: Event, running: list[TracedOperation], tick: int) -> None:
        key = (event.phase, event.number)
        if key not in [(operation.phase, operation.key) for operation in running]:
            return  # it began before the trace
        while running:
            operation = running.pop()
            self._close(operation, tick)
            if (operation.phase, operation.key) == key:
                return
            operation.raised = True

    def _close_raised(self, running: list[TracedOperation], frame: Any, tick: int) -> None:
        """Close operations that an exception ended: their frames are no longer on the stack."""
        if running:
            stack = set()
            while (frame := frame.f_back) is not None:
                stack.add(_identity(frame))
            first = next((i for i, o in enumerate(running) if o.frame not in stack), len(running))
            for depth, operation in enumerate(running[first:], first):
                self._close(operation, tick)
                operation.raised = True
                self._sweeps.pop((threading.get_ident(), depth), None)
            del running[first:]

    def _close(self, operation: TracedOperation, tick: int) -> None:
        operation.after = self.readings[tick][0]
        operation.end = tick  # last: where it is not, the end is not known

    def _forward(self, event: Event, tick: int) -> None:
        label = self._label(event)
        if event.moment == "before":
            index = [f" {i}" if len(event.inputs) > 1 else "" for i in range(len(event.inputs))]
            self._inputs[event.number] = [
                self._register(x, f"input{i} of {label}", "input", tick, name)
                for x, i, name in zip(event.inputs, index, event.names, strict=True)
            ]
            return
        for x in event.inputs:
            self._register(x, f"an input of {label}", "input", tick)
        several = len(event.outputs) > 1
        outputs = [
            self._register(y, f"{label}[{i}]" if several else label, "output", tick)
            for i, y in enumerate(event.outputs)
        ]
        # A view of an input is registered as that input, but its gradient is its own.
        inputs = self._inputs.get(event.number, [])
        self._outputs[event.number] = [None if n in inputs else n for n in outputs]
        for number in self._outputs[event.number]:
            if number is not None:
                self.arrays[number].makers.add(event.number)
        saved = self._register_all(event.saved, f"saved by {label}", "saved", tick)
        self._saved[event.number] = saved
        for number in self._saved[event.number]:
            array = self.arrays[number]
            array.savers.add(event.number)
            array.released = None
            if array.saved is None:
                array.saved = tick

    def _backward(self, event: Event, tick: int, depth: int) -> None:
        swept, sources, retainable = self._sweeps.setdefault(
            (threading.get_ident(), depth), (set(), {}, [])
        )
        swept.add(event.number)
        label = self._label(event)
        if event.moment == "before":
            outputs = self._outputs.get(event.number, [])
            names = [self._gradient_of(outputs, i, label) for i in range(len(event.inputs))]
            retainable += names
            numbers = map(self._register, event.inputs, names, repeat("gradient"), repeat(tick))
            self._gys[event.number] = [number for number in numbers if number is not None]
            return
        for number in self._gys.pop(event.number, []):
            self.arrays[number].consumed = tick
        inputs = self._inputs.get(event.number, [])
        if not event.saved:  # released
            for gx in event.outputs:
                self._end_if_written_into(gx, event.number, tick)
        for i, gx in enumerate(event.outputs):
            if gx is not None:
                name = self._gradient_of(inputs, i, f"an input of {label}")
                self._register(gx, name, "gradient", tick)
                source = inputs[i] if i < len(inputs) else None
                if source is not None:
                    sources[source] = None
        still_saved = self._register_all(event.saved, f"saved by {label}", "saved", tick)
        for number in self._saved.get(event.number, []):
            array = self.arrays[number]
            if number not in still_saved:
                array.savers.discard(event.number)
                array.released = None if array.savers else tick
            elif array.retained is None:
                array.retained = tick

    def _store(self, event: Event, tick: int, depth: int) -> None:
        if event.moment == "before":
            return
        swept, sources, retainable = self._sweeps.pop(
            (threading.get_ident(), depth), (set(), {}, [])
        )
        # A leaf is an array that no operation of this sweep made.
        leaves = [array for array in map(self.arrays.__getitem__, sources)
                  if not array.makers & swept]  # fmt: skip
        names = [f"grad of {array.name}" for array in leaves]
        retained = len(names)
        if len(event.outputs) == len(names) + len(retainable):  # with retain_grad
            names += retainable
        ambiguous = len(event.outputs) != len(names)  # two variables share an array
        if ambiguous:
            retained = len(event.outputs)
            names = [f"grad {i} of store" for i in range(retained)]
        for i, (gradient, name) in enumerate(zip(event.outputs, names, strict=True)):
            number = self._register(gradient, name, "gradient", tick)
            assert number is not None
            array = self.arrays[number]
            if i < retained and array.kind == "gradient":
                array.name = name  # other gradients may have been in this array before
            if i >= retained or (ambiguous and array.consumed is not None):
                # A gradient that is first used here is a copy, made to be kept. A leaf's is needed,
                # also in an array that held another one before.
                array.retained = tick - 1 if array.consumed is None else array.consumed

    def _label(self, event: Event) -> str:
        number = self._numbers.get(event.number)
        return f"{event.operation}#{number}" if number else event.operation

    def _gradient_of(self, numbers: list[int | None], i: int, fallback: str) -> str:
        number = numbers[i] if i < len(numbers) else None
        return f"grad of {fallback if number is None else self.arrays[number].name}"

    def _register_all(self, arrays: Any, name: str, kind: str, tick: int) -> list[int]:
        numbers = [self._register(x, name, kind, tick) for x in arrays]
        return [number for number in numbers if number is not None]

    def _register(
        self, x: Any, name: str, kind: str, tick: int, variable_name: str | None = None
    ) -> int | None:
        """Return an array's number, a new one at its first use; None for no array."""
        if not isinstance(x, np.ndarray):
            return None
        owner = _owner(x)
        entry = self._alive.get(id(owner))
        if entry is None:
            number = len(self.arrays)
            counted = is_counted(owner)
            # NumPy allocates one byte for an empty array.
            size = max(owner.nbytes, 1) if counted else owner.nbytes
            self.arrays.append(TracedArray(name, False, kind, size, counted, tick, tick))
            finalizer = weakref.finalize(owner, self._died, id(owner), number)
            finalizer.atexit = False
            self._alive[id(owner)] = (number, finalizer)
        else:
            number = entry[0]
        array = self.arrays[number]
        array.used = tick
        if variable_name and isinstance(variable_name, str) and not array.named:
            array.name, array.named = variable_name[:LONGEST_NAME], True
        return number

    def _end_if_written_into(self, gx: Any, key: int, tick: int) -> None:
        """End the life of an array that an operation saved and has written its gradient into."""
        number, finalizer = self._alive.get(id(gx), (None, None))
        if number in self._saved.get(key, []) and finalizer is not None:
            finalizer.detach()
            del self._alive[id(gx)]
            array = self.arrays[number]
            array.died = tick
            array.peak_at_death = -1  # the gradient is alive there in its place

    def _died(self, identity: int, number: int) -> None:
        """Record the death of an array; its finalizer calls this at any moment, in any thread."""
        self._alive.pop(identity, None)
        array = self.arrays[number]
        array.died = len(self.readings)
        array.peak_at_death = self._count.peak if tracemalloc.is_tracing() else 0

    def stop(self) -> None:
        """End the trace; the arrays that are alive now are alive at its end."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            tick = self._tick()
            # Not those of _open: Ctrl-C may have come between the two lists.
            for operation in self.operations:
                if operation.end < 0:
                    self._close(operation, tick)
                    operation.raised = True
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
            # The object that as_strided puts in between has a base, a memoryview has an obj.
            base = getattr(base, "base", getattr(base, "obj", None))
        if not isinstance(base, np.ndarray):
            return array
        array = base


def is_counted(owner: np.ndarray[Any, Any]) -> bool:
    """Whether tracemalloc counts an array's memory: NumPy allocated it, during the trace."""
    if traceback_of is None:
        return bool(owner.flags.owndata)
    return owner.flags.owndata and traceback_of(_NUMPY_DOMAIN, owner.ctypes.data) is not None
