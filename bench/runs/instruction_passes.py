"""The instructions of a case: its worker under callgrind, stepped through phase by phase."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters import instructions as meter
from gradmeter.bench.results.readings import Failure, Instructions
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.workers import Workers

SLOWER = 30  # times: so much longer may a worker take under callgrind


def count(workers: Workers, group: Group, variant: Variant, case: Case) -> Case:
    """Count the instructions of a case; a worker that fails is the case's failure."""
    with tempfile.TemporaryDirectory(prefix="gradmeter-") as folder:
        spec = replace(workers.spec(group, variant), counts=folder, collector="off")
        try:
            worker = Process(spec, workers.options.limit * SLOWER)
            try:
                worker.ready()
                with readings():
                    counts = meter.measure(worker, meter.Counters(Path(folder), worker.child.pid))
            finally:
                worker.close()
        except WorkerError as error:
            return msgspec.structs.replace(
                case, failure=Failure("instructions", error.kind, str(error))
            )
    return msgspec.structs.replace(
        case,
        instructions=Instructions(
            valgrind=meter.version(),
            rounds={name: [c.instructions for c in each] for name, each in counts.items()},
            # What stepping alone misses, which is subtracted, may be a few more.
            misses={name: [max(0, c.misses) for c in each] for name, each in counts.items()},
        ),
    )
