"""The door for a user's own program or notebook: `gradmeter.trace` and what it displays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import extra
from gradmeter.bench.report import trace as report
from gradmeter.bench.report.files import timeline_html
from gradmeter.bench.timelines import tracing


class Trace(tracing.Trace):
    """A traced block: its timeline once it has ended, displayed in a notebook as charts.

    Attributes:
        timeline: a results.readings.Timeline; None until the block has ended.
    """

    def _repr_html_(self) -> str | None:
        """Return the charts for a notebook; None, for text, where they cannot be drawn."""
        if self.timeline is None or not self.timeline.operations or extra.missing():
            return None
        try:
            return timeline_html(self.timeline)
        except UsageError:
            return None

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """Return the report as ``gradmeter trace`` prints it."""
        if self.timeline is None:
            return "the traced block has not ended"
        with io.StringIO() as text:
            report.show("trace", self.timeline, Console(file=text, width=80, emoji=False))
            return text.getvalue().rstrip()


@contextmanager
def trace() -> Iterator[Trace]:
    """Trace what the block does with the engine, in all threads.

    If the block raises, the timeline until then is kept. Garbage is collected before and
    after the block; within it, the collector's setting is the program's own.

    Raises:
        UnavailableError: tracemalloc is tracing already, or array data cannot be counted.
        engine.ObserverError: at the end, if the program stopped tracemalloc.
    """
    traced = Trace()
    with tracing.tracing(traced):
        yield traced
