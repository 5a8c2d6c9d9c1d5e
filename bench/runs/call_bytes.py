"""Measure the exact bytes of a parked call, and see which of the project's code it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import msgspec

from gradmeter.bench.cases.checkouts import Side
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.results.lines import Lines
from gradmeter.bench.results.readings import Failure, SelfTest
from gradmeter.bench.results.run import CANNOT, Case
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.suites import ParkedCall, prove_origin

change = msgspec.structs.replace


@dataclass
class Exact:
    """What a pass of one call read.

    Attributes:
        case: with its bytes, or a failure.
        digests: of the modules of the project's checkout that it imported, tests included.
        imported: whether any of them belongs to the project's packages.
        note: why there are no bytes of a call that was made; empty where there are.
    """

    case: Case
    digests: Mapping[str, str] = field(default_factory=dict)
    imported: bool = True
    note: str = ""
    self_tests: Sequence[SelfTest] = ()


def exact(
    case: Case,
    side: Side,
    start: AbstractContextManager[ParkedCall],
    layers: Sequence[str] = (),
) -> Exact:
    """Measure a call's bytes at one side, and let its test end.

    Args:
        case: without readings.
        start: a worker on the call, for a block.
        layers: of memory besides array data.

    Raises:
        UsageError: the side's packages are imported from elsewhere.
    """
    stage = "test"
    try:
        with start as worker, readings():
            modules = worker.ready()["origins"]
            prove_origin(side, modules)
            stage = "call"
            try:
                worker.ask("time", loops=1, collector="on")
            except WorkerError as error:
                raise _as_pytest_has_it(worker, error) from None
            found = worker.ask("memory", test=case.workload, layers=list(layers))
            stage = "test"
            ending = worker.finish(timed=True)
            if ending["outcome"] != "passed":
                raise WorkerError(str(ending["outcome"]), str(ending["message"]))
            digests = dict(ending["digests"])
            if "unavailable" in found:
                return Exact(case, digests, bool(modules), str(found["unavailable"]))
            read = msgspec.convert(found["case"], Case)
            return Exact(
                change(
                    read,
                    variant=case.variant,
                    collector=case.collector,
                    allocator=case.allocator,
                    # A call whose bytes have no figure is timed all the same.
                    failure=None,
                    finished=False,
                ),
                digests,
                bool(modules),
                read.failure.message if read.failure else "",
                msgspec.convert(found["self_tests"], list[SelfTest]),
            )
    except WorkerError as error:
        if error.kind == "skipped":
            return Exact(_failed(case, "test", CANNOT, f"it was skipped: {error}"))
        if error.kind == "passed":
            return Exact(_failed(case, "test", CANNOT, str(error)))
        return Exact(_failed(case, stage, error.kind, str(error)))


def lines(side: Side, start: AbstractContextManager[ParkedCall]) -> Lines:
    """Measure the lines of a call at one side.

    Args:
        start: a worker on the call, for a block.

    Raises:
        WorkerError: they cannot be measured.
    """
    with start as worker, readings():
        worker.ready()
        worker.ask("time", loops=1, collector="on")
        return msgspec.convert(worker.ask("lines", folder=str(side.top)), Lines)


def _as_pytest_has_it(worker: ParkedCall, error: WorkerError) -> WorkerError:
    """The error of a call, unless its test is skipped for it, or expects it."""
    if error.kind == "raised":
        try:
            ending = worker.finish(timed=False)
        except WorkerError:
            return error
        if ending.get("outcome") == "skipped":
            return WorkerError("skipped", str(ending.get("message")))
    return error


def _failed(case: Case, stage: str, kind: str, message: str) -> Case:
    return change(case, failure=Failure(stage, kind, message))


def new_at_head(cases: Sequence[Case]) -> list[Case]:
    """Say of a test that fails at the baseline only that it has nothing to be compared with.

    It measures what is new, or mended, so that the fault is none of the others'.

    Args:
        cases: of one call, the baseline's first.
    """
    base, *others = cases
    failure = base.failure
    if failure and failure.kind in ("failed", "raised") and not all(c.failure for c in others):
        base = change(base, failure=Failure(failure.stage, CANNOT, failure.message))
    return [base, *others]
