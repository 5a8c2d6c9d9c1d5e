"""Workers that are forks of one process: alike in all but the time that they take to start."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs.forks import ForkServer, may_share
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import GENERATIONS, SHARE
from gradmeter.bench.runs.spec import spec_of

from ..command import PATIENCE
from ..misbehaviour import ROOT, engine_copy, gone, interpreter, spec, squares_that, within
from ..scripted import World, named
from .test_launcher import ENDS
from .test_orphans import LEAVES, others, sleepers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


@pytest.fixture
def server():
    with closing(ForkServer(spec(), PATIENCE)) as server:
        yield server


def test_a_fork_measures_what_a_process_of_its_own_does(server):
    readings = []
    for start in (Process, server.start):
        with closing(start(spec(), PATIENCE)) as worker:
            worker.ready()
            allocations, cycles = worker.ask("allocations"), worker.ask("cycles")
            assert worker.ask("time", loops=2).keys() >= {"forward", "backward", "step", "cpu"}
            readings.append((allocations, cycles))
    assert readings[0] == readings[1]


def test_forks_of_one_process_load_each_its_own_engine(tmp_path, server):
    """Nothing of one variant lies in the memory of the other."""
    raising = "raise ValueError('mine')"
    path = engine_copy(tmp_path, squares_that(raising))
    with ExitStack() as stack:
        other = stack.enter_context(closing(server.start(spec(engine_path=path), PATIENCE)))
        ours = stack.enter_context(closing(server.start(spec(), PATIENCE)))
        for worker in (other, ours):
            worker.ready()
        with pytest.raises(WorkerError, match="mine"):
            other.ask("time", loops=1)
        assert ours.ask("time", loops=1)
        assert os.getsid(ours.child.pid) == ours.child.pid != os.getsid(other.child.pid)


@pytest.mark.parametrize(("does", "kind", "says"), ENDS)
def test_a_fork_that_ends_or_raises_says_how_and_its_server_goes_on(
    tmp_path, server, does, kind, says
):
    path = engine_copy(tmp_path, squares_that(does))
    with closing(server.start(spec(engine_path=path), PATIENCE)) as worker:
        worker.ready()
        with pytest.raises(WorkerError) as caught:
            worker.ask("time", loops=1)
    assert caught.value.kind == kind
    assert says in str(caught.value)
    assert gone(worker.child.pid)
    with closing(server.start(spec(), PATIENCE)) as worker:
        worker.ready()


def test_a_fork_that_takes_too_long_is_ended_and_the_next_one_starts(tmp_path, server):
    path = engine_copy(tmp_path, squares_that("while True: pass"))
    with closing(server.start(spec(engine_path=path), PATIENCE)) as worker:
        worker.ready()
        worker.limit = 0.3
        with pytest.raises(WorkerError, match="no answer within"):
            worker.ask("time", loops=1)
        assert gone(worker.child.pid)
    with closing(server.start(spec(), PATIENCE)) as worker:
        worker.ready()


def test_when_the_server_is_killed_its_forks_end_and_are_told_so(server):
    with closing(server.start(spec(), PATIENCE)) as worker:
        worker.ready()
        server.child.kill()
        server.child.wait()
        assert within(lambda: gone(worker.child.pid))
        with pytest.raises(WorkerError) as caught:
            worker.ask("time", loops=1)
    assert caught.value.kind == "killed"
    with pytest.raises(WorkerError):
        server.start(spec(), PATIENCE)


@pytest.mark.parametrize("body", ["", "raise SystemExit('no room')", "print('x' * 9)"])
def test_an_interpreter_that_is_none_is_told(tmp_path, body):
    path = interpreter(tmp_path, body)
    with (
        closing(ForkServer(spec(interpreter=path), 2)) as server,
        pytest.raises(WorkerError),
    ):
        server.start(spec(), 2)
    with pytest.raises(WorkerError, match="cannot be started"):
        ForkServer(spec(interpreter=str(tmp_path / "none")), 2)


def test_many_forks_leave_no_descriptor(server):
    counts = set()
    for _ in range(4):
        with closing(server.start(spec(), PATIENCE)) as worker:
            worker.ready()
        counts.add(len(os.listdir("/proc/self/fd")))
    assert len(counts) == 1


@pytest.fixture
def marker(monkeypatch):
    mark = f"forks-{os.getpid()}-{os.urandom(4).hex()}"
    monkeypatch.setenv("MARKER", mark)
    yield mark
    monkeypatch.delenv("MARKER")
    for process in others(mark):
        process.kill()


@pytest.mark.parametrize("left", LEAVES)
@pytest.mark.parametrize("then", ["pass", "os._exit(3)"])
def test_what_a_fork_leaves_behind_ends_with_its_server(tmp_path, marker, left, then):
    path = engine_copy(tmp_path, squares_that(f"{LEAVES[left]}\n    {then}"))
    with closing(ForkServer(spec(), PATIENCE)) as server:
        worker = server.start(spec(engine_path=path), PATIENCE)
        worker.ready()
        try:
            worker.ask("time", loops=1)
        except WorkerError:
            assert then != "pass"
        worker.close()
    assert within(lambda: not sleepers(marker)), f"left behind: {sleepers(marker)}"


PARENT = """
import time
from gradmeter.bench.runs.forks import ForkServer
from gradmeter.bench.runs.spec import Spec
spec = Spec("squares-3", 16, "engine", (), "on", 0, engine_path={path!r})
server = ForkServer(spec, 60)
workers = [server.start(spec, 60) for _ in range(2)]
for worker in workers:
    worker.ready()
    worker.send({{"meter": "time", "loops": 1}})
print("busy", flush=True)
time.sleep(600)
"""


def test_when_the_parent_is_killed_the_server_and_its_busy_forks_end(tmp_path, marker):
    path = engine_copy(tmp_path, squares_that("while True: pass"))
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT.format(path=path))],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout.readline() == b"busy\n"
        assert within(lambda: len(others(marker)) == 4)  # it, the server and two forks
        parent.kill()
        parent.wait(PATIENCE)
    assert within(lambda: not others(marker)), f"left behind: {others(marker)}"


def test_workers_share_a_process_only_where_all_start_alike():
    assert may_share([spec(), spec(engine="dezero", size=3, scratch="/x", place=None)])
    for other in (
        spec(interpreter="/other/python"),
        spec(environment=(("PYTHONHASHSEED", "7"),)),
        spec(allocator="returned"),
        spec_of(
            workloads.get("squares-3"), 16, parse("engine:memory=kept"), collector="on", seed=0
        ),
        spec(threads=2),
    ):
        assert not may_share([spec(), other])
    assert not may_share([spec(threads=2), spec(threads=2)])


class Servers(World):
    """A world in which the workers of sets are forks, and each server is closed."""

    def __init__(self, **more):
        super().__init__(**more)
        self.served = []

    def serve(self, spec, limit):
        self.log.append(("serve", spec, ""))
        self.open += 1
        return self

    def close(self):
        self.open -= 1

    def measured(self, *names, **options):
        runner = self.runner(**options)
        runner._workers.serve = self.serve
        group = Group(workloads.get("squares-3"), 16, tuple(map(parse, names)))
        return runner.measure([group])


NAMES = ("engine", "engine:retain_grad=on")


def test_a_set_times_several_generations_of_one_servers_forks():
    world = Servers()
    run = world.measured(*NAMES, sets=5, min_rounds=5, budget=5 * GENERATIONS * SHARE * 1.01)
    assert (
        len([1 for what, spec, _ in world.log if what == "serve" and spec.place is not None]) == 5
    )
    for case in run.cases:
        assert [times.processes for times in case.times] == [GENERATIONS] * 5
        assert all(len(times.cpu) >= GENERATIONS for times in case.times)
    places = [s.place for what, s, _ in world.log if what in ("start", "serve") and s.place]
    assert 12 < len(set(places)) <= 5 * (1 + GENERATIONS)  # drawn, and shared by a generation


def test_where_little_is_timed_a_set_has_one_generation():
    run = Servers().measured(*NAMES, sets=5, min_rounds=5, budget=5 * SHARE)
    assert [times.processes for case in run.cases for times in case.times] == [1] * 10


def test_a_variant_that_fails_in_a_later_generation_loses_its_times_and_no_other():
    starts = 0

    def answer(spec, meter, request):
        nonlocal starts
        its_start = (meter, named(spec), spec.place is None) == ("start", NAMES[1], False)
        starts += its_start
        if its_start and starts == 2:
            raise WorkerError("killed", "in the second generation")

    budget = 2 * GENERATIONS * SHARE * 1.01
    run = (world := Servers(answer=answer)).measured(*NAMES, budget=budget)
    good, bad = run.cases
    assert (bad.failure.kind, bad.times) == ("killed", [])
    assert (good.failure, len(good.times)) == (None, 2)
    assert not any(what == "serve" and named(spec) == NAMES[1] for what, spec, _ in world.log)


def test_an_engine_with_an_allocator_of_its_own_gets_fresh_processes():
    world = Servers()
    ours, other = map(parse, NAMES)
    other = replace(other, engine=replace(other.engine, memory="own"))
    runner = world.runner()
    runner._workers.serve = world.serve
    run = runner.compare_times(Group(workloads.get("squares-3"), 16, (ours, other)))
    assert [times.processes for case in run.cases for times in case.times] == [1] * 4
    assert not [1 for what, _, _ in world.log if what == "serve"]


def test_exact_bytes_are_read_in_forks_of_one_process_that_ends_with_the_run():
    world = Servers()
    run = world.measured(*NAMES)
    assert [len(case.allocations) for case in run.cases] == [3, 3]
    before_the_sets = [s for what, s, _ in world.log if what == "serve" and s.place is None]
    assert (len(before_the_sets), world.open) == (1, 0)


def test_where_the_forking_process_is_lost_a_fresh_worker_takes_over():
    world = Servers()
    serve = world.serve

    class Lost:
        def start(self, spec, limit):
            raise WorkerError("killed", "gone")

        def close(self):
            world.open -= 1

    def lose(spec, limit):
        serve(spec, limit)
        return Lost()

    world.serve = lose
    run = world.measured(*NAMES, sets=0)
    assert [(case.failure, len(case.allocations)) for case in run.cases] == [(None, 3)] * 2
