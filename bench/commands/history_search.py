"""The search of fill and bisect: its plan, and what is measured for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.cases import sharded
from gradmeter.bench.cases.checkouts import arguments
from gradmeter.bench.cases.engine_packages import importable
from gradmeter.bench.cases.engine_revisions import repository
from gradmeter.bench.cases.plan import Group, plan
from gradmeter.bench.cases.revisions import commit_of
from gradmeter.bench.commands.calls import HEAD, read_layers
from gradmeter.bench.commands.reading import add_engines, read_options
from gradmeter.bench.commands.search_options import Asked
from gradmeter.bench.commands.shared import say
from gradmeter.bench.errors import UsageError
from gradmeter.bench.filling.additions import additions
from gradmeter.bench.filling.engine_commits import EngineCommits, groups_of
from gradmeter.bench.filling.measurer import Measurer
from gradmeter.bench.filling.search import Search
from gradmeter.bench.filling.suite_commits import SuiteCommits
from gradmeter.bench.history import store
from gradmeter.bench.history.branch import Branch
from gradmeter.bench.history.first_parents import FirstParents, first_parents, parse_range
from gradmeter.bench.history.found import Found
from gradmeter.bench.history.recording import INSTRUCTIONS
from gradmeter.bench.report import searches
from gradmeter.bench.results import baseline, environment
from gradmeter.bench.runs.allocators import DEFAULT
from gradmeter.bench.verdicts import gate_checks

GOES_ON = "; the same command goes on"  # where it is interrupted
_LABEL = re.compile(r"@[0-9a-f]{40,64}")  # the commit, in the name of a variant


@dataclass(frozen=True)
class Plan:
    """What a search is about, before anything is measured.

    Attributes:
        share: which share of the cases that is, in a sentence; empty for all.
    """

    top: Path
    line: FirstParents
    groups: Sequence[Group]
    store: store.Place
    head: str
    share: str


def planned(asked: Asked) -> Plan:
    """Read the options, and ask git for the commits.

    Raises:
        UsageError: they make no sense, or there are no such commits.
    """
    asked.refuse()
    here, groups = Path.cwd(), []
    if asked.suite is None:
        groups = _groups(asked)
        keys = [group.key(variant) for group in groups for variant in group.variants]
        gate_checks.check_terms(asked.gates, keys)
        gate_checks.check_names(asked.gates, keys)
        engines = list(dict.fromkeys(v.engine for g in groups for v in g.variants))
        top = repository(engines, here, asked.path or ())
    else:
        top = git.top(here, needed_by="the range of commits").resolve()
    line = first_parents(top, asked.what[0])
    if not line.chosen:
        raise UsageError(f"there are no commits in {asked.what[0]}")
    head, place = "", asked.store
    if asked.tests == HEAD:
        head = commit_of(top, parse_range(asked.what[0])[1])
        name = f"tests-of-{head[:12]}"
        place = (
            replace(place, name=f"{place.name}-{name}")
            if isinstance(place, Branch)
            else place / name
        )
    share = ""
    if asked.share is not None:
        total = None if asked.suite is not None else len(groups)
        groups = sharded.groups_of(asked.share, groups)
        share = searches.share_text(asked.share.name, len(groups), total)
    return Plan(top, line, groups, place, head, share)


def _groups(asked: Asked) -> list[Group]:
    with importable(asked.engine or (), Path.cwd(), asked.path or ()):
        named = add_engines(asked.engine)
    if asked.cases is not None:
        cases = baseline.load(asked.cases)
        if not isinstance(cases, list):
            raise UsageError(f"--cases {asked.cases}: there is no run or baseline")
        keys = [each.key for each in cases if not asked.size or each.size in asked.size]
        if not keys:
            sizes = ", ".join(map(str, asked.size or []))
            raise UsageError(f"--cases {asked.cases} has no case of --size {sizes}")
        return groups_of(keys)
    groups, _ = plan(
        asked.workload or ["squares-3"],
        asked.size or [1_000_000],
        asked.variant or named or ["engine"],
    )
    return groups


@dataclass
class _Progress:
    """Tells the step of a search, and beside it what is being measured in it."""

    tell: Callable[[float, str], None]
    fraction: float = 0.0
    sentence: str = "starting"

    def __call__(self, fraction: float, sentence: str) -> None:
        self.fraction, self.sentence = fraction, sentence
        self.tell(fraction, sentence)

    def inner(self, _: float, sentence: str) -> None:
        self.tell(self.fraction, f"{self.sentence}: {_LABEL.sub('', sentence)}")


def searched(asked: Asked, plan: Plan, tell: Callable[[float, str], None]) -> Found | None:
    """Search; or say what would be measured, and return None.

    Raises:
        UsageError: nothing can be measured, or the store cannot be written.
    """
    with (
        nullcontext() if asked.dry_run else additions(plan.store) as added,
        _searching(asked, plan, tell) as search,
    ):
        if added is not None:
            search.run(added.add)
            return search.found
    for line in [*filter(None, [plan.share]), *searches.forecast(*search.forecast())]:
        say(line)
    return None


@contextmanager
def _searching(asked: Asked, plan: Plan, tell: Callable[[float, str], None]) -> Iterator[Search]:
    """A search, ready to run, with what the store has."""
    machine = environment.describe()
    options = read_options(
        collector="on",
        allocator=DEFAULT,
        instructions=asked.instructions,
        exact=True,
        seed=asked.seed,
        sets=0,
        budget=0.0,
        min_rounds=1,
        limit=asked.limit,
    )
    progress = _Progress(tell)
    with ExitStack() as stack:
        measurer: Measurer
        layers: Collection[str] = [INSTRUCTIONS] if asked.instructions else []
        if asked.suite is None:
            measurer = EngineCommits(
                plan.groups,
                options,
                asked.wanted,
                Path.cwd(),
                progress.inner,
                machine,
                asked.selects,
            )
        else:
            layers = read_layers(asked.layers)
            measurer = stack.enter_context(
                SuiteCommits(
                    asked.wanted,
                    arguments(asked.suite, Path.cwd()),
                    Path.cwd(),
                    options,
                    progress.inner,
                    machine,
                    layers,
                    plan.head,
                    asked.gates,
                    asked.selects,
                )
            )
        search = Search(
            top=plan.top,
            place=plan.store,
            range=asked.what[0],
            line=plan.line,
            measurer=measurer,
            environment=machine,
            tell=progress,
            layers=layers,
            every=asked.every or 0,
            all=asked.all,
            retry=asked.retry,
            all_parents=asked.all_parents,
            concerns=asked.concerns,
            share=plan.share,
        )
        search.read()
        yield search
