"""Groups on many machines of unequal speed, some of which die, under a fake clock."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gradmeter.bench.machines.schedule import Assignment, Schedule


@dataclass
class Simulation:
    """Machines that measure at their speed until they die; each may have been started late.

    Attributes:
        real: the seconds that each group takes at speed 1.
        speeds: of each machine.
        deaths: when some of the machines die.
        back: how long after its death a machine is there again; None for never.
    """

    schedule: Schedule
    real: dict[str, float]
    speeds: dict[str, float]
    deaths: dict[str, float] = field(default_factory=dict)
    back: float | None = None
    results: list[Assignment] = field(default_factory=list)
    lost: list[tuple[float, Assignment]] = field(default_factory=list)
    late: int = 0

    def run(self) -> float:
        """Measure all; return the seconds that it took."""
        events: list[tuple[float, int, str, object]] = []
        count = 0

        def at(when: float, what: str, of: object) -> None:
            nonlocal count
            count += 1
            heapq.heappush(events, (when, count, what, of))

        for machine in self.speeds:
            at(0.0, "join", machine)
        for machine, when in self.deaths.items():
            at(when, "leave", machine)
            if self.back is not None:
                at(when + self.back, "join", machine)
        now = last = 0.0
        while events and not self.schedule.is_over:
            now, _, what, of = heapq.heappop(events)
            if what == "join":
                self.schedule.join(f"worker of {of}", str(of))
            elif what == "leave":
                self.lost += [(now, one) for one in self.schedule.leave(f"worker of {of}")]
            else:
                assert isinstance(of, Assignment)
                ended = self.schedule.end(of.ticket, now)
                if ended is None:
                    self.late += 1  # of a machine that was lost: it may still send a result
                else:
                    self.results.append(ended)
                    last = now
            if events and events[0][0] == now:
                continue
            for one in self.schedule.start(now):
                at(now + self.real[one.group] / self.speeds[one.machine], "end", one)
        return last

    def bound(self) -> float:
        """The least that any schedule takes which loses the same groups at the same moments.

        That is what the machines can do, lost work included, and the longest group: a lost one
        from the moment that it was lost, since nobody knows before which machine will die.
        """
        total = sum(self.real.values()) * self.schedule.copies
        total += sum((when - one.began) * self.speeds[one.machine] for when, one in self.lost)
        moments = sorted({0.0, *self.deaths.values()})
        done = 0.0
        for begin, end in zip(moments, [*moments[1:], float("inf")], strict=True):
            speed = sum(s for m, s in self.speeds.items() if self.deaths.get(m, end) > begin)
            if done + speed * (end - begin) >= total:
                needed = begin + (total - done) / speed
                break
            done += speed * (end - begin)
        longest = max(self.real.values()) / max(self.speeds.values())
        again = [
            when + self.real[one.group] / max(s for m, s in self.speeds.items() if m not in dead)
            for when, one in self.lost
            if (dead := {m for m, death in self.deaths.items() if death <= when}) is not None
        ]
        return max(needed, longest, *again)


def many(seed: int, spread: float, unsure: float, machines: int = 200) -> Simulation:
    """50 groups for each of so many machines, of which 15% die while it runs."""
    draw = random.Random(seed)
    real = {f"group {n}": draw.lognormvariate(0, spread) for n in range(50 * machines)}
    known = {name: s * draw.lognormvariate(0, unsure) for name, s in real.items()}
    speeds = {f"machine {n}": draw.uniform(0.25, 1.0) for n in range(machines)}
    whole = sum(real.values()) / sum(speeds.values())
    deaths = {m: draw.uniform(0, whole) for m in draw.sample(sorted(speeds), machines * 15 // 100)}
    return Simulation(Schedule(known), real, speeds, deaths)


def test_of_10_000_groups_on_200_machines_nothing_is_lost_or_there_twice():
    simulation = many(1, spread=1.0, unsure=0.3)
    took = simulation.run()
    assert sorted(one.group for one in simulation.results) == sorted(simulation.real)
    assert simulation.late > 10  # machines died while they measured
    assert simulation.schedule.given_up == {}
    assert took <= 1.2 * simulation.bound()


@example(seed=1, spread=2.0, unsure=0.0)  # a few take as long as all others together
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 3), st.sampled_from([0.0, 0.3]))
def test_the_last_group_ends_within_a_fifth_of_the_least_that_there_is(seed, spread, unsure):
    """Whatever the groups, with right estimates; with wrong ones, unless a group decides it alone.

    Of a group that takes longer than half of all others together, it matters that it is known to.
    """
    simulation = many(seed, spread, unsure, machines=20)
    took, bound = simulation.run(), simulation.bound()
    longest = max(simulation.real.values()) / max(simulation.speeds.values())
    assume(not unsure or longest <= bound / 2)
    assert took <= 1.2 * bound


costs = st.lists(st.sampled_from([0.5, 1.0, 2.0, 7.0]), min_size=1, max_size=12)
several = st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=1, max_size=4)


@example(costs=[0.5], speeds=[0.5, 0.5], deaths=[1.0], copies=2)
@settings(max_examples=60)
@given(
    costs=costs,
    speeds=several,
    deaths=st.lists(st.floats(0.1, 9), max_size=3),
    copies=st.integers(1, 3),
)
def test_every_group_is_measured_on_as_many_machines_as_are_asked_for(
    costs, speeds, deaths, copies
):
    real = {f"group {n}": cost for n, cost in enumerate(costs)}
    machines = {f"machine {n}": speed for n, speed in enumerate(speeds)}
    schedule = Schedule(real, copies=copies, most_losses=9)
    dying = dict(zip(machines, deaths, strict=False))
    simulation = Simulation(schedule, real, machines, dying, back=2.0)
    simulation.run()
    assert schedule.is_over
    on: dict[str, list[str]] = {name: [] for name in real}
    for one in simulation.results:
        on[one.group].append(one.machine)
    for name, found in on.items():
        counted = schedule._measured_on[name]  # without what was taken back
        assert len(counted.values()) == len(set(counted.values()))
        assert not Counter(counted.values()) - Counter(found)
        assert len(found) == len(counted) or deaths
        assert 0 in counted
        assert len(counted) == copies or name in schedule.lacking


def test_a_group_that_ends_every_worker_is_given_up_and_the_others_are_measured():
    schedule = Schedule({"deadly": 5.0, "harmless": 1.0, "other": 1.0})
    measured, begun = set(), Counter()
    for number in range(20):
        schedule.join(f"worker {number}", f"machine {number % 2}")
        for one in schedule.start(float(number)):
            begun[one.group] += 1
            if one.group == "deadly":
                schedule.leave(one.worker)
            else:
                schedule.end(one.ticket, number + 0.5)
                measured.add(one.group)
    assert measured == {"harmless", "other"}
    assert begun["deadly"] == 4
    assert list(schedule.given_up) == ["deadly"]
    assert "4 times" in schedule.given_up["deadly"]


def test_a_lost_group_is_measured_elsewhere_while_there_is_another_machine():
    schedule = Schedule({"one": 1.0, "two": 1.0})
    schedule.join("a", "first")
    schedule.join("b", "second")
    mine = {one.worker: one for one in schedule.start(0.0)}
    schedule.lose(mine["a"].ticket, "its process was killed")
    assert schedule.start(1.0) == []  # the second machine is busy, and the first had it
    schedule.end(mine["b"].ticket, 2.0)
    (again,) = schedule.start(2.0)
    assert (again.group, again.machine) == (mine["a"].group, "second")


def test_what_a_machine_refuses_is_tried_on_every_other_one_and_then_given_up_with_its_reason():
    schedule = Schedule({"large": 1.0})
    for name in ("a", "b"):
        schedule.join(name, f"machine {name}")
    on = []
    while begun := schedule.start(0.0):
        on.append(begun[0].machine)
        schedule.refuse(begun[0].ticket, "it does not fit")
    assert sorted(on) == ["machine a", "machine b"]
    assert schedule.given_up == {"large": "it does not fit"}


def test_a_machine_with_several_workers_measures_one_group_at_a_time_where_time_is_measured():
    for alone, count in ((True, 1), (False, 3)):
        schedule = Schedule({str(n): 1.0 for n in range(9)}, alone=alone)
        for n in range(3):
            schedule.join(f"worker {n}", "the machine")
        assert len(schedule.start(0.0)) == count


def test_what_a_lost_worker_sends_later_does_not_count():
    schedule = Schedule({"one": 1.0})
    schedule.join("a", "first")
    (begun,) = schedule.start(0.0)
    schedule.leave("a")
    assert schedule.running(begun.ticket) is None
    assert schedule.end(begun.ticket, 1.0) is None
    assert not schedule.is_over
