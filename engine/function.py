"""Function: one recorded operation, a node of the graph."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Final, Literal, TypeAlias
from weakref import ref

import numpy as np

from . import observer
from .blocks import context_settings, current, tied
from .edge import FLOAT64, Target, gradient_dtype, place_of, source_of
from .errors import DataError, EngineError, GraphError
from .stand_in import ARRAYS, StandIn, as_plain
from .variable import NO_GRAPH, Variable, check_data, check_dtype

Layout: TypeAlias = tuple[tuple[int, ...], np.dtype[Any]]
PYTHON_NUMBERS: Final = (int, float)
PYTHON_TYPES: Final = frozenset({int, float, bool})
NUMBERS: Final = (*PYTHON_NUMBERS, np.generic)
TYPED: Final[tuple[type[Any], ...]] = (*ARRAYS, np.generic)
PLAIN: Final = (*NUMBERS, StandIn)

_next_number = count().__next__
_new = object.__new__
ndarray = np.ndarray


class _Released(tuple[()]):
    """What a function has saved whose backward has run: nothing."""

    __slots__ = ()


RELEASED: Final = _Released()


class Function:
    """One operation: a subclass defines how its result and its gradients are computed.

    A subclass defines ``forward(self, *arrays)``, which returns an array or a tuple of
    them, and ``backward(self, *gys)``, which takes the gradients of the outputs (arrays of
    the outputs' shapes, zeros for an output that was not used, shared with nothing) and
    returns the gradients of the inputs, of their shapes: one array for one input, a tuple
    for several, None where there is none. An instance records one call.

    A subclass in the style of the DeZero book keeps the data of its input and
    output variables until its backward, and reads ``self.inputs[i].data`` and
    ``self.outputs[i]().data`` there. One whose forward assigns
    ``self.saved_for_backward`` keeps that and nothing else.

    Attributes:
        saved_for_backward: what the backward needs, usually a tuple; released by the
            sweep unless the setting ``retain_graph`` is on.
    """

    # Class-level defaults: an instance pays only for what it sets.
    saved_for_backward: Any = None
    _generation: int = -1  # not asked for yet
    # One of engine.operations: it is given Python numbers as they are, returns gradients
    # of the broadcast shape, and writes into nothing that it is given.
    built_in: bool = False
    # Of engine.operations, those of one output: what the array that their backward takes to write
    # into may be, if nothing else needs it: one that it saved, or before that the gradient.
    in_place: Literal["", "saved", "gradient or saved"] = ""

    _number: int = -1  # larger for every later call, in any thread
    _edges: Any = None  # a list of Edges, one per input, None for a constant
    _reference: ref[Variable] | None = None  # to the output, if there is exactly one
    _shape: tuple[int, ...]  # of its gradient
    _dtype: np.dtype[Any] = FLOAT64
    _layouts: tuple[Layout, ...] | None = None  # of the gradients of several outputs, or of none
    _references: tuple[ref[Variable], ...] = ()  # to them
    _inputs: tuple[Variable, ...] | None = None  # in the book's style; with retained gradients
    _results: tuple[np.ndarray[Any, Any], ...] | None = None  # in the book's style
    _outputs: tuple[Variable, ...] | None = None  # with output_references="strong"

    forward: Callable[..., Any]
    backward: Callable[..., Any]

    def __call__(self, *inputs: Any) -> Any:
        """Compute, and record the call unless ``enable_backprop`` is off.

        Args:
            inputs: Variables, ndarrays and numbers. Only Variables receive gradients.

        Returns:
            A Variable, or a tuple of them where forward returns a tuple of other than one.

        Raises:
            DataError: (a TypeError) an input or a result is not numeric.
            ShapeError: (a ValueError) the operation cannot take these shapes or values.
            GraphError: (a RuntimeError) this instance has recorded a call already.
        """
        if self._edges is not None:
            raise GraphError(
                f"{name_of(self)}: this instance has recorded a call already; a Function "
                "instance records one call, so make a new one for each"
            )
        settings = context_settings() if not tied else current()
        arrays: list[Any] = []
        edges: list[Edge | None] = []
        recorded = False
        for x in inputs:
            kind = type(x)
            if kind is Variable or (kind not in PYTHON_TYPES and isinstance(x, Variable)):
                data = x.data
                if type(data) is not ndarray:
                    check_data(data, f"{name_of(self)}, input {len(edges)}")
                edge = x._edge
                if not edge and not isinstance(edge, Function):  # one may have a length of 0
                    edge = edges[0] if edges and x is inputs[0] else Target(x, None, data)
                edges.append(edge)
                arrays.append(data)
                recorded = True
            else:
                if kind not in PYTHON_TYPES:
                    _check_constant(x, f"{name_of(self)}, input {len(edges)}")
                edges.append(None)
                arrays.append(x)
        if not settings.enable_backprop:
            recorded = False
            edges = [None] * len(inputs)
        self._number = _next_number()
        self._edges = edges
        is_tuple = False
        try:
            if not self.built_in:
                _check_dtypes(self, arrays)
                arrays = _numbers_as_arrays(arrays)
            if observer.watches:
                _notify_forward(self, "before", inputs, arrays)
            if len(arrays) == 2:
                results = self.forward(arrays[0], arrays[1])  # quicker than the general call
            else:
                results = self.forward(*arrays)
            if type(results) is not ndarray or results.dtype is not FLOAT64:
                _check_dtypes(self, arrays)
                results = _check_results(self, results)
                is_tuple = type(results) is tuple
                if not is_tuple:
                    self._dtype = gradient_dtype(results)
        except BaseException as error:
            self._edges = None
            if isinstance(error, Exception):
                _check_dtypes(self, arrays)
                description = f"{name_of(self)} of {shapes_of(arrays)}"
                error_type = self._engine_error(error)
                if error_type is not None:  # a local name for the new error would make a cycle
                    raise error_type(f"{description}: {error}") from error
                error.add_note(f"in {description}")
            raise

        outputs: Any
        if not recorded:
            self._edges = None  # nothing refers to this instance: it may be called again
            if is_tuple:
                outputs = tuple([_result(data, NO_GRAPH) for data in results])
            else:
                outputs = _result(results, NO_GRAPH)
        else:
            if is_tuple:
                self._layouts = tuple([(y.shape, gradient_dtype(y)) for y in results])
                outputs = tuple([_result(y, Target(self, i, y)) for i, y in enumerate(results)])
                self._references = tuple(map(ref, outputs))
            else:
                outputs = _new(Variable)  # without the checks of its constructor
                outputs.data = results
                outputs.grad = outputs.name = None
                outputs._edge = self
                self._shape = results.shape
                self._reference = ref(outputs)
            if self.saved_for_backward is None:
                self._inputs = tuple(map(_input_variable, inputs, arrays))
                self._results = results if is_tuple else (results,)
            if settings.output_references == "strong":
                self._outputs = outputs if is_tuple else (outputs,)
        if observer.watches:
            _notify_forward(self, "after", inputs, arrays, results)
        return outputs

    @property
    def generation(self) -> int:
        """The largest generation among the inputs; 0 where nothing is recorded."""
        stack = [self]
        while stack:
            sources = map(source_of, stack[-1]._edges or ())
            creators = [f for f in sources if isinstance(f, Function)]
            unknown = [f for f in creators if f._generation < 0]
            if unknown:
                stack += unknown
            else:
                generations = [f._generation + 1 for f in creators]
                stack.pop()._generation = max(generations, default=0)
        return self._generation

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """The input variables.

        Where the function declared what it saves, those among its inputs that are
        variables; one that had no references left comes back without its data.
        """
        if self._inputs is not None:
            return self._inputs
        return tuple([_variable_at(edge) for edge in self._edges or () if edge is not None])

    @property
    def outputs(self) -> tuple[ref[Variable], ...]:
        """Weak references to the output variables, whatever ``output_references`` is."""
        return self._references if self._reference is None else (self._reference,)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse to copy or pickle a recorded call: its graph would stay behind."""
        if self._edges is not None:
            raise GraphError(
                f"{name_of(self)}: a recorded operation cannot be copied or pickled; copy the "
                "variable's data into a new Variable"
            )
        return super().__reduce_ex__(protocol)

    def _engine_error(self, _error: Exception) -> type[EngineError] | None:
        """Return the engine's error type for what a forward raised; None to leave it as it is."""
        return None


Edge: TypeAlias = Function | Target


def name_of(function: Function) -> str:
    """The operation's name, for messages and meters."""
    return getattr(type(function), "operation_name", None) or type(function).__name__


def shapes_of(arrays: list[Any]) -> str:
    """Describe an operation's arguments: arrays by dtype and shape, numbers as they are."""
    return ", ".join(f"{x.dtype} {x.shape}" if isinstance(x, ARRAYS) else repr(x) for x in arrays)


def saved_by(function: Function) -> tuple[Any, ...]:
    """The arrays and numbers that a function holds for its backward."""
    if function._results is not None:
        return (*[v.data for v in function._inputs or ()], *function._results)
    saved = function.saved_for_backward
    return saved if isinstance(saved, tuple) else () if saved is None else (saved,)


def book_style_outputs(function: Function) -> list[Variable]:
    """Return the output variables that a backward in the book's style may read."""
    if function._layouts is None:
        return [_variable_at(function)]
    return [_variable_at(Target(function, i, y)) for i, y in enumerate(function._results or ())]


def _variable_at(edge: Edge) -> Variable:
    """Return the variable that an edge leads to, a new one if it had no references left."""
    source, index = place_of(edge)
    if isinstance(source, Variable):
        return source
    variable: Variable | None = source.outputs[index]()
    if variable is None:
        variable = _result(source._results[index] if source._results else None, edge)
        if isinstance(edge, Target):
            references = list(source._references)
            references[index] = ref(variable)
            source._references = tuple(references)
        else:
            source._reference = ref(variable)
    return variable


def _result(data: Any, edge: Any) -> Variable:
    """Make a Variable without the checks of its constructor."""
    variable: Variable = _new(Variable)
    variable.data = data
    variable.grad = None
    variable.name = None
    variable._edge = edge
    return variable


def _check_constant(x: Any, where: str) -> None:
    """Raise DataError unless ``x`` is an array or a NumPy scalar that can be computed with."""
    if x is None:
        raise DataError(
            f"{where}: the operand is None; operands are Variables, ndarrays and numbers"
        )
    if isinstance(x, np.generic):
        check_dtype(x, where)
    else:
        check_data(x, where)


def _check_dtypes(function: Function, arrays: list[Any]) -> None:
    """Raise DataError unless all arrays hold booleans, integers or floats.

    NumPy computes no float64 from others, so that a plain result of one of the engine's own
    operations says that its inputs are in order.
    """
    for i, x in enumerate(arrays):
        if isinstance(x, ARRAYS):
            check_data(x, f"{name_of(function)}, input {i}")


def _input_variable(x: Any, data: np.ndarray[Any, Any]) -> Variable:
    return x if isinstance(x, Variable) else Variable(data)


def _numbers_as_arrays(arrays: list[Any]) -> list[Any]:
    """Convert the numbers among ``arrays`` to 0-d arrays of the dtype NumPy would promote to."""
    if all(isinstance(x, ARRAYS) for x in arrays):
        return arrays
    dtypes = [x.dtype for x in arrays if isinstance(x, TYPED)]
    return [
        x
        if isinstance(x, ARRAYS)
        else np.asarray(x, None if isinstance(x, np.generic) else np.result_type(*dtypes, x))
        for x in arrays
    ]


def _check_results(function: Function, results: Any) -> Any:
    """Return a forward's results as an array or a tuple; raise DataError if they are others."""
    is_tuple = isinstance(results, tuple)
    arrays: list[np.ndarray[Any, Any]] = []
    for y in results if is_tuple else (results,):
        data: Any = as_plain(y) if isinstance(y, PLAIN) else y
        if not isinstance(data, ARRAYS):
            raise DataError(
                f"{name_of(function)}: forward returned {type(y).__name__}; "
                "it must return an ndarray or a tuple of them"
            )
        check_data(data, f"{name_of(function)}, result {len(arrays)}")
        arrays.append(data)
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def _notify_forward(
    function: Function,
    moment: observer.Moment,
    inputs: tuple[Any, ...],
    arrays: list[Any],
    results: Any = (),
) -> None:
    observer.notify(
        observer.Event(
            "forward",
            moment,
            name_of(function),
            function._number,
            names=tuple([x.name if isinstance(x, Variable) else None for x in inputs]),
            inputs=tuple(arrays),
            outputs=results if isinstance(results, tuple) else (results,),
            saved=saved_by(function) if function._edges is not None else (),
            function=function,
        )
    )


def released_error(function: Function) -> GraphError:
    """Return the error for a second backward through a function."""
    return GraphError(
        f"{name_of(function)}: an earlier backward(), perhaps one that failed, has released "
        "what this operation saved; "
        "to run backward() more than once through the same graph, set "
        "using_config('retain_graph', True) around the earlier ones"
    )
