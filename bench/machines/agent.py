"""The process on a worker's machine that measures: the ordinary runner, for one client.

start_worker.py runs it, started by a Dask worker (see slot.py). It reads a request a line from
standard input and writes steps to standard output. It ends when its standard input does, whatever
it is doing, and when there was nothing to do for a while.
"""

from __future__ import annotations

import os
import platform
import queue
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import msgspec
import psutil

from gradmeter.bench import engines, loading, session, workloads
from gradmeter.bench.cases.interpreters import grounds
from gradmeter.bench.cases.plan import Group, check, check_fits
from gradmeter.bench.cases.revisions import Revision
from gradmeter.bench.cases.stale import remove_stale_folders
from gradmeter.bench.cases.variants import Variant, parse
from gradmeter.bench.errors import UsageError
from gradmeter.bench.loading import described
from gradmeter.bench.machines import shipping
from gradmeter.bench.machines.messages import Description, Planned, Request, Shipment, Step
from gradmeter.bench.meters import instructions
from gradmeter.bench.results import environment
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.runner import Runner
from gradmeter.bench.runs.ties import adopt_orphans

IDLE = 60.0  # seconds without a request after which the process ends

change = msgspec.structs.replace


class Measuring:
    """One way to measure, with its runner: as a local run of this machine's groups."""

    def __init__(self, request: Request, revisions: Sequence[Revision], steps: IO[bytes]) -> None:
        self._steps = steps
        self._sent: dict[tuple[str, int, str], Case] = {}
        self._notes = 0
        self._title = ""
        record = Record(session.empty(request.options), self._send, lambda _f, _s: None)
        record.run = change(record.run, self_tests=request.checked or [])
        cores = environment.cores()
        first = request.place % len(cores)
        ways = {revision.label: session.way(revision) for revision in revisions}
        self.runner: Runner = session.runner(record, [*cores[first:], *cores[:first]], ways)

    def describe(self, groups: Sequence[Group]) -> Description:
        """Describe this machine, and test its meters."""
        if self.runner.options.instructions:
            instructions.require()
        packages = grounds(groups)
        self.runner.test(groups)
        return Description(
            identity=_identity(),
            host=platform.node(),
            sources=shipping.sources(),
            environment=environment.describe(),
            grounds=packages,
            self_tests=self.runner.run.self_tests,
        )

    def measure(self, group: Group, request: Request) -> None:
        """Measure a group, with a step for each of its passes."""
        self._title = group.title
        check_fits([group], psutil.virtual_memory().available)
        record = self.runner.record
        record.run = change(record.run, comparisons=[*record.run.comparisons, *request.comparisons])
        self.runner.measure_group(group)
        write(self._steps, Step(ended=True))

    def _send(self, run: Run) -> None:
        """Send what is new in the run."""
        cases = [c for c in run.cases if self._sent.get(c.key) is not c]
        notes = run.notes[self._notes :]
        self._sent |= {case.key: case for case in cases}
        self._notes = len(run.notes)
        if cases or notes:
            write(self._steps, Step(cases=cases, notes=notes, spent=run.spent.get(self._title)))


def write(steps: IO[bytes], step: Step) -> None:
    """Write a step as a line."""
    steps.write(msgspec.json.encode(step) + b"\n")
    steps.flush()


def group_of(planned: Planned, sent: Shipment, top: Path) -> Group:
    """Make a group again from its names.

    Args:
        sent: the shipment that it is a part of.
        top: the folder that this was laid out in.

    Raises:
        UsageError: a workload or an engine is missing here, or does not load.
    """
    text = planned.workload
    workload = workloads.get(str(top / text) if workloads.is_in_file(text) else text)
    check(workload, planned.size)
    return Group(
        workload,
        planned.size,
        tuple(
            _labelled(parse(variant), label, sent)
            for variant, label in zip(planned.variants, planned.labels, strict=True)
        ),
    )


def _labelled(variant: Variant, label: str, sent: Shipment) -> Variant:
    """A variant of a revision, whose packages come from a checkout; itself without a label."""
    if not label:
        return variant
    engine = variant.engine
    if sent.packages[engine.name]:  # as engine_revisions.py has it on the client
        packages = tuple(sent.packages[engine.name])
        engine = replace(engine, packages=packages, distributions=())
    return replace(variant, engine=engine, label=label)


def _identity() -> str:
    """What tells one machine from another: containers of one machine are one machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return platform.node()


def _requests() -> queue.SimpleQueue[bytes]:
    """A queue of the lines of standard input, at whose end the process exits at once."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def main() -> None:
    """Serve requests until standard input ends, or none comes for a while."""
    adopt_orphans()
    steps = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what user code prints must not stand between the steps
    lines = _requests()
    descendants.end_stale()
    remove_stale_folders()
    with temporary_folder() as top:
        _serve(lines, steps, top)


def _serve(lines: queue.SimpleQueue[bytes], steps: IO[bytes], top: Path) -> None:
    ways: dict[bytes, Measuring] = {}
    laid_out: Shipment | None = None
    revisions: list[Revision] = []
    try:
        while True:
            try:
                request = msgspec.json.decode(lines.get(timeout=IDLE), type=Request)
            except queue.Empty:
                return
            try:
                if laid_out is None:  # one process serves one shipment
                    paths, revisions = shipping.lay_out(request.shipment, top)
                    folders = [str(f) for r in revisions[-1:] for f in r.packages.values()]
                    with loading.importable(folders):  # a package need not be installed
                        for path in paths:
                            engines.add_file(path)
                    laid_out = request.shipment
                groups = [group_of(each, laid_out, top) for each in request.groups]
                key = msgspec.json.encode((request.options, request.place))
                way = ways.get(key) or ways.setdefault(key, Measuring(request, revisions, steps))
                if request.checked is None:
                    write(steps, Step(description=way.describe(groups)))
                else:
                    for group in groups:
                        way.measure(group, request)
            except UsageError as error:
                write(steps, Step(refused=str(error).replace(f"{top}{os.sep}", os.sep)))
            except Exception as error:
                write(steps, Step(refused=f"measuring failed: {described(error)}"))
    finally:
        for way in ways.values():
            way.runner.close()
