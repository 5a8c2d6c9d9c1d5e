"""The harness: what an engine costs, in bytes and in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.tracing import trace as trace


def __getattr__(name: str) -> Any:
    # Not before it is asked for: the engine that a worker measures may lie elsewhere.
    if name == "trace":
        from bench.tracing import trace

        return trace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
