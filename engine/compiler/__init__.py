"""Define-and-run: a function recorded once, and executed as a plan of fused loops."""

from engine.compiler.compiled import Compiled, compile  # noqa: A004
from engine.compiler.execution import Workspace

__all__ = ["Compiled", "Workspace", "compile"]
