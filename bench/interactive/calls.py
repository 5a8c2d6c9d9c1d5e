"""The door for one call of any function: `gradmeter.measure` and what it displays."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import CodeType
from typing import Any

from gradmeter.bench.errors import UsageError
from gradmeter.bench.interactive.places import watched_by, with_cells_named
from gradmeter.bench.meters import call_lines
from gradmeter.bench.meters.call import Call, Pass, kept
from gradmeter.bench.meters.call import measure as measure_passes
from gradmeter.bench.meters.functions import codes_of, name_of
from gradmeter.bench.meters.line_events import Watches
from gradmeter.bench.report import notebook
from gradmeter.bench.results.growth import FIRST, per_call
from gradmeter.bench.results.lines import Lines
from gradmeter.bench.results.measured_call import MeasuredCall

TWICE = 2  # so that what only a first call does is seen


@dataclass(frozen=True)
class Measurement(MeasuredCall):
    """The exact bytes of a call; a notebook shows them, and the lines at the peak."""

    def __repr__(self) -> str:
        """Return the figures in one line, and what is alive at the peak."""
        return notebook.call_text(self)

    def _repr_html_(self) -> str:
        return notebook.call_html(self)


def measure(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Measurement:
    """Call a function a few times, and return the exact bytes of array data that a call takes.

    It is called twice for the figures, once for its lines and once to explain its peak; five
    times more where it leaves anything behind. The collector is off while it runs, so that what
    reference cycles hold is counted whole; afterwards it is as before. Arguments count only as far
    as the call adds to them.

    Args:
        function: anything that can be called.
        args, kwargs: what it is called with, the same each time.

    Raises:
        UsageError: it cannot be called.
        UnavailableError: tracemalloc is tracing already, or array data cannot be counted.
        DisturbedError: the call stopped tracemalloc.
    """
    if not callable(function):
        raise UsageError(
            f"measure calls a function, and {type(function).__name__} is none: "
            "measure(f, x), not measure(f(x))"
        )
    own = set(codes_of(function))
    files = watched_by(sys._getframe(1).f_globals)

    def watches(code: CodeType, variables: dict[str, Any]) -> bool:
        return code in own or files(code, variables)

    return measure_call(name_of(function), Call(function, args, kwargs), watches)


def measure_call(
    name: str, call: Call, watches: Watches | None = None, *, once: bool = False
) -> Measurement:
    """Measure a call that is prepared.

    Args:
        watches: whose lines to measure, in two more calls; None for no lines.
        once: call once only; then growth is known only of a call that leaves nothing.

    Raises:
        UnavailableError, DisturbedError: as `measure`.
    """
    passes = measure_passes(call, 1 if once else TWICE)
    last, calls = passes[-1], len(passes)
    growth: int | None = 0
    if last.leaked and once:
        growth = None
    elif last.leaked:
        levels = kept(call)
        calls += len(levels)
        growth = per_call(levels[-1] - levels[FIRST - 1])
    return Measurement(
        name=name,
        peak=last.peak,
        held=last.held,
        cycle=last.cycle,
        objects=last.objects,
        left=last.leaked,
        growth=growth,
        calls=calls,
        first=_differing(passes[0], last),
        lines=_lines(call, watches) if watches is not None else None,
    )


def _lines(call: Call, watches: Watches) -> Lines | None:
    return with_cells_named(call_lines.measure(call, watches))


def _differing(first: Pass, last: Pass) -> dict[str, int]:
    ours, theirs = asdict(first), asdict(last)
    return {name: ours[name] for name in ("peak", "held", "cycle") if ours[name] != theirs[name]}
