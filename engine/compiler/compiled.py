"""The compiled callable: a function's signature, its values and its gradients."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.compiler.captured import Outside, arrays_among, outside, random_states
from engine.compiler.execution import Workspace, execute
from engine.compiler.kernels import require_numba
from engine.compiler.keys import value_key
from engine.compiler.layout import Layout
from engine.compiler.plan import Plan, new_outputs, output_layouts, plan
from engine.compiler.program import Array
from engine.compiler.tracing import PASS_IT, Traced, trace, unflatten
from engine.config import current
from engine.errors import DataError, GraphError, RecordingError, ShapeError
from engine.stand_in import StandIn
from engine.variable import Variable, check_data

MOST_PROGRAMS = 128  # kept by one callable; the oldest goes


@dataclass(frozen=True, slots=True)
class _Compiled:
    traced: Traced
    plan: Plan


class Compiled:
    """A function that is recorded once and then executed as a plan; made by `compile`."""

    def __init__(self, function: Callable[..., Any], threads: int, gradients: bool) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._threads = threads
        self._gradients = gradients
        self._outside = Outside()
        self._programs: dict[Any, _Compiled] = {}
        self._lock = threading.RLock()

    def __call__(
        self, *args: Any, out: Any = None, workspace: Workspace | None = None, **kwargs: Any
    ) -> tuple[Any, tuple[Array | None, ...]]:
        """Return the function's value and the gradients of its sum.

        Args:
            args, kwargs: Variables are differentiated; ndarrays are constants, whose values
                may differ from call to call; anything else is part of the key.
            out: a pair as this method returns, whose arrays are written and returned: of
                the right shapes and dtypes, C-contiguous, and overlapping with nothing.
            workspace: what `workspace` returned for arguments like these.

        Returns:
            The value in the structure that the function returned, of new ndarrays; and a
            gradient per argument in the order of the call, None for what is not a Variable
            or does not matter to the value, as its ``grad`` would be.

        Raises:
            RecordingError: something in the function cannot be recorded.
            CompilerError: Numba is not installed.
            DataError, ShapeError: an argument or ``out`` is not what it must be.
            GraphError: the value depends on no Variable, or the workspace is in use.
        """
        arguments, keywords = (*args, *kwargs.values()), tuple(kwargs)
        found = self._find(arguments, keywords)
        inputs = [x.data if isinstance(x, Variable) else x for x in arguments if _is_array(x)]
        outputs = (
            new_outputs(found.plan, self._threads) if out is None else _given(found, out, inputs)
        )
        if workspace is None:
            execute(found.plan, inputs, outputs, Workspace(found.plan, self._threads))
        else:
            self._enter(workspace, found.plan)
            try:
                execute(found.plan, inputs, outputs, workspace)
            finally:
                workspace.busy = False
        gradients = [None if i is None else outputs[i] for i in found.traced.gradients]
        return unflatten(found.traced.structure, outputs), tuple(gradients)

    def workspace(self, *args: Any, **kwargs: Any) -> Workspace:
        """The memory that calls with arguments like these need, to be used again and again."""
        return Workspace(self._find((*args, *kwargs.values()), tuple(kwargs)).plan, self._threads)

    def plan(self, *args: Any, **kwargs: Any) -> str:
        """The steps for arguments like these, and every buffer's bytes, birth and death.

        Without arguments, those of what was recorded last.

        Raises:
            DataError: nothing is recorded yet.
        """
        if not args and not kwargs:
            if not self._programs:
                raise DataError("compiled.plan(): nothing is recorded yet; give it arguments")
            return str(next(reversed(self._programs.values())).plan)
        return str(self._find((*args, *kwargs.values()), tuple(kwargs)).plan)

    def clear(self) -> None:
        """Forget what was recorded."""
        with self._lock:
            self._programs.clear()

    def __repr__(self) -> str:
        return f"<compiled {self._name()}, {len(self._programs)} recorded>"

    def _name(self) -> str:
        return str(getattr(self._function, "__qualname__", repr(self._function)))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _find(self, arguments: tuple[Any, ...], keywords: tuple[str, ...]) -> _Compiled:
        for i, x in enumerate(arguments):
            if _is_array(x):
                data = x.data if isinstance(x, Variable) else x
                if isinstance(data, StandIn):
                    raise RecordingError(
                        "a compiled function inside a compiled one cannot be recorded; call "
                        f"the function it was made of ({self._name()})"
                    )
                check_data(data, f"compiled, argument {i}")
                if type(data) not in (np.ndarray, np.memmap):
                    raise DataError(
                        f"compiled, argument {i}: a {type(data).__name__} computes in ways of "
                        "its own; use a plain ndarray (np.asarray)"
                    )
            elif isinstance(x, list | dict | set):
                raise DataError(
                    f"compiled, argument {i}: a {type(x).__name__} may change unseen; give its "
                    "Variables, arrays and numbers as arguments (f(*parameters))"
                )
        key = self._key(arguments, keywords)
        found = self._programs.get(key)
        if found is None:
            with self._lock:
                # It may reach other functions and names now than when it was looked at.
                self._outside = outside(self._function, [x for x in arguments if not _is_array(x)])
                key = self._key(arguments, keywords)
                found = self._programs.get(key)
                if found is None:
                    found = self._record(arguments, keywords)
                    # The first call may have filled what later ones read, a cache of its own.
                    self._programs[self._key(arguments, keywords)] = found
                    while len(self._programs) > MOST_PROGRAMS:
                        del self._programs[next(iter(self._programs))]
        return found

    def _key(self, arguments: tuple[Any, ...], keywords: tuple[str, ...]) -> Any:
        return (
            keywords,
            current(),
            *[
                (isinstance(x, Variable), Layout.of(x.data if isinstance(x, Variable) else x))
                if _is_array(x)
                else value_key(x, self._outside.names)
                for x in arguments
            ],
            self._outside.key(),
        )

    def _record(self, arguments: tuple[Any, ...], keywords: tuple[str, ...]) -> _Compiled:
        require_numba()
        for name, value in arrays_among(self._outside.places):
            raise RecordingError(
                f"the compiled function reads {name!r}, a {type(value).__name__} from outside, "
                f"which may change without its knowledge; {PASS_IT}"
            )
        others = [x for x in arguments if not _is_array(x)]

        def state() -> Any:
            values = [value_key(x, self._outside.names) for x in others]
            return (*self._outside.key(), ("an argument", values))

        states = functools.partial(random_states, self._outside.places)
        traced = trace(self._function, arguments, keywords, self._gradients, states, state)
        layouts = [
            Layout.of(x.data if isinstance(x, Variable) else x) for x in arguments if _is_array(x)
        ]
        return _Compiled(traced, plan(traced.program, layouts))

    def _enter(self, workspace: Workspace, needed: Plan) -> None:
        with self._lock:
            if workspace.plan is not needed:
                raise ShapeError(
                    "compiled: this workspace was made for other arguments; make one with "
                    "compiled.workspace() of arguments of these shapes, dtypes and strides"
                )
            if workspace.busy:
                raise GraphError(
                    "compiled: this workspace is in use by another call; give each thread its own"
                )
            workspace.busy = True


def compile(  # noqa: A001
    function: Callable[..., Any], *, threads: int = 1, gradients: bool = True
) -> Compiled:
    """Compile a function of Variables into one that returns its value and its gradients.

    The first call with new dtypes, shapes, strides, Python values or settings records the
    NumPy arithmetic of the function's forward and of the engine's backward through it; the
    recorded program is simplified, split into fused loops, and these are compiled by Numba.

    The function is called with recording arrays, twice, and only then: it must do the same
    each time. The numbers, strings and containers that it reads from outside are part of
    the key: globals, closures, and attributes that its code names, of whatever object,
    class or module; also what the functions read that it can reach, but for the code of
    other installed packages. Arrays and Variables from outside are refused, unless they are
    read-only, and so are random numbers and what a call would change each time. What is
    read in other ways (files, the clock, single elements of arrays of over 64 KiB) is read
    once. While it is recorded, ``isinstance(x.data, np.ndarray)`` is false.

    Elementwise results are NumPy's to the bit (of a nan, its sign and payload may differ);
    a sum over all of an array is added up in another order, as accurately. No floating-point
    warnings are given. The result is C-contiguous and shares memory with nothing.

    Args:
        function: takes Variables, ndarrays and Python values, and returns Variables, or
            tuples, lists and dicts of them.
        threads: how many threads compute a loop; the results do not depend on it.
        gradients: off, only the value is computed, as under ``no_grad()``, and every
            gradient is None.

    Raises:
        DataError: ``function`` cannot be called, or ``threads`` is not a positive integer.
    """
    if not callable(function):
        raise DataError(f"compile: a function is compiled, not {type(function).__name__}")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise DataError(f"compile: threads is a positive integer, not {threads!r}")
    return Compiled(function, threads, gradients)


def _is_array(x: Any) -> bool:
    return isinstance(x, Variable | np.ndarray)


def _given(found: _Compiled, out: Any, inputs: list[Array]) -> list[Array]:
    """The arrays of ``out`` in the order of the outputs.

    Raises:
        DataError: the structure is another, or something is not an ndarray that can be
            written.
        ShapeError: an array has another shape, dtype or order, or overlaps with another.
    """
    traced = found.traced
    layouts = output_layouts(found.plan)
    arrays: list[Any] = [None] * len(layouts)
    try:
        value, gradients = out
        _collect(traced.structure, value, arrays)
        for index, gradient in zip(traced.gradients, gradients, strict=True):
            if index is not None:
                arrays[index] = gradient
    except (TypeError, ValueError, KeyError, IndexError):
        arrays = [None]
    for array in arrays:
        if type(array) is not np.ndarray or not array.flags.writeable:
            raise DataError(
                "compiled: out is a pair like the one that is returned, of writable ndarrays"
            )
    for i, (array, layout) in enumerate(zip(arrays, layouts, strict=True)):
        if array.shape != layout.shape or array.dtype != layout.dtype:
            raise ShapeError(
                f"compiled: an array of out is {array.dtype} {array.shape}; it must be "
                f"{layout.dtype} {layout.shape}"
            )
        if not array.flags.c_contiguous or not array.flags.aligned:
            raise ShapeError("compiled: an array of out is not C-contiguous")
        if any(np.may_share_memory(array, other) for other in (*inputs, *arrays[:i])):
            raise ShapeError("compiled: an array of out overlaps with another one or an argument")
    return arrays


def _collect(structure: Any, value: Any, arrays: list[Any]) -> None:
    if isinstance(structure, int):
        arrays[structure] = value
    elif isinstance(structure, dict):
        for key, part in structure.items():
            _collect(part, value[key], arrays)
    else:
        for part, given in zip(structure, value, strict=True):
            _collect(part, given, arrays)
