"""Define-and-run: a function recorded once, and executed as a plan of fused loops."""

from .compiled import Compiled, compile  # noqa: A004
from .execution import Workspace

__all__ = ["Compiled", "Workspace", "compile"]
