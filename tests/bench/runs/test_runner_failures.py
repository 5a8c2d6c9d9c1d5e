"""What fails costs its own case; what was measured is saved; who was started is closed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters.selftest import RESIDENCY
from gradmeter.bench.results.run import Run
from gradmeter.bench.runs import resuming
from gradmeter.bench.runs.self_tests import ATTEMPTS

from ..scripted import World, exact, failing, named, self_test

GOOD, BAD, LAST = NAMES = ("engine", "engine:retain_grad=on", "engine:output_references=strong")
GROUP = Group(workloads.get("squares-3"), 16, tuple(parse(name) for name in NAMES))
LOOP = Group(workloads.get("step17_loop"), 16, GROUP.variants)
STAGES = (
    *("start", "ready", "check", "allocations", "cycles", "timeline"),
    *("collected", "residency", "time"),
)


def whole(case) -> bool:
    return bool(
        case.finished
        and case.failure is None
        and case.allocations
        and case.cycles
        and case.residency
        and len(case.times) == 2
    )


# How often a variant comes to each stage: workers are started for two passes and two sets.
TIMES = {"start": 4, "ready": 4, "time": 6}
FAILURES = [(s, nth) for s in STAGES for nth in range(1, TIMES.get(s, 1) + 1)]


@pytest.mark.parametrize("who", [BAD, LAST])
@pytest.mark.parametrize(("stage", "nth"), FAILURES)
def test_a_failure_in_any_stage_costs_its_own_case(stage, nth, who):
    world = World(answer=failing(who, stage, WorkerError("killed", "why it fell"), nth))
    run = world.runner().measure([LOOP])
    assert run.finished
    for case in run.cases:
        if case.variant == who:
            assert (case.failure.kind, case.failure.message) == ("killed", "why it fell")
            assert (case.finished, case.times) == (True, [])
        else:
            assert whole(case)
    assert (world.open, world.samplers) == (0, 0)


@pytest.mark.parametrize("stage", STAGES[2:])
def test_a_failure_of_the_baseline_leaves_the_candidates_measured(stage):
    run = World(answer=failing(GOOD, stage)).runner().measure([LOOP])
    assert [whole(case) for case in run.cases] == [False, True, True]


def test_a_worker_that_failed_is_not_asked_again():
    world = World(answer=failing(BAD, "time", nth=2))
    world.runner(sets=5, min_rounds=20).measure([GROUP])
    assert [named(spec) for spec in world.meters("time")].count(BAD) == 2


def test_when_every_worker_fails_the_run_still_ends():
    def answer(spec, meter, request):
        raise WorkerError("crashed", "all of them")

    run = World(answer=answer).runner(budget=100.0).measure([GROUP, LOOP])
    assert run.finished
    assert all(case.failure and case.finished for case in run.cases)


SECONDS = {"forward": 1.0, "backward": 0.0, "step": 0.0, "cpu": 0.0}
READINGS = [
    *(
        (meter, reading)
        for meter in ("allocations", "cycles", "timeline", "residency", "time", "check")
        for reading in ({}, {"passes": 5}, {"bytes": "many", "started": 0})
    ),
    *(("time", {**SECONDS, "forward": bad}) for bad in (None, "x", -1.0, np.nan, np.inf)),
    ("allocations", {"passes": []}),
    ("allocations", {"passes": [{"forward": "x"}]}),
    ("residency", {"method": "reset peak", "bytes": 1, "before": 0, "started": "x", "stopped": 1}),
]


@pytest.mark.parametrize(("meter", "reading"), READINGS, ids=str)
def test_a_reading_that_makes_no_sense_costs_its_own_case(meter, reading):
    def answer(spec, asked, request):
        return reading if asked == meter and named(spec) == BAD else None

    world = World(answer=answer)
    good, bad, last = world.runner().measure([GROUP]).cases
    assert whole(good)
    assert whole(last)
    assert bad.failure is not None, "it was believed"
    assert (bad.failure.kind, bad.times) == ("rubbish", [])
    assert (world.open, world.samplers) == (0, 0)


def writes(content: bytes):
    def answer(spec, meter, request):
        if meter == "check" and named(spec) == BAD:
            Path(request["path"]).write_bytes(content)
            return {"names": [], "seconds": 0.1}

    return answer


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04 half a zip", b"\x93NUMPY"])
def test_a_file_of_results_that_cannot_be_read_costs_its_own_case(content):
    good, bad, last = World(answer=writes(content)).runner().measure([GROUP]).cases
    assert whole(good)
    assert whole(last)
    assert (bad.failure.kind, bad.failure.stage) == ("rubbish", "check")
    assert "saved results" in bad.failure.message


def computing(change):
    """An `answer` in which the bad variant computes something else."""

    def answer(spec, meter, request):
        if meter == "check" and named(spec) == BAD:
            found = exact(spec)
            change(found)
            np.savez(request["path"], **found)
            return {"names": [], "seconds": 0.1}

    return answer


def scaled(found):
    found["gradient of x"] = found["gradient of x"] * (1 + 1e-6)


def one_element(found):
    found["gradient of x"][3] += 1


def not_a_number(found):
    found["gradient of x"][0] = np.nan


def another_shape(found):
    found["gradient of x"] = found["gradient of x"].reshape(4, 4)


def another_result(found):
    found["result"] = found["result"] + 1


def text(found):
    found["gradient of x"] = found["gradient of x"].astype(str)


def nothing(found):
    found.clear()


@pytest.mark.parametrize(
    "change",
    [scaled, one_element, not_a_number, another_shape, another_result, text, nothing],
)
def test_a_variant_that_computes_something_else_gets_no_figures(change):
    world = World(answer=computing(change))
    good, bad, last = world.runner().measure([GROUP]).cases
    assert whole(good)
    assert whole(last)
    assert bad.failure is not None
    assert (bad.memory, bad.cycles, bad.residency, bad.times) == (None, None, None, [])
    after = [m for _, s, m in world.log if named(s) == BAD and m not in ("", "check")]
    assert after == []


def testing(*tests):
    return lambda spec, meter, request: {"tests": list(tests)} if meter == "selftest" else None


def failing_self_tests(stage: str, times: int):
    """An answer with which so many workers of self-tests, which come first, are killed."""
    left = [times]

    def answer(spec, meter, request):
        if meter == stage and spec.small_pages and left[0]:
            left[0] -= 1
            raise WorkerError("killed", "out of memory, perhaps")

    return answer


@pytest.mark.parametrize("stage", ["start", "ready", "selftest"])
@pytest.mark.parametrize("times", range(1, ATTEMPTS))
def test_a_self_test_whose_worker_is_killed_is_tried_again_in_another_one(stage, times):
    world = World(answer=failing_self_tests(stage, times))
    run = world.runner().measure([GROUP])
    assert all(map(whole, run.cases))
    assert [test.passed for test in run.self_tests] == [True, True]
    assert world.open == 0


def test_a_self_test_that_never_runs_says_so_and_is_tried_no_more_than_so_often():
    world = World(answer=failing_self_tests("selftest", 100))
    run = world.runner().measure([GROUP])
    assert len(world.meters("selftest")) == ATTEMPTS
    [test] = run.self_tests
    assert "did not run" in test.problem
    assert "out of memory, perhaps" in test.problem


@pytest.mark.parametrize(
    "answer",
    [
        testing(self_test(passes=False), self_test(RESIDENCY)),
        testing({"name": "x"}),
        testing(),
        failing_self_tests("ready", ATTEMPTS),
        failing_self_tests("selftest", ATTEMPTS),
    ],
    ids=["wrong", "rubbish", "no tests at all", "not ready", "crashed"],
)
def test_without_a_self_test_that_passes_there_are_times_but_no_bytes(answer):
    world = World(answer=answer)
    run = world.runner().measure([LOOP])
    assert run.finished
    assert not all(test.passed for test in run.self_tests) or not run.self_tests
    for case in run.cases:
        assert (case.allocations, case.cycles, case.collected_peak) == ([], None, None)
        assert case.residency is None
        assert (len(case.times), case.failure) == (2, None)


def test_a_resident_meter_that_fails_its_self_test_costs_resident_figures_only():
    world = World(answer=testing(self_test(), self_test(RESIDENCY, passes=False)))
    for case in world.runner().measure([GROUP]).cases:
        assert case.memory is not None
        assert case.residency is None


def test_the_run_is_saved_after_every_step_and_never_loses_what_it_had():
    world = World()
    world.runner().measure([GROUP, LOOP])
    assert len(world.saved) > 2 * len(NAMES) * 4
    for earlier, later in zip(world.saved, world.saved[1:], strict=False):
        assert {c.key for c in earlier.cases} <= {c.key for c in later.cases}
        for case in earlier.cases:
            now = later.case(*case.key)
            assert len(now.times) >= len(case.times)
            assert now.finished >= case.finished
    assert [run.finished for run in world.saved].index(True) == len(world.saved) - 1
    assert msgspec.json.decode(msgspec.json.encode(world.saved[-1]), type=Run)


def test_resuming_does_not_start_a_worker_for_a_group_that_is_finished():
    first = World()
    run = first.runner().measure([GROUP])
    again = World()
    after = again.runner(run=run).measure([GROUP])
    assert again.log == []
    assert after.cases == run.cases
    more = World()
    both = more.runner(run=run).measure([GROUP, LOOP])
    assert {spec.workload for _, spec, _ in more.log} == {"step17_loop"}
    assert more.meters("selftest") == []
    assert both.cases[:3] == run.cases
    assert all(map(whole, both.cases))


@pytest.mark.parametrize(
    "answer",
    [
        failing_self_tests("selftest", ATTEMPTS),
        testing(self_test(), self_test(RESIDENCY, passes=False)),
        testing(self_test(passes=False)),
    ],
    ids=["did not run", "resident memory", "exact memory"],
)
def test_resuming_measures_what_a_failed_self_test_has_cost(answer):
    run = World(answer=answer).runner().measure([GROUP])
    assert not any(map(whole, run.cases))
    resumed = resuming.resumed(run, msgspec.structs.replace(run, cases=[], self_tests=[]))
    assert (resumed.cases, resumed.self_tests) == ([], [])
    after = World().runner(run=resumed).measure([GROUP])
    assert all(map(whole, after.cases))
    assert all(test.passed for test in after.self_tests)


def test_resuming_keeps_what_is_whole():
    run = World().runner().measure([GROUP])
    resumed = resuming.resumed(run, msgspec.structs.replace(run, cases=[], self_tests=[]))
    assert (resumed.cases, resumed.self_tests) == (run.cases, run.self_tests)
    world = World()
    world.runner(run=resumed).measure([GROUP])
    assert world.log == []


def test_resuming_with_another_interpreter_tests_the_meters_under_it():
    run = World().runner().measure([GROUP])
    other = Group(GROUP.workload, 16, (parse("engine:python=/other/python"),))
    world = World()
    after = world.runner(run=run).measure([GROUP, other])
    assert [spec.interpreter for spec in world.meters("selftest")] == ["/other/python"]
    assert len(after.self_tests) == 4


TOTAL = World()
TOTAL.runner().measure([GROUP])


@given(moment=st.integers(1, TOTAL.events))
@settings(max_examples=TOTAL.events, deadline=None)
def test_every_worker_is_closed_whenever_ctrl_c_comes(moment):
    def at(number):
        if number == moment:
            raise KeyboardInterrupt

    world = World(at=at)
    with pytest.raises(KeyboardInterrupt):
        world.runner().measure([GROUP])
    assert (world.open, world.samplers) == (0, 0)
    assert not any(run.finished for run in world.saved)
    # What was saved last can be gone on with.
    if world.saved:
        kept = [case for case in world.saved[-1].cases if case.finished]
        rest = msgspec.structs.replace(world.saved[-1], cases=kept)
        done = World().runner(run=rest).measure([GROUP])
        assert all(map(whole, done.cases))
