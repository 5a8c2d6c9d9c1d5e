"""Find the laws of a user's function in its parameters that are varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.laws import extra
from gradmeter.bench.laws.law import Measured, Point, UnmeasurableError
from gradmeter.bench.results.laws import Laws, formula_of
from gradmeter.bench.runs.function_calls import FunctionCalls

SECONDS = 3.0  # that one held-out measurement may be expected to take
MOST_BYTES = 10**9
# NumPy reuses temporary arrays from 256 KiB on: a program is larger than that, if it grows.
SETTLED = 4 * 2**20


@dataclass(frozen=True)
class FoundCalls:
    """The laws of a function, and what was measured."""

    laws: Laws
    measured: Mapping[Point, Measured]


def find(target: str, values: Mapping[str, Sequence[int]], setup: str, limit: float) -> FoundCalls:
    """Find the laws of a function's figures.

    Args:
        target: FILE.py:FUNCTION or package.module:function.
        values: of each parameter, ascending, that laws are found from.
        setup: names what makes the function's arguments from the parameters; empty for none.
        limit: the most seconds that a worker may take for one point.

    Raises:
        UsageError: SymPy is missing, there is no such function, or it takes other parameters.
        WorkerError: the function cannot be measured at the values.
    """
    extra.need()
    from gradmeter.bench.laws import search

    parameters = [search.Parameter(name, tuple(each)) for name, each in values.items()]
    most = min(MOST_BYTES, psutil.virtual_memory().available // 2)
    limits = search.Limits(min(SECONDS, limit), most, SETTLED)
    with FunctionCalls(target, tuple(values), setup, limit) as calls:
        try:
            findings = search.find(parameters, calls.measure, limits)
        except UnmeasurableError as error:
            raise WorkerError("raised", str(error)) from None
    laws = {name: law for name, law in findings.laws.items() if law and name not in calls.unstable}
    held_out = findings.held_out
    reasons = {**findings.reasons, **calls.unstable}
    return FoundCalls(
        Laws(
            program=target,
            parameters=list(values),
            figures={name: formula_of(name, law) for name, law in laws.items()},
            reasons={name: _advised(reason, values) for name, reason in reasons.items()},
            verified={
                name: max(point[i] for point in held_out)
                for i, name in enumerate(values)
                if held_out
            },
        ),
        findings.measured,
    )


def _advised(reason: str, values: Mapping[str, Sequence[int]]) -> str:
    """A reason, and what to do about it."""
    from gradmeter.bench.laws import fit, search

    if "where it has to be verified" in reason:
        return f"{reason}; give --vary smaller values"
    few = [name for name, each in values.items() if len(each) < fit.DEGREE + 2]
    if reason == search.NO_FORMULA and few:
        return (
            f"{reason}; a power of {fit.DEGREE} takes {fit.DEGREE + 2} values of {' or '.join(few)}"
        )
    return reason
