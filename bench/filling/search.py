"""Measure the commits that decide where a history's figures change, each kept as soon as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from gradmeter.bench.cases.revisions import commit_of
from gradmeter.bench.filling.measurer import Measurer, UnmeasurableError, now
from gradmeter.bench.history import store
from gradmeter.bench.history.descent import (
    GIVEN_UP,
    Sought,
    differing,
    most_apart,
    next_commit,
    only,
)
from gradmeter.bench.history.first_parents import FirstParents, merged, parse_range
from gradmeter.bench.history.found import Found
from gradmeter.bench.history.overview import of_history
from gradmeter.bench.history.record_text import Blocks
from gradmeter.bench.history.recording import (
    Key,
    Recording,
    Versions,
    unmeasurable,
    versions,
)
from gradmeter.bench.history.series import layer_of
from gradmeter.bench.history.steps import Change, Step, Steps
from gradmeter.bench.history.store import History
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.layers import ARRAYS

_BY_LINES: Final = ("peak", "held")  # what lines account for


@dataclass
class Search:
    """A descent into a range of commits, whose results go to a store at once.

    Attributes:
        top: a folder in the repository.
        place: of the store.
        range: the commits, as of `first_parents.parse_range`.
        line: the same.
        environment: of this process.
        layers: of memory besides array data, and "instructions", that a case has to have.
        retry: whether what could not be measured is tried again.
        all_parents: whether the other parents of a merge are followed, if there is a step at it.
        tell: called with the fraction that is done and a sentence.
        share: which share of the cases this is, in a sentence; empty for all.
        measured: the commits that were measured or could not be, in this order.
        known: the recordings that can be compared with what is measured here.
    """

    top: Path
    place: store.Place
    range: str
    line: FirstParents
    measurer: Measurer
    environment: Environment
    tell: Callable[[float, str], None]
    layers: Collection[str] = ()
    every: int = 0
    all: bool = False
    retry: bool = False
    all_parents: bool = False
    concerns: Callable[[Change], bool] = lambda _: True
    share: str = ""
    measured: list[str] = field(default_factory=list)
    known: list[Recording] = field(default_factory=list)
    keys: frozenset[Key] = frozenset()
    _known_before: set[str] = field(default_factory=set)
    _tried: dict[str, set[Key]] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)
    _unknown: dict[str, str] = field(default_factory=dict)  # problems before the cases are known
    _add: Callable[[Recording], object] = lambda _: None
    _store: History = field(default_factory=lambda: History((), (), Blocks(())))

    @property
    def versions(self) -> Versions:
        """What measures here."""
        return versions(self.environment, "")

    @property
    def sought(self) -> Sought:
        """What the descent is after."""
        measured = {ARRAYS, *self.layers}
        return Sought(
            self.keys,
            self.every,
            self.all,
            lambda change: layer_of(change.figure) in measured and self.concerns(change),
        )

    @property
    def steps(self) -> list[Step]:
        """The steps that are known in the range itself, the oldest first."""
        return differing(self.line.compared, self.known, self.sought)

    def read(self) -> None:
        """Read what the store has.

        Raises:
            UsageError: it cannot be read.
        """
        self._store = store.load(self.place)
        self.keys = self.measurer.keys or frozenset()
        for recording in self._store.recordings:
            if recording.head.dirty or not self.versions.is_like(recording.head.versions):
                continue
            self.known.append(recording)
            if recording.cases:
                self._known_before.add(recording.head.commit)
            tried = self._tried.setdefault(recording.head.commit, set())
            tried |= {key for key in recording.cases if recording.has(key, self.layers)}
            if not self.retry:
                tried |= recording.missing.keys() - recording.cases.keys()
                if recording.head.problem:
                    self._problems[recording.head.commit] = recording.head.problem

    def run(self, keep: Callable[[Recording], object]) -> None:
        """Measure until every step is between neighbours, or nothing can be measured between.

        Args:
            keep: adds a recording to the store.

        Raises:
            UsageError: no commit can be measured, or the store cannot be written.
        """
        self._add = keep
        self._find_keys(self.line.compared)
        self._descend(self.line)

    @property
    def found(self) -> Found:
        """What is known now."""
        history = replace(self._store, recordings=tuple(self.known))
        overview = of_history(self.top, history, self.range, all_parents=self.all_parents)
        overview = replace(
            overview,
            all=self._only(overview.all),
            branches=tuple(replace(b, all=self._only(b.all)) for b in overview.branches),
        )
        order = self.line.compared
        tried = self._state(order)
        return Found(
            overview=overview,
            measured=tuple(self.measured),
            known=len(self._known_before.intersection(order)),
            cases=len(self.keys),
            whole=all(self.keys <= set(tried[name]) for name in order),
            notes=tuple(self._notes(order)),
            shared=bool(self.share),
        )

    def _only(self, found: Steps) -> Steps:
        return replace(found, steps=tuple(only(found.steps, self.sought)))

    def _notes(self, order: Sequence[str]) -> Iterator[str]:
        if self.share:
            yield self.share
        first, _ = parse_range(self.range)
        if first is not None and commit_of(self.top, first) != order[0]:
            yield (
                f"{first} is not among the first parents of the range, so {order[0][:12]}, which "
                "is, takes its place"
            )
        elsewhere = {
            r.head.commit
            for r in self._store.recordings
            if r.cases and not self.versions.is_like(r.head.versions)
        }
        count = len(elsewhere.intersection(order))
        if count:
            yield (
                f"figures of {count:,} commit{'s' * (count > 1)} were recorded by other versions "
                "than measure here, and are not used"
            )

    def forecast(self) -> tuple[int, int, int | None, int]:
        """What is known before anything is measured; the arguments of report/searches.py."""
        order = self.line.compared
        last = len(order) - 1
        places = {0, last, *(range(0, last, self.every) if self.every else ())}
        if self.all:
            places = set(range(len(order)))
        keys = self.measurer.keys
        tried = self._state(order)
        open_ = [
            place
            for place in places
            if (keys - set(tried[order[place]]) if keys is not None else not tried[order[place]])
        ]
        return len(order), len(open_), None if keys is None else len(keys), len(places)

    def _descend(self, line: FirstParents) -> None:
        order = line.compared
        while True:
            commit = next_commit(order, self.known, self._state(order), self.sought)
            if commit is None:
                break
            missing = self.keys - self._tried.get(commit, set())
            self._measure(commit, missing)
        found = differing(order, self.known, self.sought)
        for step in found:
            self._explain(step)
        if not self.all_parents:
            return
        for step in found:
            if step.suspects == 1 and step.after in line.chosen:
                for branch in merged(self.top, line.by_name[step.after]):
                    self._descend(branch)

    def _state(self, order: Sequence[str]) -> dict[str, Collection[Key]]:
        """The cases that were tried at each commit."""
        return {
            name: self.keys if name in self._problems else self._tried.get(name, set())
            for name in order
        }

    def _find_keys(self, order: Sequence[str]) -> None:
        """Find which cases there are: those of the measurer, or those at the ends of the range."""
        if self.measurer.keys is not None:
            self.keys = self.measurer.keys
            return
        found: set[Key] = set()
        told = False  # which cases there are, which may be none
        untried = [True] * len(order)
        places = [len(order) - 1, 0]
        while places:
            place = places.pop(0)
            commit = order[place]
            untried[place] = False
            self._tried.setdefault(commit, set())
            if commit not in self._problems:
                found |= self._measure(commit, None)
                told = told or commit not in self._problems
            left = [p for p, open_ in enumerate(untried) if open_]
            if not places and not told and left and len(order) - len(left) < GIVEN_UP:
                places.append(most_apart(left, untried))
        self.keys = frozenset(found)
        for commit, why in self._unknown.items():
            if found:
                self._keep(unmeasurable(commit, why, now(self.environment), found))
            else:  # of which cases it is said is not known
                self.known.append(unmeasurable(commit, why, now(self.environment)))
        for end in (order[-1], order[0]):  # of which it is known what they lack
            self._tried[end] |= self.keys

    def _measure(self, commit: str, keys: Collection[Key] | None) -> frozenset[Key]:
        """Measure cases at a commit and keep them; return those that there are."""
        tried = self._tried.setdefault(commit, set())
        self._say(commit)
        try:
            made = self.measurer.measure(commit, keys, tried, lines=False)
        except UnmeasurableError as error:
            self._problems[commit] = str(error)
            if keys is None and not error.whole:
                self._unknown[commit] = str(error)
            else:
                wanted = None if error.whole else keys
                self._keep(unmeasurable(commit, str(error), now(self.environment), wanted))
            return frozenset()
        self._keep(made.recording)
        tried |= made.keys if keys is None else set(keys)
        return made.keys

    def _keep(self, recording: Recording) -> None:
        if recording.cases or recording.missing or recording.head.problem:
            self._add(recording)
            self.known.append(recording)
            if recording.head.commit not in self.measured:
                self.measured.append(recording.head.commit)

    def _explain(self, step: Step) -> None:
        """Measure the lines of the cases of a step at both of its ends, where they are unknown."""
        for commit, which in ((step.before, "first"), (step.after, "second")):
            keys = {
                change.key
                for change in step.changes
                if change.figure in _BY_LINES and getattr(change, which).lines is None
            } & self.keys
            if keys and commit not in self._problems:
                self._say(commit, "lines of ")
                try:
                    made = self.measurer.measure(commit, keys, (), lines=True)
                except UnmeasurableError:
                    continue
                self._keep(made.recording)

    def _say(self, commit: str, what: str = "") -> None:
        left = sum(math.ceil(math.log2(step.suspects)) for step in self.steps) if self.keys else 2
        done = len(self.measured)
        self.tell(done / (done + left + 1), f"{done} measured, now {what}{commit[:12]}")
