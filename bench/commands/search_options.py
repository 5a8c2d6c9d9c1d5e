"""The options of fill and bisect: one bundle for both, and what they ask for together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.commands.calls import HEAD, suite_arguments
from gradmeter.bench.commands.help_layout import COMMITS, OUTPUT, WHAT, HelpAll
from gradmeter.bench.commands.options import (
    AllParents,
    AnyStore,
    AsJson,
    Counted,
    Engines,
    Install,
    Layers,
    Limit,
    Paths,
    Push,
    Seed,
    Sizes,
    Tests,
    Variants,
    Workloads,
)
from gradmeter.bench.commands.reading import pushed
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import gating, store
from gradmeter.bench.history.recording import Key
from gradmeter.bench.history.steps import Change
from gradmeter.bench.results.run import ORDINARY
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.verdicts.gates import Gate

OWN = "own"


@dataclass(frozen=True)
class Asked:
    """The options of a search, and what a command makes of its own ones.

    Attributes:
        what: the range, and a suite's command.
        all: measure every commit.
        gates: on what is sought; all changes are where there is none.
        share: of the groups or tests that is measured; None for all.
    """

    what: Annotated[
        list[str],
        typer.Argument(
            metavar="A..B",
            rich_help_panel=COMMITS,
            help="The commits after A up to B; then -- pytest ....",
        ),
    ]
    folder: AnyStore = store.DEFAULT
    push: Push = False
    every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=COMMITS,
            help="Measure every N-th commit in any case.",
            min=1,
        ),
    ] = None
    all_parents: AllParents = False
    retry: Annotated[
        bool,
        typer.Option(
            "--retry",
            rich_help_panel=COMMITS,
            help="Try again what could not be measured before.",
        ),
    ] = False
    size: Sizes = None
    workload: Workloads = None
    variant: Variants = None
    engine: Engines = None
    cases: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=WHAT,
            help="Measure the cases of this run or baseline.",
        ),
    ] = None
    instructions: Counted = False
    tests: Tests = OWN
    path: Paths = None
    install: Install = ""
    layers: Layers = ""
    limit: Limit = 60.0
    seed: Seed = 0
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", rich_help_panel=OUTPUT, help="Say what would be measured, and stop."
        ),
    ] = False
    json: AsJson = False
    help_all: HelpAll = False
    all: bool = False
    gates: Sequence[Gate] = ()
    share: Share | None = None

    @property
    def store(self) -> store.Place:
        """The history, to be pushed where that is asked.

        Raises:
            UsageError: it is no branch.
        """
        return pushed(self.folder, self.push)

    @property
    def suite(self) -> list[str] | None:
        """The arguments of pytest; None where no suite is measured."""
        return suite_arguments(self.what[1:])

    @property
    def wanted(self) -> Wanted:
        """How a commit is built, and where its packages are."""
        return Wanted(roots=tuple(self.path or ()), build=self.install)

    def selects(self, key: Key) -> bool:
        """Whether a case is measured; a share of the groups of workloads was chosen before."""
        test, size, _ = key
        if self.share is not None and size == ORDINARY and not self.share.has(test):
            return False
        return not self.gates or any(gate.applies(key) for gate in self.gates)

    def concerns(self, change: Change) -> bool:
        """Whether a change is sought."""
        return not self.gates or gating.concern(self.gates, change)

    def refuse(self) -> None:
        """Refuse options that would be ignored.

        Raises:
            UsageError: there is one, or no range.
        """
        first, rest = self.what[:1], self.what[1:]
        if not first or suite_arguments(first) is not None or rest[:2] == ["-m", "pytest"]:
            raise UsageError("name the commits as A..B, such as v1.0..HEAD")
        if rest and self.suite is None:
            raise UsageError(
                f"{rest[0]!r} after the commits: give one range A..B; a suite's command "
                "begins with pytest, after --"
            )
        if self.tests not in (OWN, HEAD):
            meant = suggestion(self.tests, (OWN, HEAD))
            raise UsageError(f"--bench-tests is own or head, not {self.tests!r}{meant}")
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
