"""Measure a call where the process that made it cannot see it: in forked copies of it.

The forked process freezes its heap first, so that the collections of the meter look at what the
call makes and at nothing else. Only a call that leaves bytes behind, which an older object could
hold in a cycle, is measured once more with full collections.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from gradmeter.bench.meters import call as call_meter
from gradmeter.bench.meters import call_layers, forked, selftest
from gradmeter.bench.meters.allocations import PASSES, counting
from gradmeter.bench.meters.call import Call, Pass, call_and_drop, measure
from gradmeter.bench.meters.cycles import collector_off, debugging_off
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.results.growth import CALLS
from gradmeter.bench.results.readings import Layer, Resident, SelfTest

# A forked process is killed after the one, and the other times the seconds of a call.
LEAST_SECONDS = 10.0
_FEW_BLOCKS = 2_000  # of array data
LONGER = 50  # eight calls at most, up to five times slower while they are traced


@dataclass(frozen=True)
class Measured:
    """What the passes of one call read.

    Attributes:
        passes: the bytes of array data of each pass.
        kept: bytes alive after each of as many further calls in one window, collections
            included; empty for a call that leaves nothing behind.
        resident: of a pass of its own; None where the resident peak cannot be reset.
        self_tests: of the forked process.
        layers: what was read in other layers of memory, by name.
    """

    passes: list[Pass]
    kept: list[int]
    resident: Resident | None
    self_tests: list[SelfTest]
    layers: dict[str, Layer] = field(default_factory=dict)


def measure_unseen(call: Call, seconds: float, layers: Sequence[str] = ()) -> Measured:
    """Measure a call in forked processes; see `forked.run`.

    Args:
        seconds: after which a forked process is killed.
        layers: of memory besides array data, see `call_layers`.

    Raises:
        UnavailableError: array data cannot be counted here, or not in a forked process.
        RaisedError, VisibleActionError, NoAnswerError: as `forked.run` raises them.
    """
    with counting():
        pass  # raises here what it would raise there
    measured = _run(partial(_frozen, call), seconds)
    if any(each.leaked for each in measured.passes):
        whole = _run(partial(_whole, call), seconds)
        measured = replace(whole, resident=measured.resident)
    read = {layer: call_layers.measure(call, layer, seconds) for layer in layers}
    return replace(measured, layers=read)


def measure_apart(call: Call, seconds: float) -> Measured:
    """Measure a call that may be made once only: each time in a forked process of its own.

    Args:
        seconds: after which a forked process is killed.

    Raises:
        UnavailableError, RaisedError, VisibleActionError, NoAnswerError: as `measure_unseen`.
    """
    with counting():
        pass
    read = [_run(partial(_single, call, frozen=True), seconds) for _ in range(PASSES)]
    if any(each.leaked for measured in read for each in measured.passes):
        read = [_run(partial(_single, call, frozen=False), seconds) for _ in range(PASSES)]
    passes = [each for measured in read for each in measured.passes]
    return Measured(passes, kept=[], resident=None, self_tests=read[0].self_tests)


def longest(seconds: float) -> float:
    """The seconds after which a process that measures a call is killed.

    Args:
        seconds: that one call takes, at most.
    """
    return LEAST_SECONDS + LONGER * seconds


def _run(function: Callable[[], dict[str, Any]], seconds: float) -> Measured:
    try:
        answer = forked.run(partial(_trusted, function), seconds)
    except forked.NoForkError as error:
        raise UnavailableError(str(error)) from None
    except forked.RaisedError as error:
        if error.kind == UnavailableError.__name__:
            raise UnavailableError(error.message) from None
        raise
    return Measured(
        passes=[Pass(**each) for each in answer["passes"]],
        kept=answer["kept"],
        resident=Resident(**answer["resident"]) if answer["resident"] else None,
        self_tests=[SelfTest(**each) for each in answer["self_tests"]],
    )


def _trusted(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Call a function if the meter passes its self-tests in this process.

    Raises:
        UnavailableError: a self-test fails.
    """
    gc.freeze()
    tests = selftest.run(selftest.EXACT)
    for test in (SelfTest(**each) for each in tests):
        if not test.passed:
            raise UnavailableError(
                f"the meter fails its self-test, {test.name}"
                + (f": {test.problem}" if test.problem else "")
            )
    return {"self_tests": tests, **function()}


def _frozen(call: Call) -> dict[str, Any]:
    """Measure array data, and resident memory in the last pass, or in one of its own.

    Most of what measuring takes is the calls, of which this saves one. But tracing keeps about
    100 bytes of its own for each block of array data, which would be resident too.
    """
    watched = call_meter.Resident()
    passes = measure(call, resident=watched)
    number = passes[-1].number
    if number is None or number > _FEW_BLOCKS:
        watched = call_meter.Resident()
        args, kwargs = call.arguments()
        with collector_off():
            with watched.watching():
                result = call.target(*args, **kwargs)
            if call.teardown is not None:
                call.teardown(*args, **kwargs)
            del result, args, kwargs
    resident = None if watched.peak is None else {"peak": watched.peak, "held": watched.held}
    return {"passes": [asdict(each) for each in passes], "kept": [], "resident": resident}


def _whole(call: Call) -> dict[str, Any]:
    gc.unfreeze()
    passes = [asdict(each) for each in measure(call)]
    gc.freeze()
    return {"passes": passes, "kept": _kept(call), "resident": None}


def _single(call: Call, *, frozen: bool) -> dict[str, Any]:
    if not frozen:
        gc.unfreeze()
    return {"passes": [asdict(each) for each in measure(call, 1)], "kept": [], "resident": None}


def _kept(call: Call) -> list[int]:
    """Read the bytes that are alive after each of a few calls, in one window.

    What a call replaces of the call before is freed in this window, so the bytes grow only where
    each call adds to what the ones before left.
    """
    kept = []
    with debugging_off(), collector_off(), counting() as count:
        for _ in range(CALLS):
            call_and_drop(call)
            gc.collect()
            kept.append(count.live)
    return kept
