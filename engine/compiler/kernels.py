"""Kernels: the text of a fused loop, compiled by Numba.

Arrays are read and written through small intrinsics that tell LLVM what it cannot derive:
that no written array overlaps another one. It then vectorizes without run-time checks.
Nothing is reassociated or contracted: every operation rounds as NumPy's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..errors import CompilerError
from .source import FLOATS, SCOPES

Kernel = Callable[[int, int, int], None]

_kernels: dict[str, Kernel] = {}
_compile_lock = threading.Lock()  # Numba's compiler is not thread-safe


def compile_kernel(text: str) -> Kernel:
    """Return the kernel of a text, compiled at its first use in the process.

    Raises:
        CompilerError: Numba is not installed, or cannot compile it.
    """
    kernel = _kernels.get(text)
    if kernel is None:
        with _compile_lock:
            kernel = _kernels.get(text)
            if kernel is None:
                kernel = _kernels[text] = _compile(text)
    return kernel


def _compile(text: str) -> Kernel:
    numba = require_numba()
    names = {part.split("(")[0] for part in text.replace("(", "( ").split() if part.endswith("(")}
    namespace = {n: _intrinsic(n) for n in names if "_" in n or n in ("word", "select")}
    namespace.update({dtype: getattr(numba, dtype) for dtype in FLOATS}, sqrt=np.sqrt)
    exec(compile(text, "<fused loop>", "exec"), namespace)
    signature = numba.void(numba.int64, numba.int64, numba.int64)
    options = {"nogil": True, "error_model": "numpy", "boundscheck": False}
    try:
        kernel: Kernel = numba.njit([signature], **options)(namespace["kernel"])
    except Exception as error:
        raise CompilerError(
            f"engine.compile: Numba could not compile a loop ({_summary(error)}); {_advice()}"
        ) from error
    return kernel


def require_numba() -> Any:
    """Return Numba, imported at its first use.

    Raises:
        CompilerError: it is not installed, does not import, or does not compile.
    """
    try:
        import numba
    except Exception as error:  # of any kind: Numba reads its settings while it is imported
        if not _is_missing(error):
            raise CompilerError(
                f"engine.compile needs Numba, which does not import ({_summary(error)}); "
                f"{_advice()}"
            ) from error
        raise CompilerError(
            "engine.compile needs Numba; install it with pip install numba"
        ) from error
    settings: Any = numba.config
    if settings.DISABLE_JIT:
        raise CompilerError(
            "engine.compile needs Numba's compiler, which NUMBA_DISABLE_JIT turns off; unset "
            "NUMBA_DISABLE_JIT, or call the function without engine.compile"
        )
    return numba


def _is_missing(error: Exception) -> bool:
    return isinstance(error, ModuleNotFoundError) and error.name == "numba"


def _summary(error: Exception) -> str:
    """Return an error's type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _advice() -> str:
    """Return what to do about a Numba that does not work: first its settings, then itself."""
    names = ", ".join(sorted(name for name in os.environ if name.startswith("NUMBA_")))
    settings = f"unset {names}, or " if names else ""
    return f"{settings}install versions of Numba and NumPy that fit each other"


@cache
def _intrinsic(name: str) -> Any:
    """Return the intrinsic of this name, by which a kernel reads, writes or selects."""
    numba = require_numba()
    from llvmlite import ir
    from numba.extending import intrinsic

    int64 = numba.int64

    def pointer(builder: Any, dtype: str, address: Any, index: Any) -> Any:
        kind = _memory_type(ir, dtype)
        return builder.gep(builder.inttoptr(address, kind.as_pointer()), [index])

    def scopes(builder: Any, numbers: Sequence[int]) -> Any:
        module = builder.module
        domain = module.add_metadata(["arrays"])
        return module.add_metadata([module.add_metadata([f"array {k}", domain]) for k in numbers])

    if name == "select":

        def select(context: Any, condition: Any, x: Any, y: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                return builder.select(*args)

            return x(numba.boolean, x, x), generate

        return intrinsic(select)

    action, *rest = name.split("_")
    dtype = rest[0] if rest else "int64"
    kind = getattr(numba, "boolean" if dtype == "bool" else dtype)

    if action in ("word", "number"):

        def read(context: Any, table: Any, k: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                stored_type = "int64" if action == "word" else "float64"
                value = builder.load(pointer(builder, stored_type, *args), align=8)
                if dtype == "float32":
                    value = builder.fptrunc(value, ir.FloatType())
                return (
                    builder.fcmp_unordered("!=", value, value.type(0.0))
                    if dtype == "bool"
                    else value
                )

            return kind(int64, int64), generate

        return intrinsic(read)

    if action == "load":

        def load(context: Any, address: Any, index: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                value = builder.load(pointer(builder, dtype, *args), align=1)
                value.set_metadata("noalias", scopes(builder, range(SCOPES)))
                return (
                    builder.icmp_unsigned("!=", value, value.type(0)) if dtype == "bool" else value
                )

            return kind(int64, int64), generate

        return intrinsic(load)

    scope = int(rest[1])

    def store(context: Any, address: Any, index: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            *location, value = args
            if dtype == "bool":
                value = builder.zext(value, ir.IntType(8))
            instruction = builder.store(value, pointer(builder, dtype, *location), align=1)
            if scope < SCOPES:
                instruction.set_metadata("alias.scope", scopes(builder, [scope]))
                other_scopes = [k for k in range(SCOPES) if k != scope]
                instruction.set_metadata("noalias", scopes(builder, other_scopes))
            return context.get_dummy_value()

        return numba.void(int64, int64, kind), generate

    return intrinsic(store)


def _memory_type(ir: Any, dtype: str) -> Any:
    if dtype in FLOATS:
        return ir.FloatType() if dtype == "float32" else ir.DoubleType()
    return ir.IntType(8 * np.dtype(dtype).itemsize)
