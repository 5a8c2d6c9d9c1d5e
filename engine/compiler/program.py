"""The recorded program: straight-line array code as data, and the builder that simplifies it.

Simplification happens as nodes are added, so that the program never holds
common subexpressions; every rule is exact in IEEE arithmetic (signed zeros and infinities
included; of a nan, its payload is not kept). Nodes that no output needs are dropped at the
end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Kind = Literal["input", "constant", "array", "elementwise", "reduce", "matmul", "view"]

COMMUTATIVE = frozenset({"add", "multiply", "logical_and", "logical_or"})


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the program.

    Attributes:
        kind: "input" and "array" (a baked array) are given; "constant" is one number in
            every place; "elementwise", "reduce" and "matmul" are computed; a "view" shows
            another node's memory.
        operation: the ufunc's name, or "where", "cast", "copy"; for a view "reshape",
            "transpose", "index" or "broadcast".
        arguments: the nodes it takes, by number; of an elementwise one, broadcast.
        shape, dtype: of the value.
        detail: what the operation needs besides: an input's or array's number, a constant's
            bytes, a reduction's axes, a view's parameter.
        place: the user's file and line, for display; nodes that differ only in it are equal.
    """

    kind: Kind
    operation: str
    arguments: tuple[int, ...]
    shape: Shape
    dtype: np.dtype[Any]
    detail: Hashable = None
    place: str = field(default="", compare=False)

    def with_arguments(self, arguments: tuple[int, ...], place: str) -> Node:
        """Return the node with these arguments and this place; `replace` takes longer."""
        return Node(
            self.kind, self.operation, arguments, self.shape, self.dtype, self.detail, place
        )

    @property
    def bytes(self) -> int:
        """The bytes of the value as an array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def index(self) -> int:
        """The number of the input or baked array."""
        assert isinstance(self.detail, int)
        return self.detail

    @property
    def number(self) -> Array:
        """A constant's number, as a 0-d array."""
        assert isinstance(self.detail, bytes)
        return np.frombuffer(self.detail, self.dtype)[0:1].reshape(())


@dataclass(frozen=True, slots=True)
class Program:
    """Nodes, each after its arguments, and the numbers of the results.

    Attributes:
        nodes: the nodes.
        arrays: the baked arrays, read-only, that "array" nodes number.
        outputs: the results, by node.
    """

    nodes: tuple[Node, ...]
    arrays: tuple[Array, ...]
    outputs: tuple[int, ...]

    def equals(self, other: Program) -> bool:
        """Whether two programs are the same, to the last bit of their baked arrays."""
        return (
            self.nodes == other.nodes
            and self.outputs == other.outputs
            and all(
                a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
                for a, b in zip(self.arrays, other.arrays, strict=True)
            )
        )


class Builder:
    """A program under construction: each method returns the number of a new or equal node.

    Args:
        place: returns the user's file and line that the next node comes from.
    """

    def __init__(self, place: Callable[[], str] = str) -> None:
        self.nodes: list[Node] = []
        self.arrays: list[Array] = []
        self._numbers: dict[Node, int] = {}
        self._place = place

    def add(self, node: Node) -> int:
        """Return the number of this node, which is added unless an equal one exists."""
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self.nodes)
            self.nodes.append(node.with_arguments(node.arguments, self._place()))
        return number

    def input(self, index: int, shape: Shape, dtype: np.dtype[Any]) -> int:
        """Add argument number ``index``."""
        return self.add(Node("input", "input", (), shape, dtype, index))

    def constant(self, value: Any, shape: Shape, dtype: np.dtype[Any]) -> int:
        """Add an array that is one number in every place."""
        data = np.asarray(value).astype(dtype).tobytes()
        return self.add(Node("constant", "constant", (), shape, dtype, data))

    def array(self, array: Array) -> int:
        """Add a baked array; one that is a single number everywhere becomes a constant."""
        if array.size and all(
            step == 0 or n == 1 for step, n in zip(array.strides, array.shape, strict=True)
        ):
            return self.constant(array[(0,) * array.ndim], array.shape, array.dtype)
        if array.size and array.tobytes() == array.flat[0].tobytes() * array.size:
            return self.constant(array.flat[0], array.shape, array.dtype)
        self.arrays.append(array)
        detail = len(self.arrays) - 1
        return self.add(Node("array", "array", (), array.shape, array.dtype, detail))

    def cast(self, number: int, dtype: np.dtype[Any]) -> int:
        """Convert a node to another dtype."""
        node = self.nodes[number]
        if node.dtype == dtype:
            return number
        if node.kind == "constant":
            with np.errstate(all="ignore"):
                return self.constant(node.number.astype(dtype), node.shape, dtype)
        return self.add(Node("elementwise", "cast", (number,), node.shape, dtype))

    def elementwise(
        self, operation: str, arguments: Sequence[int], shape: Shape, dtype: np.dtype[Any]
    ) -> int:
        """Add an operation on broadcast arguments of the dtypes that it computes in."""
        nodes = [self.nodes[n] for n in arguments]
        if all(node.kind == "constant" for node in nodes):
            with np.errstate(all="ignore"):
                value = numpy_function(operation)(*[node.number for node in nodes])
            return self.constant(value, shape, dtype)
        numbers = [
            self.constant(node.number, (), node.dtype) if node.kind == "constant" else n
            for n, node in zip(arguments, nodes, strict=True)
        ]
        if operation in ("multiply", "divide") and dtype.kind == "f":
            # Signs move outwards, to where an addition becomes a subtraction.
            signs = [self.nodes[n].operation == "negative" for n in numbers]
            if any(signs):
                positives = [
                    self.nodes[n].arguments[0] if sign else n
                    for n, sign in zip(numbers, signs, strict=True)
                ]
                number = self.elementwise(operation, positives, shape, dtype)
                return (
                    number if all(signs) else self.elementwise("negative", [number], shape, dtype)
                )
        simplified = self._simplify(operation, numbers, dtype)
        if isinstance(simplified, int):
            return self.broadcast(simplified, shape)
        operation, numbers = simplified
        if operation in COMMUTATIVE:
            numbers.sort()
        return self.add(Node("elementwise", operation, tuple(numbers), shape, dtype))

    def _simplify(
        self, operation: str, numbers: list[int], dtype: np.dtype[Any]
    ) -> int | tuple[str, list[int]]:
        """Return the argument that equals the result, or else the simplest equal operation."""
        if operation == "positive":
            return numbers[0]
        if operation == "where" and self.nodes[numbers[0]].kind == "constant":
            return numbers[1 if self.nodes[numbers[0]].number else 2]
        if operation == "square" and dtype.kind == "f":
            return "multiply", [numbers[0], numbers[0]]
        if operation == "negative" and self.nodes[numbers[0]].operation == "negative":
            return self.nodes[numbers[0]].arguments[0]
        if operation == "multiply":
            left, right = numbers
            for factor, other in ((left, right), (right, left)):
                if self._is(factor, 1):
                    return other
                if self._is(factor, 2) and dtype.kind == "f":
                    return "add", [other, other]
                if self._is(factor, -1) and dtype.kind == "f":
                    return self._simplify_negative(other)
        if operation == "divide" and self._is(numbers[1], 1):
            return numbers[0]
        if operation in ("add", "subtract") and dtype.kind == "f":
            left, right = numbers
            if self.nodes[right].operation == "negative":
                opposite = "subtract" if operation == "add" else "add"
                return opposite, [left, self.nodes[right].arguments[0]]
            if operation == "add" and self.nodes[left].operation == "negative":
                return "subtract", [right, self.nodes[left].arguments[0]]
        return operation, numbers

    def _simplify_negative(self, number: int) -> int | tuple[str, list[int]]:
        node = self.nodes[number]
        return node.arguments[0] if node.operation == "negative" else ("negative", [number])

    def _is(self, number: int, value: int) -> bool:
        node = self.nodes[number]
        return node.kind == "constant" and bool(node.number == value)

    def reduce(
        self, operation: str, number: int, axes: tuple[int, ...], dtype: np.dtype[Any]
    ) -> int:
        """Add a ufunc's reduction over some axes (non-negative, sorted), which are removed."""
        shape = self.nodes[number].shape
        reduced_shape = tuple(n for i, n in enumerate(shape) if i not in axes)
        return self.add(Node("reduce", operation, (number,), reduced_shape, dtype, axes))

    def matmul(self, left: int, right: int, shape: Shape, dtype: np.dtype[Any]) -> int:
        """Add a matrix product, as np.matmul computes it; of one column and one row, products."""
        shapes = self.nodes[left].shape, self.nodes[right].shape
        if shapes[0][-1] == 1 and min(map(len, shapes)) > 1:
            return self.elementwise("multiply", [left, right], shape, dtype)
        return self.add(Node("matmul", "matmul", (left, right), shape, dtype))

    def view(self, operation: str, number: int, detail: Any) -> int:
        """Add a view of a node; see `apply_view`."""
        node = self.nodes[number]
        # An array that takes no memory: only the shape is needed.
        template = np.broadcast_to(np.zeros((), node.dtype), node.shape)
        shape = apply_view(operation, detail, template).shape
        if shape == node.shape and operation in ("reshape", "broadcast"):
            return number
        if node.kind == "constant":
            return self.constant(node.number, shape, node.dtype)
        return self.add(Node("view", operation, (number,), shape, node.dtype, _hashable(detail)))

    def broadcast(self, number: int, shape: Shape) -> int:
        """Broadcast a node to a shape."""
        return self.view("broadcast", number, shape)

    def finish(self, outputs: Sequence[int]) -> Program:
        """Return the program of the nodes that the outputs need, renumbered."""
        needed = set(outputs)
        for number in range(len(self.nodes) - 1, -1, -1):
            if number in needed:
                needed.update(self.nodes[number].arguments)
        new_numbers: dict[int, int] = {}
        nodes: list[Node] = []
        arrays: list[Array] = []
        for number in sorted(needed):
            node = self.nodes[number]
            if node.kind == "array":
                arrays.append(self.arrays[node.index])
                node = replace(node, detail=len(arrays) - 1)
            new_numbers[number] = len(nodes)
            arguments = tuple([new_numbers[n] for n in node.arguments])
            nodes.append(node.with_arguments(arguments, node.place))
        return Program(tuple(nodes), tuple(arrays), tuple([new_numbers[n] for n in outputs]))


def numpy_function(operation: str) -> Callable[..., Any]:
    """Return the NumPy function that computes an elementwise operation."""
    if operation == "where":
        return np.where
    if operation == "copy":
        return np.positive
    function: Callable[..., Any] = getattr(np, operation)
    return function


def apply_view(operation: str, detail: Any, array: Array) -> Array:
    """Return the view of an array that a view node describes."""
    if operation == "reshape":
        return array.reshape(detail)
    if operation == "transpose":
        return array.transpose(detail)
    if operation == "broadcast":
        return np.broadcast_to(array, detail)
    index = tuple(slice(*part[1:]) if isinstance(part, tuple) else part for part in detail)
    return array[index + (...,) * (Ellipsis not in index)]  # an array, never a scalar


def _hashable(detail: Any) -> Hashable:
    return tuple(detail) if isinstance(detail, list) else detail
