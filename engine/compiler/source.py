"""The source of a kernel: a fused loop as text, for Numba.

A kernel is called with the address of a table of 64-bit words and the range of the
outermost axis that it is to compute. The table holds what differs from call to call: the
lengths of the inner axes, each array's address and strides, and the program's constants;
so that equal arithmetic is compiled once, whatever its shapes and constants are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .program import Node

FLOATS = ("float32", "float64")
READABLE = (*FLOATS, "bool", *[f"{u}int{b}" for u in ("", "u") for b in (8, 16, 32, 64)])
SCOPES = 64  # how many written arrays LLVM can distinguish

ARITHMETIC = {  # of floats of one dtype
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "absolute": "abs({0})",
    "sqrt": "sqrt({0})",
    "reciprocal": "{2}(1) / {0}",
    # NumPy's results, also for zeros that differ in sign.
    "maximum": "select(({0} > {1}) | ({0} != {0}), {0}, {1})",
    "minimum": "select(({0} < {1}) | ({0} != {0}), {0}, {1})",
}
COMPARISONS = {
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
}
LOGIC = {
    "logical_and": "{0} & {1}",
    "bitwise_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "bitwise_or": "{0} | {1}",
    "logical_xor": "{0} != {1}",
    "bitwise_xor": "{0} != {1}",
    "logical_not": "{0} == False",
    "invert": "{0} == False",
}


def expression(node: Node, arguments: Sequence[Node]) -> str | None:
    """Return the operation as an expression of {0}, {1} ...; None where no kernel computes it."""
    argument_dtypes = {n.dtype.name for n in arguments if n.dtype.isnative} | {
        "swapped" for n in arguments if not n.dtype.isnative
    }
    result = node.dtype.name if node.dtype.isnative else "swapped"
    operation = node.operation
    if operation in ("cast", "copy"):
        if argument_dtypes <= {*READABLE} and result in (
            FLOATS if operation == "cast" else READABLE
        ):
            return "{2}({0})" if operation == "cast" else "{0}"
        return None
    if operation == "where":
        is_supported = result in (*FLOATS, "bool") and argument_dtypes <= {"bool", result}
        return "select({0}, {1}, {2})" if is_supported else None
    if operation in ARITHMETIC and result in FLOATS and argument_dtypes == {result}:
        return ARITHMETIC[operation].replace("{2}", result)
    if operation in COMPARISONS and argument_dtypes <= {*FLOATS} and len(argument_dtypes) == 1:
        return COMPARISONS[operation]
    return LOGIC.get(operation) if argument_dtypes == {"bool"} == {result} else None


@dataclass(frozen=True, slots=True)
class Operand:
    """An array that a kernel reads or writes.

    Attributes:
        node: the node whose value it holds.
        dtype: its dtype's name.
        inner: its stride along the innermost axis: "unit", "same" (zero) or "step" (another).
        block: whether it holds only the range of the call, not the whole outermost axis.
    """

    node: int
    dtype: str
    inner: str
    block: bool


def source(
    rank: int,
    reads: Sequence[Operand],
    writes: Sequence[Operand],
    constants: Sequence[tuple[int, str]],
    body: Sequence[tuple[int, str]],
) -> str:
    """Return a kernel's text.

    Args:
        rank: the number of axes.
        reads, writes: the arrays, in the order of the table.
        constants: node and dtype of each constant, in the order of the table.
        body: node and expression (of ``v`` with a node's number) of each operation.
    """
    # Numbered by first use, so that equal arithmetic has equal text.
    names: dict[int, str] = {}

    def name(node: int) -> str:
        return names.setdefault(node, f"v{len(names)}")

    lines = ["def kernel(table, start, stop):"]
    word = 0

    def read_word(variable: str) -> None:
        nonlocal word
        lines.append(f"    {variable} = word(table, {word})")
        word += 1

    for axis in range(1, rank):
        read_word(f"n{axis}")
    operands = [*reads, *writes]
    for i, operand in enumerate(operands):
        read_word(f"a{i}_0")
        for axis in range(rank - 1):
            read_word(f"s{i}_{axis}")
        if operand.inner == "step":
            read_word(f"s{i}_{rank - 1}")
        if operand.block:
            size = f"s{i}_0" if rank > 1 else f"{np.dtype(operand.dtype).itemsize}"
            lines.append(f"    a{i}_0 -= start * {size}")
    for node, dtype in constants:
        lines.append(f"    {name(node)} = number_{dtype}(table, {word})")
        word += 1
    indent = "    "
    for axis in range(rank):
        bounds = "start, stop" if axis == 0 else f"0, n{axis}"
        if axis == rank - 1:
            lines += [
                f"{indent}{name(o.node)} = load_{o.dtype}(a{i}_{axis}, 0)"
                for i, o in enumerate(reads)
                if o.inner == "same"
            ]
        lines.append(f"{indent}for i{axis} in range({bounds}):")
        indent += "    "
        if axis < rank - 1:
            lines += [
                f"{indent}a{i}_{axis + 1} = a{i}_{axis} + i{axis} * s{i}_{axis}"
                for i in range(len(operands))
            ]
    last = rank - 1
    for i, o in enumerate(reads):
        if o.inner == "unit":
            lines.append(f"{indent}{name(o.node)} = load_{o.dtype}(a{i}_{last}, i{last})")
        elif o.inner == "step":
            position = f"a{i}_{last} + i{last} * s{i}_{last}"
            lines.append(f"{indent}{name(o.node)} = load_{o.dtype}({position}, 0)")
    for node, text in body:
        for part in sorted(_nodes_in(text), reverse=True):
            text = text.replace(f"@{part}@", name(part))
        lines.append(f"{indent}{name(node)} = {text}")
    for k, o in enumerate(writes):
        position = f"a{len(reads) + k}_{last}, i{last}"
        lines.append(f"{indent}store_{o.dtype}_{min(k, SCOPES)}({position}, {name(o.node)})")
    return "\n".join(lines) + "\n"


def _nodes_in(text: str) -> set[int]:
    return {int(part) for part in text.split("@")[1::2]}
