"""Test the meters on known values under every interpreter of a run, before it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from gradmeter.bench import engines
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters.selftest import RESIDENCY
from gradmeter.bench.results.readings import SelfTest
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.workers import Workers


def self_test(workers: Workers, groups: Sequence[Group]) -> list[SelfTest]:
    """Test the meters under every interpreter of the groups, in workers of our own engine."""
    ours = Variant(engines.get("engine"))
    pythons = dict.fromkeys(v.python for group in groups for v in group.variants)
    return [
        msgspec.structs.replace(test, name=test.name + (f" under {python}" if python else ""))
        for python in pythons
        for test in _test_interpreter(python, workers, groups[0], ours)
    ]


def _test_interpreter(python: str, workers: Workers, group: Group, ours: Variant) -> list[SelfTest]:
    spec = workers.spec(group, ours)
    spec = replace(spec, interpreter=python or spec.interpreter, small_pages=True)
    try:
        with workers.worker(spec) as worker, readings():
            tests = msgspec.convert(worker.ask("selftest")["tests"], list[SelfTest])
            if not tests:
                raise ValueError("the worker ran no self-test")
            return tests
    except WorkerError as error:
        problem = f"the self-test did not run: {error}"
        return [SelfTest(name="self-test", expected=0, measured=0, tolerance=0, problem=problem)]


def passed(tests: Sequence[SelfTest], *, resident: bool) -> bool:
    """Whether the self-tests of exact memory passed; with ``resident``, of resident memory too."""
    return all(test.passed for test in tests if resident or not test.name.startswith(RESIDENCY))
