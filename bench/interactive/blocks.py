"""The door for a block of a user's own program: `gradmeter.trace` and what it displays."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from gradmeter.bench.interactive.places import watched_by, with_cells_named, without_callers
from gradmeter.bench.meters.line_events import Watches
from gradmeter.bench.report import notebook
from gradmeter.bench.timelines import tracing as programs


class Trace(programs.Trace):
    """A traced block: its timeline and its lines once it has ended; a notebook shows both.

    Attributes:
        timeline: a results.readings.Timeline of the engine's operations; None until the block has
            ended.
        lines: a results.lines.Lines: the bytes of every watched line; None until then.
    """

    def _repr_html_(self) -> str:
        """Return the words and the charts as one output of a notebook."""
        if self.timeline is None:
            return notebook.preformatted(str(self))
        return notebook.trace_html(self.timeline, self.lines)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """Return the report as ``gradmeter trace`` and ``gradmeter lines`` print it."""
        if self.timeline is None:
            return "the traced block has not ended"
        return notebook.trace_text(self.timeline, self.lines)


def trace(include: str | Sequence[str] = ()) -> AbstractContextManager[Trace]:
    """Trace a block: what it does with the engine, in all threads, and the bytes of its lines.

    Watched are the lines of the files of the caller's project, which lie beside the caller's or
    under the nearest pyproject.toml or .git, and the cells of a notebook. If the block raises,
    what was traced until then is kept. Garbage is collected before and after the block; within it,
    the collector's setting is the program's own.

    Args:
        include: patterns of what to watch besides: modules, such as "numpy*", or files, such as
            "src/*.py".

    Returns:
        A context manager that gives a `Trace`.

    Raises:
        UsageError: a pattern of ``include`` names nothing.
        UnavailableError: tracemalloc is tracing already, or array data cannot be counted.
        engine.ObserverError: at the end, if the program stopped tracemalloc.
    """
    return tracing(Trace(), watched_by(sys._getframe(1).f_globals, include))


@contextmanager
def tracing(traced: Trace, watches: Watches) -> Iterator[Trace]:
    """Trace the block and its watched lines into ``traced``; see `trace`."""
    try:
        with programs.tracing(traced, watches):
            yield traced
    finally:
        if traced.lines is not None:
            traced.lines = with_cells_named(without_callers(traced.lines))
