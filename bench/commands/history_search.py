"""What fill and bisect share: their options, and the search that these ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import git
from gradmeter.bench.cases.checkouts import Wanted, arguments
from gradmeter.bench.cases.engine_packages import importable
from gradmeter.bench.cases.engine_revisions import repository
from gradmeter.bench.cases.plan import Group, plan
from gradmeter.bench.cases.revisions import commit_of
from gradmeter.bench.commands.calls import HEAD, PYTEST, read_layers
from gradmeter.bench.commands.shared import add_engines, read_options, say
from gradmeter.bench.errors import UsageError
from gradmeter.bench.filling.engine_commits import EngineCommits, groups_of
from gradmeter.bench.filling.measurer import Measurer
from gradmeter.bench.filling.search import Search
from gradmeter.bench.filling.suite_commits import SuiteCommits
from gradmeter.bench.history import gating
from gradmeter.bench.history.first_parents import FirstParents, first_parents, parse_range
from gradmeter.bench.history.found import Found
from gradmeter.bench.history.recording import INSTRUCTIONS, Key
from gradmeter.bench.history.steps import Change
from gradmeter.bench.report import searches
from gradmeter.bench.results import baseline, environment, files
from gradmeter.bench.runs.allocators import DEFAULT
from gradmeter.bench.verdicts import gate_checks
from gradmeter.bench.verdicts.gates import Gate

OWN = "own"
GOES_ON = "; the same command goes on"  # where it is interrupted
_LABEL = re.compile(r"@[0-9a-f]{40,64}")  # the commit, in the name of a variant

What = Annotated[
    list[str],
    typer.Argument(
        metavar="A..B [-- pytest ARGUMENTS]",
        help="The commits after A up to B; and, after --, pytest and its arguments, for the calls "
        "of a pytest-benchmark suite.",
    ),
]
Variants = Annotated[
    list[str] | None,
    typer.Option("--variant", help="An engine and its settings; repeat for more."),
]
Cases = Annotated[
    Path | None,
    typer.Option(
        "--cases",
        metavar="FILE",
        help="A run or a baseline, whose workloads' cases are measured; of --size, if given.",
    ),
]
Every = Annotated[
    int | None,
    typer.Option(
        "--every",
        metavar="N",
        help="Measure every N-th commit in any case.",
        min=1,
        show_default="",
    ),
]
Tests = Annotated[
    str,
    typer.Option(
        "--bench-tests",
        metavar="own|head",
        help="Whose tests a pytest suite runs at every commit: its own, or B's, which are kept in "
        "a store of their own.",
    ),
]
Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--bench-path", metavar="FOLDER", help="A folder of the project that holds its packages."
    ),
]
Install = Annotated[
    str,
    typer.Option(
        "--bench-install",
        metavar="COMMAND",
        help="Builds a commit of the project in an environment of its own, such as "
        "'pip install .'; kept for the next time, see gradmeter cache.",
    ),
]
Layers = Annotated[
    str,
    typer.Option(
        "--bench-memory",
        metavar="LAYERS",
        help="Measure a pytest suite's calls in these layers of memory, too: python, heap or "
        "python,heap.",
    ),
]
Retry = Annotated[
    bool, typer.Option("--retry", help="Try again what could not be measured before.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be measured, and measure nothing.")
]


@dataclass(frozen=True)
class Asked:
    """The options of a search.

    Attributes:
        what: the range, and a suite's command.
        gates: on what is sought; all changes are where there is none.
    """

    what: Sequence[str]
    store: Path
    workload: list[str] | None = None
    size: list[int] | None = None
    variant: list[str] | None = None
    engine: list[Path] | None = None
    cases: Path | None = None
    tests: str = OWN
    path: list[str] | None = None
    install: str = ""
    layers: str = ""
    instructions: bool = False
    limit: float = 60.0
    seed: int = 0
    retry: bool = False
    all_parents: bool = False
    every: int = 0
    all: bool = False
    gates: Sequence[Gate] = ()

    @property
    def suite(self) -> list[str] | None:
        """The arguments of pytest; None where no suite is measured."""
        return list(self.what[2:]) if len(self.what) > 1 else None

    @property
    def wanted(self) -> Wanted:
        """How a commit is built, and where its packages are."""
        return Wanted(roots=tuple(self.path or ()), build=self.install)

    def selects(self, key: Key) -> bool:
        """Whether a case is measured."""
        return not self.gates or any(gate.applies(key) for gate in self.gates)

    def concerns(self, change: Change) -> bool:
        """Whether a change is sought."""
        return not self.gates or gating.concern(self.gates, change)

    def refuse(self) -> None:
        """Refuse options that would be ignored.

        Raises:
            UsageError: there is one, or no range.
        """
        if not self.what or self.what[0] == PYTEST:
            raise UsageError("name the commits as A..B, such as v1.0..HEAD")
        if len(self.what) > 1 and self.what[1] != PYTEST:
            raise UsageError(
                f"{self.what[1]!r} after the commits: give one range A..B; a suite's command "
                "begins with pytest, after --"
            )
        if self.tests not in (OWN, HEAD):
            raise UsageError(f"--bench-tests is own or head, not {self.tests!r}")
        ours = {
            "--workload": self.workload,
            "--size": self.size,
            "--variant": self.variant,
            "--engine": self.engine,
            "--cases": self.cases,
            "--instructions": self.instructions,
        }
        theirs = {"--bench-tests": self.tests != OWN, "--bench-memory": self.layers}
        for name in [name for name, value in ours.items() if value]:
            if self.suite is not None:
                raise UsageError(
                    f"{name} chooses what gradmeter measures itself; a pytest suite is chosen by "
                    "pytest's own arguments, after --"
                )
        for name in [name for name, value in theirs.items() if value]:
            if self.suite is None:
                raise UsageError(f"{name} is for a pytest suite; name it after --: -- pytest tests")
        if self.cases and (self.workload or self.variant):
            raise UsageError(
                "--cases has the workloads and variants; give none beside it, but --size to choose"
            )


@dataclass(frozen=True)
class Plan:
    """What a search is about, before anything is measured."""

    top: Path
    line: FirstParents
    groups: Sequence[Group]
    folder: Path
    head: str


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
    head, folder = "", asked.store
    if asked.tests == HEAD:
        head = commit_of(top, parse_range(asked.what[0])[1])
        folder = asked.store / f"tests-of-{head[:12]}"
    return Plan(top, line, groups, folder, head)


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


def searched(
    asked: Asked, plan: Plan, tell: Callable[[float, str], None], *, dry_run: bool
) -> Found | None:
    """Search; or say what would be measured, and return None.

    Raises:
        UsageError: nothing can be measured, or the store cannot be written.
    """
    if not dry_run:
        files.writable(plan.folder, "--store")
    with _searching(asked, plan, tell) as search:
        if not dry_run:
            search.run()
            return search.found
    for line in searches.forecast(*search.forecast()):
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
            folder=plan.folder,
            range=asked.what[0],
            line=plan.line,
            measurer=measurer,
            environment=machine,
            tell=progress,
            layers=layers,
            every=asked.every,
            all=asked.all,
            retry=asked.retry,
            all_parents=asked.all_parents,
            concerns=asked.concerns,
        )
        search.read()
        yield search
