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

Tests = list[SelfTest]

ATTEMPTS = 3  # the most workers that are started for the self-tests under one interpreter
_UNDER = " under "


def self_test(workers: Workers, groups: Sequence[Group], known: Sequence[SelfTest] = ()) -> Tests:
    """Test the meters under every interpreter of the groups, in workers of our own engine.

    Args:
        known: the results that there are; their interpreters are not tested again.

    Returns:
        The results that were missing.
    """
    ours = Variant(engines.get("engine"))
    pythons = dict.fromkeys(v.python for group in groups for v in group.variants)
    tested = set(map(_interpreter, known))
    return [
        msgspec.structs.replace(test, name=test.name + (_UNDER + python if python else ""))
        for python in pythons
        if python not in tested
        for test in _test_interpreter(python, workers, groups[0], ours)
    ]


def conclusive(tests: Sequence[SelfTest]) -> Tests:
    """The self-tests of the interpreters under which every one of them passed."""
    others = {_interpreter(test) for test in tests if not test.passed}
    return [test for test in tests if _interpreter(test) not in others]


def _interpreter(test: SelfTest) -> str:
    return test.name.partition(_UNDER)[2]


def _test_interpreter(python: str, workers: Workers, group: Group, ours: Variant) -> Tests:
    """Test the meters in a worker; in another one where that fails, as when it is killed."""
    spec = workers.spec(group, ours)
    spec = replace(spec, interpreter=python or spec.interpreter, small_pages=True)
    problem = ""
    for _attempt in range(ATTEMPTS):
        try:
            with workers.worker(spec) as worker, readings():
                tests = msgspec.convert(worker.ask("selftest")["tests"], list[SelfTest])
                if not tests:
                    raise ValueError("the worker ran no self-test")
                return tests
        except WorkerError as error:
            problem = f"the self-test did not run, in {ATTEMPTS} workers: {error}"
    return [SelfTest(name="self-test", expected=0, measured=0, tolerance=0, problem=problem)]


def passed(tests: Sequence[SelfTest], *, resident: bool) -> bool:
    """Whether the self-tests of exact memory passed; with ``resident``, of resident memory too."""
    return all(test.passed for test in tests if resident or not test.name.startswith(RESIDENCY))
