"""The options of fill and bisect, and what they ask for together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.commands.calls import HEAD, PYTEST
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import gating, store
from gradmeter.bench.history.recording import Key
from gradmeter.bench.history.steps import Change
from gradmeter.bench.results.run import ORDINARY
from gradmeter.bench.verdicts.gates import Gate

OWN = "own"

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
        share: of the groups or tests that is measured; None for all.
    """

    what: Sequence[str]
    store: store.Place
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
    share: Share | None = None

    @property
    def suite(self) -> list[str] | None:
        """The arguments of pytest; None where no suite is measured."""
        return list(self.what[2:]) if len(self.what) > 1 else None

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
