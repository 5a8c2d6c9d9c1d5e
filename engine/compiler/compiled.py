"""The compiled callable: a function's signature, its values and its gradients."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..blocks import current
from ..errors import DataError, GraphError, RecordingError, ShapeError
from ..stand_in import StandIn
from ..variable import Variable, check_data
from .captured import Captures, captured_arrays, find_captures, random_states
from .direct import Direct, direct_call
from .execution import Workspace, execute
from .kept_kernels import keeping
from .kernels import require_llvm
from .keys import value_key
from .known_calls import KnownCalls, call_key
from .layout import Layout
from .outputs import given_outputs
from .plan import Plan, plan
from .program import Array
from .tracing import PASS_AS_ARGUMENT, Traced, trace, unflatten

MAX_PROGRAMS = 128  # kept by one callable; the oldest is dropped first


@dataclass(frozen=True, slots=True)
class _CompiledProgram:
    traced: Traced
    plan: Plan
    direct: Direct | None


class Compiled:
    """A function that is recorded once and then executed as a plan; made by `compile`."""

    def __init__(
        self, function: Callable[..., Any], threads: int, gradients: bool, cache: bool
    ) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._threads = threads
        self._gradients = gradients
        self._cache = cache
        self._captures = Captures()
        self._programs: dict[Any, _CompiledProgram] = {}
        self._known: KnownCalls[_CompiledProgram] = KnownCalls(MAX_PROGRAMS)
        self._lock = threading.RLock()

    def __call__(
        self, *args: Any, out: Any = None, workspace: Workspace | None = None, **kwargs: Any
    ) -> tuple[Any, tuple[Array | None, ...]]:
        """Return the function's value and the gradients of its sum.

        Args:
            args, kwargs: Variables are differentiated; ndarrays are constants, whose values
                may differ from call to call; anything else is part of the key.
            out: a pair like the one returned, whose arrays are written and returned: of
                the right shapes and dtypes, C-contiguous, and overlapping nothing.
            workspace: the result of `workspace` for arguments like these.

        Returns:
            The value in the structure that the function returned, of new ndarrays; and a
            gradient per argument in the order of the call, None for what is not a Variable
            or does not matter to the value, as its ``grad`` would be.

        Raises:
            RecordingError: something in the function cannot be recorded.
            CompilerError: llvmlite is not installed, or does not compile.
            DataError, ShapeError: an argument or ``out`` is of the wrong type or shape.
            GraphError: the value depends on no Variable, or the workspace is in use.
        """
        arguments = (*args, *kwargs.values()) if kwargs else args
        program, inputs = self._find(arguments, tuple(kwargs))
        plan = program.plan
        outputs = None if out is None else given_outputs(program.traced, plan, out, inputs)
        if workspace is None and program.direct is not None:
            outputs = program.direct(inputs, outputs)
        else:
            if workspace is not None:
                self._claim(workspace, plan)
            try:
                outputs = execute(plan, self._threads, inputs, outputs, workspace)
            finally:
                if workspace is not None:
                    workspace.busy = False
        gradients = tuple([None if i is None else outputs[i] for i in program.traced.gradients])
        return unflatten(program.traced.structure, outputs), gradients

    def workspace(self, *args: Any, **kwargs: Any) -> Workspace:
        """Return reusable memory for calls with arguments like these."""
        return Workspace(
            self._find((*args, *kwargs.values()), tuple(kwargs))[0].plan, self._threads
        )

    def plan(self, *args: Any, **kwargs: Any) -> str:
        """Return the steps for arguments like these, and every buffer's bytes, birth and death.

        Without arguments, those of the program recorded last.

        Raises:
            DataError: nothing is recorded yet.
        """
        if not args and not kwargs:
            if not self._programs:
                raise DataError("compiled.plan(): nothing is recorded yet; give it arguments")
            return str(next(reversed(self._programs.values())).plan)
        return str(self._find((*args, *kwargs.values()), tuple(kwargs))[0].plan)

    def clear(self) -> None:
        """Drop all recorded programs."""
        with self._lock:
            self._programs.clear()
            self._known = KnownCalls(MAX_PROGRAMS)

    def __repr__(self) -> str:
        return f"<compiled {self._name()}, {len(self._programs)} recorded>"

    def _name(self) -> str:
        return str(getattr(self._function, "__qualname__", repr(self._function)))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _find(
        self, arguments: tuple[Any, ...], keywords: tuple[str, ...]
    ) -> tuple[_CompiledProgram, list[Array]]:
        """Return the program for arguments, and the arrays among them."""
        captures, settings = self._captures, current()
        key, inputs = call_key(arguments, keywords, settings, captures)
        program = self._known.program(key, captures)
        if program is None:
            program, new_captures, state = self._program_for(arguments, keywords)
            if new_captures is not captures:  # other names count
                key, inputs = call_key(arguments, keywords, settings, new_captures)
            with self._lock:
                self._known.add(key, program, settings, new_captures, state)
        return program, inputs

    def _program_for(
        self, arguments: tuple[Any, ...], keywords: tuple[str, ...]
    ) -> tuple[_CompiledProgram, Captures, Any]:
        """Return the program for arguments, recorded if need be; the captures, and their key."""
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
                        f"compiled, argument {i}: a {type(data).__name__} may change NumPy's "
                        "arithmetic; use a plain ndarray (np.asarray)"
                    )
            elif isinstance(x, list | dict | set):
                raise DataError(
                    f"compiled, argument {i}: a {type(x).__name__} may change between calls; give "
                    "its Variables, arrays and numbers as arguments (f(*parameters))"
                )
        captures = self._captures
        key = _key(arguments, keywords, captures)
        program = self._programs.get(key)
        if program is None:
            with self._lock:
                # The function may reach other functions and names than at the last recording.
                captures = self._captures = find_captures(
                    self._function, [x for x in arguments if not _is_array(x)]
                )
                key = _key(arguments, keywords, captures)
                program = self._programs.get(key)
                if program is None:
                    program = self._record(arguments, keywords)
                    # Recording may have filled a cache that the function reads: another key.
                    key = _key(arguments, keywords, captures)
                    self._programs[key] = program
                    while len(self._programs) > MAX_PROGRAMS:
                        del self._programs[next(iter(self._programs))]
        return program, captures, key[-1]

    def _record(self, arguments: tuple[Any, ...], keywords: tuple[str, ...]) -> _CompiledProgram:
        require_llvm()
        for name, value in captured_arrays(self._captures):
            raise RecordingError(
                f"the compiled function reads {name!r}, a {type(value).__name__} from outside, "
                f"which may change between calls; {PASS_AS_ARGUMENT}"
            )
        constants = [x for x in arguments if not _is_array(x)]

        def state() -> Any:
            values = [value_key(x, self._captures.names) for x in constants]
            return (*self._captures.key(), ("an argument", values))

        states = functools.partial(random_states, self._captures)
        traced = trace(
            self._function,
            arguments,
            keywords,
            self._gradients,
            states,
            state,
            self._captures.has_environment(),
        )
        layouts = [
            Layout.of(x.data if isinstance(x, Variable) else x) for x in arguments if _is_array(x)
        ]
        with keeping(self._cache):
            planned = plan(traced.program, layouts)
        return _CompiledProgram(traced, planned, direct_call(planned, self._threads, layouts))

    def _claim(self, workspace: Workspace, needed_plan: Plan) -> None:
        with self._lock:
            if workspace.plan is not needed_plan:
                raise ShapeError(
                    "compiled: this workspace was made for other arguments; make one with "
                    "compiled.workspace() of arguments of these shapes, dtypes and strides"
                )
            if workspace.busy:
                raise GraphError(
                    "compiled: this workspace is in use by another call; give each thread its own"
                )
            workspace.busy = True


def _key(arguments: tuple[Any, ...], keywords: tuple[str, ...], captures: Captures) -> Any:
    """Return the key of a program; its last element is that of the captured values."""
    return (
        keywords,
        current(),
        *[
            (isinstance(x, Variable), Layout.of(x.data if isinstance(x, Variable) else x))
            if _is_array(x)
            else value_key(x, captures.names)
            for x in arguments
        ],
        captures.key(),
    )


def compile(  # noqa: A001
    function: Callable[..., Any],
    *,
    threads: int = 1,
    gradients: bool = True,
    cache: bool = True,
) -> Compiled:
    """Compile a function of Variables into one that returns its value and its gradients.

    The first call with new dtypes, shapes, strides, Python values or settings records the
    NumPy arithmetic of the function's forward and of the engine's backward through it; the
    recorded program is simplified and split into fused loops, which LLVM compiles.

    The function is called twice per recording, with recording arrays, and never otherwise:
    it must do the same each time. The numbers, strings and containers that it reads from
    outside are part of the key: globals, closures, and attributes that its code names, of
    any object, class or module, and those that the functions within its reach read (not
    those of other installed packages), context variables and the environment included.
    Refused are Variables from outside, arrays from outside that are not read-only, random
    numbers, iterators, state that each call changes, and calls that read the clock, files,
    frames, or settings of Python and NumPy. What the code of installed packages (of folders
    called site-packages or dist-packages) reads, and names and docstrings of functions, are
    read once. What Python runs in between is no part of the function: the garbage collector's
    callbacks, finalizers, handlers of signals. While recording,
    ``isinstance(x.data, np.ndarray)`` is false.

    Elementwise results are NumPy's to the bit (of a nan, its sign and payload may differ);
    a sum over all of an array is added up in another order, equally accurately. There are
    no floating-point warnings. The result is C-contiguous and shares memory with nothing.

    Args:
        function: takes Variables, ndarrays and Python values, and returns Variables, or
            tuples, lists and dicts of them.
        threads: how many threads compute a loop; the results do not depend on it.
        gradients: off, only the value is computed, as under ``no_grad()``, and every
            gradient is None.
        cache: load machine code that is kept on disk, and keep it; see `kept_kernels`.

    Raises:
        DataError: ``function`` cannot be called, or ``threads`` is not a positive integer.
    """
    if not callable(function):
        raise DataError(f"compile: the argument must be a function, not {type(function).__name__}")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise DataError(f"compile: threads is a positive integer, not {threads!r}")
    return Compiled(function, threads, gradients, cache)


def _is_array(x: Any) -> bool:
    return isinstance(x, Variable | np.ndarray)
