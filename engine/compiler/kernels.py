"""Kernels: the text of a fused loop, compiled by LLVM."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import get_data
from typing import Any

from ..errors import CompilerError
from . import kept_kernels

Kernel = Callable[[int, int, int], None]

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

_kernels: dict[str, Kernel] = {}
_engines: list[Any] = []  # they own the kernels' machine code
_compile_lock = threading.Lock()


def compile_kernel(text: str) -> Kernel:
    """Return the kernel of a text, compiled at its first use in the process.

    Raises:
        CompilerError: llvmlite is not installed, or cannot compile it.
    """
    kernel = _kernels.get(text)
    if kernel is None:
        with _compile_lock:
            kernel = _kernels.get(text)
            if kernel is None:
                kernel = _kernels[text] = load(_object_file(text))
    return kernel


def _object_file(text: str) -> bytes:
    """Return the object file of a text: the one kept on disk, or a new one, which is kept."""
    key = b"\0".join([text.encode(), *_compiler_key()])
    kept = kept_kernels.read(key)
    if kept is None:
        kept = emit(text)
        kept_kernels.write(key, kept)
    return kept


@cache
def _compiler_key() -> tuple[bytes, ...]:
    """Return what decides about an object file besides its text: the compiler and its options."""
    llvm, machine = require_llvm(), _machine()
    llvmlite: Any = import_module("llvmlite")
    target = [machine.triple, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    versions = [llvmlite.__version__, *map(str, llvm.llvm_version_info)]
    options = get_data(__name__.rpartition(".")[0], "kernels.py")  # this file has them
    return (options or b"", *[part.encode() for part in (*target, *versions)])


def emit(text: str) -> bytes:
    """Compile a text to an object file for this processor.

    Raises:
        CompilerError: llvmlite is not installed, or cannot compile it.
    """
    llvm, machine = require_llvm(), _machine()
    try:
        module = llvm.parse_assembly(text)
        tuning = llvm.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_vectorization = True
        builder = llvm.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
        compiled: bytes = machine.emit_object(module)
    except Exception as error:
        raise CompilerError(
            f"engine.compile: LLVM could not compile a loop ({_summary(error)}); {_ADVICE}"
        ) from error
    return compiled


def load(compiled: bytes) -> Kernel:
    """Load an object file that `emit` made; its kernel stays until the process ends."""
    llvm = require_llvm()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(compiled))
    engine.finalize_object()
    _engines.append(engine)
    return _SIGNATURE(engine.get_function_address("kernel"))


def require_llvm() -> Any:
    """Return llvmlite's binding of LLVM, imported at its first use.

    Raises:
        CompilerError: it is not installed, or does not import.
    """
    try:
        import llvmlite.binding as llvm
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("llvmlite"):
            raise CompilerError(
                "engine.compile needs llvmlite; install it with pip install llvmlite"
            ) from error
        raise CompilerError(
            f"engine.compile needs llvmlite, which does not import ({_summary(error)}); {_ADVICE}"
        ) from error
    return llvm


@cache
def _machine() -> Any:
    """Return the target: this processor, with all of its instructions."""
    llvm = require_llvm()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        jit=True,
        reloc="pic",
        codemodel="jitdefault",
    )


_ADVICE = "install llvmlite 0.45 or later"


def _summary(error: Exception) -> str:
    """Return an error's type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
