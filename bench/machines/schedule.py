"""Decide which worker measures which group next, and what a lost worker costs.

A state machine without a clock or a network: it is told what happened and when, and says what to
start. Dask drives it in a run, and a fake clock in its test.

The longest groups go first (Graham, SIAM J. Appl. Math. 17 (1969), 416-429), but not to a machine
that is too slow to end them in time: how fast a machine is shows in the groups that it measured,
of which its first is a short one. A machine that could only end a group later than a faster one,
which is still busy, is left without.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gradmeter.bench.cases.shards import longest_first

SLOWER = 8.0  # times as slow as the mean of all, a new machine is not waited for any longer
ROUNDING = 1 + 1e-9
MOST_LOSSES = 3  # workers that a group may lose before it is given up: it may be what ends them


@dataclass(frozen=True)
class Assignment:
    """A group that a worker is to measure now.

    Attributes:
        ticket: its number; what comes with the ticket of a lost worker is not counted.
        copy: 0 for the measurement that the run shows, more for one to hold against it.
        began: when, in seconds.
    """

    ticket: int
    group: str
    copy: int
    worker: str
    machine: str
    began: float


@dataclass(frozen=True)
class Piece:
    """One measurement of a group; there are several where machines are held against each other."""

    group: str
    copy: int


@dataclass
class Schedule:
    """The groups of a run, and the workers that measure them.

    A machine may have several workers. They measure at the same time, unless each is to be alone.

    Attributes:
        seconds: the estimated seconds of each group, by its title, in any unit.
        copies: the machines that measure each group.
        alone: whether a machine measures one group at a time, as timing takes.
        given_up: why groups are not measured any more, by their title.
        lacking: the groups with fewer measurements than there should be.
    """

    seconds: Mapping[str, float]
    copies: int = 1
    alone: bool = True
    most_losses: int = MOST_LOSSES
    given_up: dict[str, str] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._tickets = 0
        self._order = {name: n for n, name in enumerate(longest_first(self.seconds))}
        # A group's own measurement goes before any that is held against it.
        pieces = [Piece(name, copy) for copy in range(self.copies) for name in self._order]
        self._waiting: list[Piece] = sorted(pieces, key=self._place)
        self._running: dict[int, Assignment] = {}
        self._workers: dict[str, str] = {}  # each one's machine
        self._losses: dict[str, int] = {}
        self._lost_on: dict[Piece, set[str]] = {}  # machines
        self._refused_on: dict[Piece, dict[str, str]] = {}  # machines, and why not
        self._measured_on: dict[str, dict[int, str]] = {name: {} for name in self._order}
        self._pace: dict[str, tuple[float, float]] = {}  # of a machine: estimated, real seconds
        self._left = sum(self.seconds[piece.group] for piece in self._waiting)

    @property
    def workers(self) -> Collection[str]:
        """The workers that there are."""
        return self._workers.keys()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to measure."""
        return not self._waiting and not self._running

    @property
    def idle(self) -> bool:
        """Whether nothing is being measured."""
        return not self._running

    def running(self, ticket: int) -> Assignment | None:
        """The assignment of a ticket; None where it has ended or its worker was lost."""
        return self._running.get(ticket)

    def join(self, worker: str, machine: str) -> None:
        """Add a worker."""
        self._workers[worker] = machine

    def leave(self, worker: str) -> list[Assignment]:
        """Remove a worker; return what it was measuring, which is measured again elsewhere."""
        self._workers.pop(worker, None)
        lost = [each for each in self._running.values() if each.worker == worker]
        for each in lost:
            self.lose(each.ticket, "it was lost")
        return lost

    def lose(self, ticket: int, reason: str) -> None:
        """Note that a measurement ended without a result; it is made again, at most so often."""
        ended = self._running.pop(ticket, None)
        if ended is None:
            return
        piece = Piece(ended.group, ended.copy)
        self._lost_on.setdefault(piece, set()).add(ended.machine)
        losses = self._losses[ended.group] = self._losses.get(ended.group, 0) + 1
        if losses > self.most_losses:
            self._give_up(ended.group, f"begun {losses} times, and each time {reason}")
        elif ended.group not in self.given_up:
            self._wait(piece)

    def refuse(self, ticket: int, reason: str) -> None:
        """Note that a machine cannot measure a group; it is tried on every other one."""
        ended = self._running.pop(ticket, None)
        if ended is None:
            return
        piece = Piece(ended.group, ended.copy)
        self._refused_on.setdefault(piece, {})[ended.machine] = reason
        self._wait(piece)

    def end(self, ticket: int, now: float) -> Assignment | None:
        """Note a result; return what it is of, None where it is not to be counted."""
        ended = self._running.pop(ticket, None)
        if ended is None:
            return None
        self._measured_on[ended.group][ended.copy] = ended.machine
        if ended.copy == 0:
            estimated, real = self._pace.get(ended.machine, (0.0, 0.0))
            estimated += self.seconds[ended.group]
            self._pace[ended.machine] = estimated, real + max(now - ended.began, 1e-9)
        return ended

    def start(self, now: float) -> list[Assignment]:
        """Return what idle workers are to measure from now on."""
        if not self._waiting:
            return []
        started = self._assign(now, None if self._is_learning(now) else self._expected_end(now))
        if not self._running and self._waiting and self._workers:
            started = self._assign(now, math.inf)
        if not self._running and self._waiting and self._workers:
            if self._take_back():
                return self.start(now)
            self._do_without()
        return started

    def _assign(self, now: float, end: float | None) -> list[Assignment]:
        """Let idle workers measure what they end in time.

        Args:
            end: when all is measured; None to have only short groups measured.
        """
        busy = {each.worker for each in self._running.values()}
        machines = {each.machine for each in self._running.values()}
        idle = [(w, m) for w, m in self._workers.items() if w not in busy]
        idle.sort(key=lambda each: -self._speed(each[1]))
        started = []
        for worker, machine in idle:
            if self.alone and machine in machines:
                continue
            at = self._choose(machine, now, end) if self._waiting else None
            if at is None:
                continue
            machines.add(machine)
            piece = self._take(at)
            self._tickets += 1
            one = Assignment(self._tickets, piece.group, piece.copy, worker, machine, now)
            self._running[one.ticket] = one
            started.append(one)
        return started

    def _choose(self, machine: str, now: float, end: float | None) -> int | None:
        """The place of the longest group that a machine ends in time; None for none."""
        # On a new machine, a short one: it shows how fast the machine is.
        short = end is None or machine not in self._pace
        room = math.inf if end is None else (end - now) * self._speed(machine) * ROUNDING
        for copy in range(self._waiting[0].copy, self.copies):
            first, fits, last = (
                bisect.bisect_left(self._waiting, place, key=self._length)
                for place in ((copy, -math.inf), (copy, -room), (copy + 1, -math.inf))
            )
            for at in range(last - 1, first - 1, -1) if short else range(fits, last):
                if self._may(self._waiting[at], machine):
                    return at
        return None

    def _may(self, piece: Piece, machine: str) -> bool:
        """Whether a machine may measure a group: elsewhere if it was lost here, if there is one."""
        if self.copies == 1 and piece not in self._lost_on and piece not in self._refused_on:
            return True
        taken = {*self._measured_on[piece.group].values(), *self._refused_on.get(piece, {})}
        taken |= {each.machine for each in self._running.values() if each.group == piece.group}
        lost_on = self._lost_on.get(piece, set())
        return machine not in taken and (
            machine not in lost_on or {*self._workers.values()} <= taken | lost_on
        )

    def _speed(self, machine: str) -> float:
        """Estimated seconds that a machine measures in a second; of a new one, the mean of all."""
        if machine in self._pace:
            estimated, real = self._pace[machine]
        else:
            estimated, real = map(sum, zip((0.0, 0.0), *self._pace.values(), strict=True))
        return estimated / real if real else 1.0

    def _is_learning(self, now: float) -> bool:
        """Whether a machine measures its first group, which does not take unexpectedly long.

        Until then it is not known which machines are the fastest.
        """
        return any(
            each.machine not in self._pace
            and now - each.began <= SLOWER * self.seconds[each.group] / self._speed(each.machine)
            for each in self._running.values()
        )

    def _expected_end(self, now: float) -> float:
        """When all is measured if every machine is busy until then, or a long group ends later.

        Such a group is measured where it would end the earliest, maybe after another one.
        """
        left = self._left
        speeds = {machine: self._speed(machine) for machine in {*self._workers.values()}}
        free = dict.fromkeys(speeds, now)
        for each in self._running.values():
            if each.machine in speeds:
                took, speed = now - each.began, speeds[each.machine]
                open_ = abs(self.seconds[each.group] / speed - took)  # one that is late stays so
                left += open_ * speed
                free[each.machine] = max(free[each.machine], now + open_)
        even = last = now + left / (sum(speeds.values()) or 1.0)
        for piece in self._waiting:
            seconds = self.seconds[piece.group]
            ends = {m: free[m] + seconds / s for m, s in speeds.items() if self._may(piece, m)}
            if ends:
                machine = min(ends, key=ends.__getitem__)
                free[machine] = ends[machine]
                if free[machine] <= even:
                    break
                last = max(last, free[machine])
        return last

    def _take_back(self) -> bool:
        """Let machines that measured a group to be held against measure it for the run instead.

        Where the machine that was to do so is lost, and there is no other.
        """
        own = [piece.group for piece in self._waiting if piece.copy == 0]
        for group in own:
            for copy in self._measured_on[group]:
                self._wait(Piece(group, copy))
        taken = any(self._measured_on[group] for group in own)
        self._measured_on |= {group: {} for group in own}
        return taken

    def _do_without(self) -> None:
        """Give up what no machine may measure: refused by all, or a copy for want of machines."""
        for piece in list(self._waiting):
            if piece in self._waiting:
                reasons = list(self._refused_on.get(piece, {}).values())
                self._give_up(piece.group, reasons[-1] if reasons else "there is no machine for it")

    def _give_up(self, group: str, reason: str) -> None:
        if 0 in self._measured_on[group]:  # only what it is held against is missing
            self.lacking.add(group)
        else:
            self.given_up[group] = reason
        for piece in [each for each in self._waiting if each.group == group]:
            self._take(self._waiting.index(piece))

    def _take(self, at: int) -> Piece:
        piece = self._waiting.pop(at)
        self._left -= self.seconds[piece.group]
        return piece

    def _wait(self, piece: Piece) -> None:
        bisect.insort(self._waiting, piece, key=self._place)
        self._left += self.seconds[piece.group]

    def _place(self, piece: Piece) -> tuple[int, int]:
        return piece.copy, self._order[piece.group]

    def _length(self, piece: Piece) -> tuple[int, float]:
        return piece.copy, -self.seconds[piece.group]
