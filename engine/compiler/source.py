"""The source of a kernel: a fused loop as LLVM's assembly language.

A kernel is called with the address of a table of 64-bit words and the range of the
outermost axis that it is to compute. The table holds what differs from call to call: the
lengths of the inner axes, each array's address and strides, and the program's constants;
so that equal arithmetic is compiled once, whatever its shapes and constants are (but for the
length of a short row).

The innermost axis is a function of its own, whose arguments say what LLVM cannot derive: that
no array that is written overlaps another one. It then vectorizes without run-time checks.
Nothing is reassociated or contracted: every operation rounds as NumPy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .program import Node

FLOATS = ("float32", "float64")
READABLE = (*FLOATS, "bool", *[f"{u}int{b}" for u in ("", "u") for b in (8, 16, 32, 64)])
SHORT_ROW = 128  # elements; of so few, the number decides how to compute them
MANY = 16  # operations; of fewer, LLVM itself decides how many vectors take turns
INTERLEAVED = 4  # vectors
VECTOR_BITS = 512  # at most; LLVM would halve it where wide vectors once slowed a processor's clock

ARITHMETIC = {  # of floats of one dtype
    "add": "fadd {t} {0}, {1}",
    "subtract": "fsub {t} {0}, {1}",
    "multiply": "fmul {t} {0}, {1}",
    "divide": "fdiv {t} {0}, {1}",
    "negative": "fneg {t} {0}",
    "absolute": "call {t} @llvm.fabs.{f}({t} {0})",
    "sqrt": "call {t} @llvm.sqrt.{f}({t} {0})",
    "reciprocal": "fdiv {t} 1.0, {0}",
    # NumPy's results, also for zeros that differ in sign.
    "maximum": "fcmp ogt {t} {0}, {1}; fcmp uno {t} {0}, {0}; or i1 {a}, {b}; "
    "select i1 {c}, {t} {0}, {t} {1}",
    "minimum": "fcmp olt {t} {0}, {1}; fcmp uno {t} {0}, {0}; or i1 {a}, {b}; "
    "select i1 {c}, {t} {0}, {t} {1}",
}
COMPARISONS = {
    "less": "fcmp olt {t} {0}, {1}",
    "less_equal": "fcmp ole {t} {0}, {1}",
    "greater": "fcmp ogt {t} {0}, {1}",
    "greater_equal": "fcmp oge {t} {0}, {1}",
    "equal": "fcmp oeq {t} {0}, {1}",
    "not_equal": "fcmp une {t} {0}, {1}",
}
LOGIC = {
    "logical_and": "and i1 {0}, {1}",
    "bitwise_and": "and i1 {0}, {1}",
    "logical_or": "or i1 {0}, {1}",
    "bitwise_or": "or i1 {0}, {1}",
    "logical_xor": "xor i1 {0}, {1}",
    "bitwise_xor": "xor i1 {0}, {1}",
    "logical_not": "xor i1 {0}, true",
    "invert": "xor i1 {0}, true",
}


def instructions(node: Node, arguments: Sequence[Node]) -> str | None:
    """Return the operation as instructions on {0}, {1} ...; None where no kernel computes it.

    Of several, separated by semicolons, the results but the last are {a}, {b}, {c}; an empty
    text is of a result that is the operand itself.
    """
    return _instructions(node.operation, node.dtype, tuple([n.dtype for n in arguments]))


@cache  # a dtype's name takes long to compute
def _instructions(
    operation: str, dtype: np.dtype[Any], operands: tuple[np.dtype[Any], ...]
) -> str | None:
    argument_dtypes = {d.name if d.isnative else "swapped" for d in operands}
    result = dtype.name if dtype.isnative else "swapped"
    types = {"t": _value_type(result), "f": f"f{8 * dtype.itemsize}"}
    text: str | None = None
    if operation == "copy" and argument_dtypes <= {*READABLE} and result in READABLE:
        return ""
    if operation == "cast" and argument_dtypes <= {*READABLE} and result in FLOATS:
        return _conversion(operands[0], dtype)
    if operation == "where":
        if result in (*FLOATS, "bool") and argument_dtypes <= {"bool", result}:
            text = "select i1 {0}, {t} {1}, {t} {2}"
    elif operation in ARITHMETIC and result in FLOATS and argument_dtypes == {result}:
        text = ARITHMETIC[operation]
    elif operation in COMPARISONS and argument_dtypes <= {*FLOATS} and len(argument_dtypes) == 1:
        text, types = COMPARISONS[operation], {"t": _value_type(operands[0].name)}
    elif argument_dtypes == {"bool"} == {result}:
        text = LOGIC.get(operation)
    if text is not None:
        for name, value in types.items():
            text = text.replace(f"{{{name}}}", value)
    return text


def _conversion(source: np.dtype[np.generic], result: np.dtype[np.generic]) -> str:
    """Return the conversion to a float."""
    if source == result:
        return ""
    if source.kind == "f":
        name = "fpext" if source.itemsize < result.itemsize else "fptrunc"
    else:
        name = "sitofp" if source.kind == "i" else "uitofp"
    return f"{name} {_value_type(source.name)} {{0}} to {_value_type(result.name)}"


def _memory_type(dtype: str) -> str:
    if dtype in FLOATS:
        return "float" if dtype == "float32" else "double"
    return f"i{8 * np.dtype(dtype).itemsize}"


def _value_type(dtype: str) -> str:
    return "i1" if dtype == "bool" else _memory_type(dtype) if dtype in READABLE else "void"


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


class _Lines:
    """The instructions of a function, under construction."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0

    def add(self, instruction: str) -> str:
        """Add an instruction; return the name of its result."""
        self._count += 1
        self.lines.append(f"  %x{self._count} = {instruction}")
        return f"%x{self._count}"

    def offset(self, address: str, index: str, step: str) -> str:
        """Add a number of steps, in bytes, to an address."""
        distance = self.add(f"mul i64 {index}, {step}")
        return self.add(f"getelementptr i8, ptr {address}, i64 {distance}")

    def load(self, dtype: str, array: str, index: str) -> str:
        """Load an element of an array as a value."""
        kind = _memory_type(dtype)
        place = self.add(f"getelementptr inbounds {kind}, ptr {array}, i64 {index}")
        value = self.add(f"load {kind}, ptr {place}, align 1")
        return self.add(f"icmp ne i8 {value}, 0") if dtype == "bool" else value

    def store(self, dtype: str, array: str, index: str, value: str) -> None:
        """Store a value as an element of an array."""
        kind = _memory_type(dtype)
        if dtype == "bool":
            value = self.add(f"zext i1 {value} to i8")
        place = self.add(f"getelementptr inbounds {kind}, ptr {array}, i64 {index}")
        self.lines.append(f"  store {kind} {value}, ptr {place}, align 1")


Body = Sequence[tuple[int, tuple[int, ...], str]]


def source(
    lengths: Sequence[int],
    reads: Sequence[Operand],
    writes: Sequence[Operand],
    in_place: Sequence[tuple[int, int]],
    constants: Sequence[tuple[int, str]],
    body: Body,
) -> str:
    """Return a kernel's text: the same for equal arithmetic.

    Args:
        lengths: of the axes; in the text is the last one's, where it is short and not the only one.
        reads, writes: the arrays, in the order of the table.
        in_place: nodes that are written over an array that is read, each with that one's index.
        constants: node and dtype of each constant, in the order of the table.
        body: node, operands and instructions of each operation, in order.
    """
    operands = [*reads, *writes]
    parameters = ["i64 %n"]
    for i, operand in enumerate(operands):
        parameters.append(f"ptr noalias %a{i}")
        if operand.inner == "step":
            parameters.append(f"i64 %s{i}")
    parameters += [f"{_value_type(dtype)} %c{k}" for k, (_, dtype) in enumerate(constants)]
    lines = [
        "define void @kernel(ptr %table, i64 %start, i64 %stop) #0 {",
        "entry:",
        *_axes(len(lengths), lengths[-1], operands, [dtype for _, dtype in constants]),
        "}",
        f"define internal void @inner({', '.join(parameters)}) #0 {{",
        *_innermost(reads, writes, in_place, [node for node, _ in constants], body),
        "}",
        *[
            f"declare {kind} @llvm.{name}.{suffix}({kind})"
            for name in ("fabs", "sqrt")
            for kind, suffix in (("float", "f32"), ("double", "f64"))
        ],
        f'attributes #0 = {{ nounwind "prefer-vector-width"="{VECTOR_BITS}" }}',
        f"!0 = distinct !{{!0, !1{', !2' * _waits(body)}}}",
        '!1 = !{!"llvm.loop.unroll.disable"}',  # vectors first, also where the length is known
        f'!2 = !{{!"llvm.loop.interleave.count", i32 {INTERLEAVED}}}',
    ]
    return "\n".join(lines) + "\n"


def _waits(body: Body) -> bool:
    """Whether most operations wait for the one before them, so that vectors should take turns."""
    depth: dict[int, int] = {}
    for node, numbers, _ in body:
        depth[node] = 1 + max([depth.get(n, 0) for n in numbers])
    return len(body) > MANY and 2 * max(depth.values()) > len(body)


def _axes(rank: int, row: int, operands: Sequence[Operand], constants: Sequence[str]) -> list[str]:
    """Return the loops over the outer axes, around the call for the innermost one."""
    code = _Lines()
    words = 0

    def word(kind: str = "i64") -> str:
        nonlocal words
        place = code.add(f"getelementptr i64, ptr %table, i64 {words}")
        words += 1
        return code.add(f"load {kind}, ptr {place}, align 8")

    lengths = [code.add("sub i64 %stop, %start"), *[word() for _ in range(1, rank)]]
    if rank > 1 and row <= SHORT_ROW:
        lengths[-1] = str(row)
    addresses: list[str] = []
    steps: list[list[str]] = []
    for operand in operands:
        address = word("ptr")
        steps.append([word() for _ in range(rank - 1 + (operand.inner == "step"))])
        if operand.inner != "step":
            size = np.dtype(operand.dtype).itemsize
            steps[-1].append(str(size) if operand.inner == "unit" else "0")
        if not operand.block:
            address = code.offset(address, "%start", steps[-1][0])
        addresses.append(address)
    values = []
    for dtype in constants:
        value = word("double")
        if dtype == "float32":
            value = code.add(f"fptrunc double {value} to float")
        elif dtype == "bool":
            value = code.add(f"fcmp une double {value}, 0.0")
        values.append(f"{_value_type(dtype)} {value}")
    for axis in range(rank - 1):
        before, around = ("entry", "") if axis == 0 else (f"body{axis - 1}", f"latch{axis - 1}")
        code.lines += [
            f"  br label %head{axis}",
            f"head{axis}:",
            f"  %i{axis} = phi i64 [ 0, %{before} ], [ %n{axis}, %latch{axis} ]",
            f"  %more{axis} = icmp slt i64 %i{axis}, {lengths[axis]}",
            f"  br i1 %more{axis}, label %body{axis}, label %exit{axis}",
            f"exit{axis}:",
            f"  br label %{around}" if around else "  ret void",
            f"latch{axis}:",
            f"  %n{axis} = add nuw nsw i64 %i{axis}, 1",
            f"  br label %head{axis}",
            f"body{axis}:",
        ]
        addresses = [
            code.offset(address, f"%i{axis}", step[axis])
            for address, step in zip(addresses, steps, strict=True)
        ]
    arguments = [f"i64 {lengths[-1]}"]
    for operand, address, step in zip(operands, addresses, steps, strict=True):
        arguments.append(f"ptr {address}")
        if operand.inner == "step":
            arguments.append(f"i64 {step[-1]}")
    code.lines.append(f"  call void @inner({', '.join([*arguments, *values])})")
    code.lines.append(f"  br label %latch{rank - 2}" if rank > 1 else "  ret void")
    return code.lines


def _innermost(
    reads: Sequence[Operand],
    writes: Sequence[Operand],
    in_place: Sequence[tuple[int, int]],
    constants: Sequence[int],
    body: Body,
) -> list[str]:
    """Return the loop over the innermost axis."""
    code = _Lines()
    values = {node: f"%c{k}" for k, node in enumerate(constants)}
    code.lines += [
        "  %any = icmp sgt i64 %n, 0",
        "  br i1 %any, label %first, label %end",
        "first:",
    ]
    for i, o in enumerate(reads):
        if o.inner == "same":
            values[o.node] = code.load(o.dtype, f"%a{i}", "0")
    code.lines += ["  br label %loop", "loop:", "  %i = phi i64 [ 0, %first ], [ %next, %loop ]"]
    for i, o in enumerate(reads):
        if o.inner == "unit":
            values[o.node] = code.load(o.dtype, f"%a{i}", "%i")
        elif o.inner == "step":
            values[o.node] = code.load(o.dtype, code.offset(f"%a{i}", "%i", f"%s{i}"), "0")
    for node, numbers, text in body:
        operands = [values[n] for n in numbers]
        results: dict[str, str] = {}
        for name, instruction in zip("abcd", text.split("; ") if text else (), strict=False):
            results[name] = code.add(instruction.format(*operands, **results))
        values[node] = results[max(results)] if results else operands[0]
    for k, o in enumerate(writes, len(reads)):
        code.store(o.dtype, f"%a{k}", "%i", values[o.node])
    for k, node in in_place:
        code.store(reads[k].dtype, f"%a{k}", "%i", values[node])
    code.lines += [
        "  %next = add nuw nsw i64 %i, 1",
        "  %more = icmp slt i64 %next, %n",
        "  br i1 %more, label %loop, label %end, !llvm.loop !0",
        "end:",
        "  ret void",
    ]
    return code.lines
