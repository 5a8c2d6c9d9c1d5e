"""Measure the cases of engines at commits of the repository that has their packages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import psutil

from gradmeter.bench import session
from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.engine_revisions import engine_revisions
from gradmeter.bench.cases.interpreters import grounds
from gradmeter.bench.cases.plan import Group, check_fits, plan
from gradmeter.bench.cases.revisions import Revision
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.engines import Engine
from gradmeter.bench.errors import UsageError
from gradmeter.bench.filling.measurer import Measured, now, of_one_commit
from gradmeter.bench.history.recording import Key, at_commit
from gradmeter.bench.meters import instructions
from gradmeter.bench.results import environment
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.readings import SelfTest
from gradmeter.bench.results.run import ORDINARY, Options, Run
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.self_tests import conclusive

change = msgspec.structs.replace


def groups_of(keys: Iterable[Key]) -> list[Group]:
    """The groups of cases, such as those of a run.

    Raises:
        UsageError: there are none, or a name does not exist.
    """
    variants: dict[tuple[str, int], list[str]] = {}
    for workload, size, variant in keys:
        if size != ORDINARY:
            variants.setdefault((workload, size), []).append(variant)
    found = [
        group
        for (workload, size), names in variants.items()
        for group in plan([workload], [size], names)[0]
    ]
    if not found:
        raise UsageError(
            "--cases has no workload's case; a suite's calls are chosen by pytest's arguments, "
            "after --"
        )
    return found


@dataclass
class EngineCommits:
    """Measures groups of cases at commits; see `Measurer`.

    Attributes:
        wanted: how a commit is built, and the folders that hold packages.
        here: the folder to start in.
        tell: called with a sentence at each step.
        selects: which of the cases are measured.
    """

    groups: Sequence[Group]
    options: Options
    wanted: Wanted
    here: Path
    tell: Callable[[float, str], None]
    environment: Environment
    selects: Callable[[Key], bool] = lambda _: True
    _self_tests: Sequence[SelfTest] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.options.instructions:
            instructions.require()
        self.keys: frozenset[Key] | None = frozenset(
            key
            for group in self.groups
            for variant in group.variants
            if self.selects(key := group.key(variant))
        )
        descendants.end_stale()
        check_fits(self.groups, psutil.virtual_memory().available)

    @property
    def engines(self) -> list[Engine]:
        """The engines of all groups."""
        return list(dict.fromkeys(v.engine for group in self.groups for v in group.variants))

    def measure(
        self, commit: str, keys: Collection[Key] | None, known: Collection[Key], *, lines: bool
    ) -> Measured:
        """Measure cases at a commit, in the order of the groups."""
        assert self.keys is not None
        asked = (self.keys if keys is None else frozenset(keys)) - frozenset(known)
        wanted = replace(self.wanted, revisions=(commit,))
        with (
            of_one_commit(),
            engine_revisions(
                self.engines, wanted, self.here, lambda sentence: self.tell(0.0, sentence)
            ) as ([revision], engines),
        ):
            run = self._run(revision, engines, asked, lines=lines)
        return Measured(at_commit(run, commit, asked), frozenset(self.keys))

    def _run(
        self,
        revision: Revision,
        engines: Mapping[str, Engine],
        asked: Collection[Key],
        *,
        lines: bool,
    ) -> Run:
        names: dict[str, str] = {}

        def at(variant: Variant) -> Variant:
            engine = engines.get(variant.engine.name, variant.engine)
            labelled = replace(variant, engine=engine, label=revision.label)
            names[str(labelled)] = str(variant)
            return labelled

        groups = []
        for group in self.groups:
            variants = tuple(at(v) for v in group.variants if group.key(v) in asked)
            if variants:
                groups.append(replace(group, variants=variants))
        options = change(self.options, lines=lines)
        run = Run(
            environment=now(self.environment),
            options=options,
            self_tests=list(self._self_tests),
            comparisons=[],
            cases=[],
            finished=False,
            grounds=grounds(groups),
        )
        record = Record(run, lambda _: None, self.tell)
        ways = {revision.label: session.way(revision)}
        run = session.runner(record, environment.cores(), ways).measure(groups)
        self._self_tests = conclusive(run.self_tests)
        cases = [change(case, variant=names[case.variant]) for case in run.cases]
        return change(run, cases=cases)
