"""Runs on machines that are made up: what is compared, held against each other and given up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from gradmeter.bench import session
from gradmeter.bench.cases.interpreters import grounds
from gradmeter.bench.cases.plan import new_case, plan
from gradmeter.bench.errors import LostError, UsageError
from gradmeter.bench.machines.cluster import Event, Gone, Joined, Left, Said
from gradmeter.bench.machines.forecast import forecast
from gradmeter.bench.machines.messages import Description, Request, Step
from gradmeter.bench.machines.shipping import sources
from gradmeter.bench.machines.spread import Spread
from gradmeter.bench.results import environment
from gradmeter.bench.results.readings import Allocations, Cycles, SelfTest
from gradmeter.bench.results.run import Case, Options
from gradmeter.bench.runs.record import Record

change = msgspec.structs.replace
SIZES = [10, 20, 30, 40]
GROUPS, COMPARISONS = plan(["squares-3"], SIZES, ["engine"])
OURS = environment.describe()
PASSED = SelfTest(name="exact", expected=1, measured=1, tolerance=0)


def describe(worker: str, **more: object) -> Description:
    """A machine of the worker's name, as this one but for its start."""
    machine = Description(
        identity=worker,
        host=f"host-{worker}",
        sources=sources(),
        environment=change(OURS, started=f"on {worker}", commit=None, repository_commit=None),
        grounds=grounds(GROUPS),
        self_tests=[PASSED],
    )
    return change(machine, **more)


def measured(group, worker: str, peak: int = 80) -> Case:
    one = Allocations(forward=peak, backward=peak, peak=peak, held=0)
    case = new_case(group, group.variants[0], "on")
    cycles = Cycles(dropped=0, bytes=0, objects=0, types={}, leaked=0)
    return change(case, allocations=[one] * 3, cycles=cycles, finished=True)


@dataclass
class Made:
    """A cluster of made-up machines, which do at once what they are asked to.

    Attributes:
        machines: the description of each worker, or why it has none.
        does: what a worker does with a group: the events that follow.
    """

    machines: dict[str, Description | str]
    does: Callable[[str, int, int], list[Event]]
    address: str = "tcp://cluster:1"
    events: deque[Event] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.events.extend(map(Joined, self.machines))

    def next(self, seconds: float) -> Event | None:
        return self.events.popleft() if self.events else None

    def submit(self, worker: str, ticket: int, request: bytes) -> None:
        asked = msgspec.json.decode(request, type=Request)
        machine = self.machines[worker]
        if asked.checked is None:
            step = Step(lost=machine) if isinstance(machine, str) else Step(description=machine)
            self.events.append(Said(ticket, step))
        else:
            (group,) = asked.groups
            self.events.extend(self.does(worker, ticket, group.size))

    def cancel(self, ticket: int) -> None:
        pass


def measures(worker: str, ticket: int, size: int, peak: int = 80) -> list[Event]:
    group = next(group for group in GROUPS if group.size == size)
    case = measured(group, worker, peak)
    return [Said(ticket, Step(cases=[case], spent=1.0)), Said(ticket, Step(ended=True))]


def spread(cluster: Made, copies: int = 1, **more: object) -> Record:
    options = Options(
        collector="on", seed=0, sets=0, budget=0, min_rounds=1, limit=9, exact=True, **more
    )
    run = change(session.empty(options), grounds=grounds(GROUPS), comparisons=list(COMPARISONS))
    order = [group.key(variant) for group in GROUPS for variant in group.variants]
    record = Record(run, lambda run: None, lambda fraction, text: None, order)
    record.tell = lambda fraction, text: None
    clock = iter(range(10**6))
    titles = [group.title for group in GROUPS]
    try:
        seconds = lambda: float(next(clock))  # noqa: E731
        Spread(record, GROUPS, titles, cluster, {}, copies, clock=seconds).measure()
    except LostError as error:
        record.note(str(error))
    return record


def test_a_run_of_several_machines_names_the_one_of_each_case_in_the_order_of_the_plan():
    run = spread(Made({w: describe(w) for w in "ab"}, measures)).run
    assert [case.size for case in run.cases] == SIZES
    assert {case.machine for case in run.cases} == {"host-a", "host-b"} == {*run.machines}
    assert run.machines["host-a"].started == "on a"
    assert run.machines["host-a"].commit == OURS.commit  # its files are the same, by their digest
    assert run.self_tests == [PASSED]


def test_a_run_of_one_machine_names_it_nowhere_and_has_its_environment():
    both = {"a": describe("a"), "b": describe("b", identity="a", host="host-a")}
    run = spread(Made(both, measures)).run
    assert {case.machine for case in run.cases} == {""}
    assert run.machines == {}
    assert run.environment.started == "on a"


def test_two_machines_of_one_name_are_two():
    both = {"a": describe("a", host="same"), "b": describe("b", host="same")}
    assert {*spread(Made(both, measures)).run.machines} == {"same", "same (2)"}


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"environment": change(OURS, python="3.99.0")}, "Python 3.99.0 (here "),
        ({"environment": change(OURS, versions=OURS.versions | {"numpy": "9"})}, "numpy 9 (here "),
        ({"environment": change(OURS, gradmeter="9.0")}, "gradmeter 9.0 (here "),
        ({"sources": "other"}, "with other files than here; install the same commit"),
        ({"grounds": {n: change(g, engine="9") for n, g in grounds(GROUPS).items()}}, "engine 9"),
    ],
)
def test_a_machine_of_other_versions_is_named_before_anything_is_measured(other, sentence):
    asked = []
    machines = {"a": describe("a"), "b": describe("b", **other)}
    cluster = Made(machines, lambda *of: asked.append(of) or [])
    with pytest.raises(UsageError) as refused:
        spread(cluster)
    assert sentence in str(refused.value)
    assert "b: " in str(refused.value)
    assert "a: " not in str(refused.value).partition("machine: ")[2]
    assert asked == []


def test_a_worker_that_comes_later_with_other_versions_is_not_used():
    def joins(worker: str, ticket: int, size: int) -> list[Event]:
        cluster.machines["b"] = describe("b", sources="other")
        late: list[Event] = [Joined("b")] if size == 10 else []
        return [*late, *measures(worker, ticket, size)]

    cluster = Made({"a": describe("a")}, joins)
    run = spread(cluster).run
    assert len(run.cases) == len(SIZES)
    (note,) = run.notes
    assert note.startswith("the worker b was not used: gradmeter")


def test_what_is_the_same_on_several_machines_is_said_to_be():
    run = spread(Made({w: describe(w) for w in "abc"}, measures), copies=2).run
    assert run.notes == ["the exact figures of 4 cases are the same on 2 machines, of 3 in all"]
    assert not any(case.failed for case in run.cases)


def test_a_byte_that_differs_between_machines_is_named_with_both_and_fails_the_case():
    def differs(worker: str, ticket: int, size: int) -> list[Event]:
        return measures(worker, ticket, size, 81 if worker == "b" and size == 20 else 80)

    run = spread(Made({w: describe(w) for w in "ab"}, differs), copies=2).run
    (failed,) = [case for case in run.cases if case.failed]
    assert failed.size == 20
    assert failed.failure.kind == "differs"
    assert "peak is " in failed.failure.message
    assert "81 B on host-b" in failed.failure.message
    assert "80 B on host-a" in failed.failure.message
    assert "of 3 cases are the same on 2 machines" in run.notes[0]


def test_what_was_measured_on_one_machine_only_is_not_said_to_be_the_same():
    run = spread(Made({"a": describe("a")}, measures), copies=2).run
    assert len(run.cases) == len(SIZES)
    (note,) = run.notes
    assert note.startswith("4 groups could not be measured on 2 machines: squares-3 x 10")


def test_a_group_is_measured_where_it_was_held_against_if_its_own_machine_is_lost():
    asked: list[int] = []

    def does(worker: str, ticket: int, size: int) -> list[Event]:
        if worker == "a":
            return []  # it is lost when the other one has measured all that it may
        asked.append(size)
        lost: list[Event] = [Left("a")] if len(asked) == len(SIZES) else []
        return [*measures(worker, ticket, size), *lost]

    run = spread(Made({w: describe(w) for w in "ab"}, does), copies=2).run
    assert [case.failure for case in run.cases] == [None] * len(SIZES)
    assert sorted(asked[: len(SIZES)]) == SIZES
    assert asked[len(SIZES) :] == asked[len(SIZES) - 1 : len(SIZES)]  # one of them again
    assert not any("the same on" in note for note in run.notes)


def test_a_group_that_every_machine_refuses_fails_with_the_reason():
    def refuses(worker: str, ticket: int, size: int) -> list[Event]:
        refused = Said(ticket, Step(refused="it would need 9 GB"))
        return [refused] if size == 30 else measures(worker, ticket, size)

    run = spread(Made({w: describe(w) for w in "ab"}, refuses)).run
    assert [c.failure and c.failure.message for c in run.cases] == [
        None, None, "it would need 9 GB", None,
    ]  # fmt: skip


def test_a_lost_worker_costs_its_group_only_and_what_it_sends_later_is_dropped():
    lost: list[int] = []

    def dies(worker: str, ticket: int, size: int) -> list[Event]:
        if worker == "a":
            lost.append(size)
            return [Left("a"), *measures(worker, ticket, size, peak=1)]
        return measures(worker, ticket, size)

    run = spread(Made({w: describe(w) for w in "ab"}, dies)).run
    assert len(lost) == 1
    assert {case.memory.peak for case in run.cases} == {80}
    assert run.notes == [
        f"squares-3 x {lost[0]} was begun again, since its worker was lost (host-a)"
    ]


def test_a_scheduler_that_is_gone_ends_the_run_with_what_was_measured():
    def gone(worker: str, ticket: int, size: int) -> list[Event]:
        return [*measures(worker, ticket, size), *([Gone()] if size == 10 else [])]

    run = spread(Made({"a": describe("a")}, gone)).run
    assert 1 <= len(run.cases) < len(SIZES)
    assert "does not answer any more" in run.notes[-1]


def test_a_cluster_without_a_slot_is_refused_with_the_command_that_starts_one():
    with pytest.raises(UsageError, match="dask worker ADDRESS --nthreads 1 --resources gradmeter"):
        spread(Made({}, measures))


def test_a_forecast_gives_every_group_to_one_machine_and_timing_one_worker_of_each():
    seconds = {f"group {n}": float(n + 1) for n in range(20)}
    workers = {"a": "first", "b": "first", "c": "second"}
    for alone, least in ((True, 105.0), (False, 70.0)):
        loads = forecast(seconds, workers, 1, alone=alone)
        assert sorted(g for load in loads.values() for g in load.groups) == sorted(seconds)
        assert least <= max(load.last for load in loads.values()) <= least * 1.2
        assert loads["first"].workers == 2
