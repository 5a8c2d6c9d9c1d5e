"""Measure a run's groups on the workers of a cluster, and write what they send at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from gradmeter.bench.cases import capacity
from gradmeter.bench.cases.plan import Group, new_case
from gradmeter.bench.cases.revisions import Revision
from gradmeter.bench.errors import LostError, UsageError
from gradmeter.bench.machines import comparing, extra
from gradmeter.bench.machines.cluster import HOW, Cluster, Gone, Joined, Left, Said, connected
from gradmeter.bench.machines.held import Held
from gradmeter.bench.machines.machine_names import MachineNames
from gradmeter.bench.machines.messages import Description, Request, Step
from gradmeter.bench.machines.schedule import Assignment, Schedule
from gradmeter.bench.machines.shipping import planned, shipment, sources
from gradmeter.bench.results import environment
from gradmeter.bench.results.readings import Failure
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.record import Record
from gradmeter.bench.session import Through

WAIT = 60.0  # seconds for workers to describe their machines, and for a first one to be there
TICK = 0.5

change = msgspec.structs.replace

GROUP = "group"  # the kind of the steps of a run that is spread


def through(on: str, known: Mapping[str, float], copies: int = 1) -> Through | None:
    """What measures a run's groups on a cluster, by `measure`; None where none is named.

    Raises:
        UsageError: a package is missing.
    """
    if not on:
        return None
    extra.need()
    return partial(measure, on=on, known=known, copies=copies)


def measure(
    record: Record,
    groups: Sequence[Group],
    revisions: Sequence[Revision],
    on: str,
    known: Mapping[str, float],
    copies: int = 1,
) -> None:
    """Measure the groups that are not finished on the workers of a scheduler.

    Args:
        revisions: those that variants are labelled with.
        on: the scheduler's address, or local:N.
        known: the seconds of groups in an earlier run, by their titles.
        copies: the machines that each case is measured on, of which the first is the run's.

    Raises:
        UsageError: no scheduler answers, no worker has a slot, or a worker's machine has other
            versions than this one; nothing was measured.
        LostError: the scheduler or the last worker was lost; what was measured is saved.
    """
    titles = [group.title for group in groups]
    groups = [group for group in groups if not record.finished(group)]
    record.begin({GROUP: len(groups) * copies})
    record.write(finished=False)
    if groups:
        with connected(on) as cluster:
            Spread(record, groups, titles, cluster, known, copies, revisions).measure()
    record.write(finished=True)


@dataclass
class Spread:
    """A run's groups on their way over the workers of a cluster.

    Attributes:
        titles: of the plan's groups, those that are measured already too.
        clock: seconds.
    """

    record: Record
    groups: Sequence[Group]
    titles: Sequence[str]
    cluster: Cluster
    known: Mapping[str, float]
    copies: int
    revisions: Sequence[Revision] = ()
    clock: Callable[[], float] = time.monotonic
    _refused: dict[str, str] = field(default_factory=dict)  # workers, and why
    _asked: dict[int, str] = field(default_factory=dict)  # tickets of descriptions, and of whom
    _machines: dict[str, Description] = field(default_factory=dict)  # by name
    _changed: dict[tuple[str, int, str], tuple[Case, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        run = self.record.run
        plan = capacity.needed(self.groups, run.options, self.known)
        self._by_title = {group.title: group for group in self.groups}
        self._schedule = Schedule(
            {each.title: each.seconds for each in plan}, self.copies, alone=run.options.sets > 0
        )
        self._shipment = shipment(self.groups, self.revisions)
        self._ours, self._sources = environment.describe(), sources()
        self._names = MachineNames(self.record)
        self._held = Held(self.record, self.copies)
        self._places: dict[str, list[str]] = {}  # the workers of each machine

    def measure(self) -> None:
        """Measure all groups."""
        self._gather()
        since = self.clock()
        while not self._schedule.is_over:
            for one in self._schedule.start(self.clock()):
                self._submit(one)
            self._give_up()
            if self._schedule.is_over:
                break
            self._take(TICK)
            if self._schedule.workers or self._asked:
                since = self.clock()
            elif self.clock() - since > WAIT:
                raise LostError(
                    f"{self.cluster.address} has had no worker with a slot for {WAIT:g} seconds"
                )
        self._held.conclude(self._schedule.lacking)
        run = self.record.run
        places = {title: place for place, title in enumerate(self.titles)}
        spent = sorted(run.spent.items(), key=lambda each: places.get(each[0], len(places)))
        self.record.run = change(run, spent=dict(spent))

    def _gather(self) -> None:
        """Wait for the workers that are there, and compare them with this machine.

        Raises:
            UsageError: there is none with a slot, or one cannot measure for this run.
        """
        until = self.clock() + WAIT
        self.record.tell(0.0, f"waiting for the workers of {self.cluster.address}")
        while self.clock() < until and (self._asked or not (self._places or self._refused)):
            self._take(TICK)
        if self._refused:
            reasons = [f"{worker}: {reason}" for worker, reason in self._refused.items()]
            raise UsageError(
                f"nothing was measured, since not every worker of {self.cluster.address} is as "
                f"this machine: {'; '.join(reasons)}"
            )
        if not self._places:
            raise UsageError(
                f"--on {self.cluster.address}: no worker has a slot that is free; start one on "
                f"each machine with {HOW}"
            )

    def _take(self, seconds: float) -> None:
        """Take what has happened, and write it in one go.

        Raises:
            LostError: the scheduler is gone.
        """
        event = self.cluster.next(seconds)
        while event is not None and not isinstance(event, Gone):
            self._on(event)
            event = self.cluster.next(0)
        if self._changed:
            cases, self._changed = list(self._changed.values()), {}
            self.record.put(*[self._names.named(*each) for each in cases])
        if isinstance(event, Gone):
            raise LostError(f"the scheduler {self.cluster.address} does not answer any more")

    def _on(self, event: Joined | Left | Said) -> None:
        if isinstance(event, Joined):
            self._ask(event.worker)
        elif isinstance(event, Left):
            self._lose(event.worker)
        elif event.ticket in self._asked:
            if event.step.is_last:
                self._describe(self._asked.pop(event.ticket), event.step)
        else:
            assignment = self._schedule.running(event.ticket)
            if assignment is not None:
                self._step(assignment, event.step)

    def _ask(self, worker: str) -> None:
        """Ask a worker to describe its machine."""
        ticket = -1 - len(self._asked)
        while ticket in self._asked:
            ticket -= 1
        self._asked[ticket] = worker
        self.cluster.submit(worker, ticket, self._request(self.groups, ()))

    def _lose(self, worker: str) -> None:
        for ticket in [t for t, of in self._asked.items() if of == worker]:
            self.cluster.cancel(ticket)
            del self._asked[ticket]
        for workers in self._places.values():
            if worker in workers:
                workers.remove(worker)
        for one in self._schedule.leave(worker):
            self.cluster.cancel(one.ticket)
            self._again(one, "its worker was lost")

    def _describe(self, worker: str, step: Step) -> None:
        """Use a worker whose machine is as this one."""
        machine = step.description
        reason = step.refused or step.lost
        if machine is not None:
            grounds = self.record.run.grounds
            found = comparing.differences(machine, self._ours, self._sources, grounds)
            reason = ", ".join(found)
        if machine is None or reason:
            if self._places and self._schedule.workers:  # it came later
                self.record.note(f"the worker {worker} was not used: {reason}")
            self._refused[worker] = reason
            return
        environment = comparing.as_of_run(machine, self._ours)
        name = self._names.of(machine, environment)
        self._machines[name] = machine
        self._places.setdefault(name, []).append(worker)
        self._schedule.join(worker, name)

    def _submit(self, one: Assignment) -> None:
        group = self._by_title[one.group]
        exact = change(self.record.run.options, exact=True, sets=0, most_sets=0)
        request = self._request(
            [group],
            self._machines[one.machine].self_tests,
            place=self._places[one.machine].index(one.worker),
            options=exact if one.copy else None,
        )
        self.cluster.submit(one.worker, one.ticket, request)

    def _request(self, groups: Sequence[Group], checked: Sequence[object], **more: object) -> bytes:
        run = self.record.run
        titles = {(group.workload.name, group.size) for group in groups} if checked else set()
        content: dict[str, object] = {
            "shipment": self._shipment,
            "groups": [planned(group) for group in groups],
            "comparisons": [c for c in run.comparisons if (c.workload, c.size) in titles],
            "options": more.pop("options", None) or run.options,
            "checked": list(checked) or None,
            **more,
        }
        return msgspec.json.encode(Request(**content))  # type: ignore[arg-type]

    def _step(self, one: Assignment, step: Step) -> None:
        """Take a step of a group."""
        if step.lost:
            self._schedule.lose(one.ticket, step.lost)
            self._again(one, step.lost)
        elif step.refused:
            self._schedule.refuse(one.ticket, step.refused)
        elif one.copy:
            self._held.add(one, step.cases)
        else:
            self._names.use(one.machine)
            self._changed |= {case.key: (case, one.machine) for case in step.cases}
            if step.spent is not None:
                self.record.spend(one.group, step.spent)
            for note in step.notes:
                if note not in self.record.run.notes:
                    self.record.note(note)
        if step.ended:
            self._schedule.end(one.ticket, self.clock())
            self.record.step(f"{one.group}: measured on {one.machine}", GROUP)
            self._held.end(one)

    def _again(self, one: Assignment, reason: str) -> None:
        if one.group not in self._schedule.given_up:
            self.record.note(f"{one.group} was begun again, since {reason} ({one.machine})")

    def _give_up(self) -> None:
        """Let the cases of groups fail that no worker measures."""
        options = self.record.run.options
        for title, reason in list(self._schedule.given_up.items()):
            group = self._by_title.pop(title, None)
            if group is not None:
                failure = Failure("machines", "lost", reason)
                new = [
                    new_case(group, v, options.collector, options.allocator) for v in group.variants
                ]
                self.record.put(*[change(case, failure=failure, finished=True) for case in new])
