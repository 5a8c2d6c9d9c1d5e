"""The options that several commands take, each with the panel of the help that it stands in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gradmeter.bench.commands.completion import (
    complete_paths,
    complete_variants,
    complete_workloads,
)
from gradmeter.bench.commands.help_layout import COMMITS, OUTPUT, RARE, SUITE, VERDICTS, WHAT
from gradmeter.bench.commands.reading import read_size
from gradmeter.bench.history import store

Workloads = Annotated[
    list[str] | None,
    typer.Option(
        "--workload",
        metavar="NAME",
        rich_help_panel=WHAT,
        autocompletion=complete_workloads,
        help="A workload, as an option: squares-30, FILE.py:NAME.",
    ),
]
Sizes = Annotated[
    list[int] | None,
    typer.Option(
        "--size",
        parser=read_size,
        metavar="N",
        rich_help_panel=WHAT,
        help="Elements in each array, such as 1e6; repeatable.",
    ),
]
Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant",
        metavar="VARIANT",
        rich_help_panel=WHAT,
        autocompletion=complete_variants,
        help="A variant, as an option: engine:retain_grad=on.",
    ),
]
Keyword = Annotated[
    str,
    typer.Option(
        "-k",
        metavar="EXPRESSION",
        rich_help_panel=WHAT,
        help="Only cases that match: 'squares and not strong'.",
    ),
]
Engines = Annotated[
    list[Path] | None,
    typer.Option(
        "--engine",
        metavar="FILE",
        rich_help_panel=WHAT,
        help="The adapter of an engine of your own.",
    ),
]
Counted = Annotated[
    bool,
    typer.Option(
        "--instructions",
        rich_help_panel=WHAT,
        help="Count instructions, too, with valgrind.",
    ),
]
Functions = Annotated[
    bool,
    typer.Option(
        "--functions",
        rich_help_panel=RARE,
        help="With --instructions: count each C function, and the calls of Python functions.",
    ),
]
ByLine = Annotated[
    bool,
    typer.Option(
        "--lines",
        rich_help_panel=WHAT,
        help="Measure the bytes of every line, too.",
    ),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact", rich_help_panel=WHAT, help="Measure exact bytes alone: no time, and fast."
    ),
]
Budget = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", rich_help_panel=RARE, help="Timing of each case in its first sets.",
        min=0.0,
    ),
]  # fmt: skip
Sets = Annotated[
    int,
    typer.Option(
        metavar="N", rich_help_panel=VERDICTS, help="Sets of fresh processes; 0: no time.", min=0
    ),
]
Effect = Annotated[
    str,
    typer.Option(
        metavar="SHARE", rich_help_panel=VERDICTS, help="The smallest effect that matters."
    ),
]
Seed = Annotated[
    int,
    typer.Option(metavar="N", rich_help_panel=RARE, help="Generates the inputs.", min=0),
]
Limit = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        rich_help_panel=RARE,
        help="A silent worker is ended after these.",
    ),
]
Allocator = Annotated[
    str,
    typer.Option(
        metavar="POLICY",
        rich_help_panel=RARE,
        help="The C library's allocator while timing: kept (freed memory stays in the process), "
        "returned (given back each time) or system (by what the process did before).",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        metavar="FOLDER",
        rich_help_panel=OUTPUT,
        help="The folder to write.",
        file_okay=False,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", rich_help_panel=OUTPUT, help="Print only what failed, and no progress."
    ),
]
Everything = Annotated[
    bool,
    typer.Option(
        "--all", "-v", rich_help_panel=OUTPUT, help="Print every table, not only the summary."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", rich_help_panel=OUTPUT, help="Print JSON, and nothing else.")
]
AsMarkdown = Annotated[
    bool,
    typer.Option("--markdown", rich_help_panel=OUTPUT, help="Print Markdown, for a job summary."),
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="GATE",
        rich_help_panel=VERDICTS,
        help="Exit with 1 if it holds; see gradmeter gates.",
    ),
]
RunArgument = Annotated[
    Path,
    typer.Argument(metavar="RUN", autocompletion=complete_paths, help="A run.json, or its folder."),
]
AnyStore = Annotated[
    Any,  # store.Place, of which Typer knows nothing
    typer.Option(
        "--store",
        parser=lambda text: store.place(str(text)),
        metavar="STORE",
        rich_help_panel=COMMITS,
        help="A folder or branch:NAME.",
    ),
]
AllParents = Annotated[
    bool,
    typer.Option(
        "--all-parents",
        rich_help_panel=COMMITS,
        help="Look for a merge's step among its commits.",
    ),
]
Push = Annotated[
    bool,
    typer.Option(
        "--push", rich_help_panel=COMMITS, help="Push the branch, merged with what others pushed."
    ),
]
Renamed = Annotated[
    list[str] | None,
    typer.Option(
        "--renamed",
        metavar="OLD=NEW",
        help="A workload or test was recorded as OLD. Repeat for more.",
    ),
]
Tests = Annotated[
    str,
    typer.Option(
        "--bench-tests",
        metavar="own|head",
        rich_help_panel=SUITE,
        help="Whose tests to run.",
    ),
]
Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--bench-path",
        metavar="FOLDER",
        rich_help_panel=SUITE,
        help="The folder of its packages, such as src.",
    ),
]
Install = Annotated[
    str,
    typer.Option(
        "--bench-install",
        metavar="COMMAND",
        rich_help_panel=SUITE,
        help="Builds each revision, such as 'pip install .'.",
    ),
]
Layers = Annotated[
    str,
    typer.Option(
        "--bench-memory",
        metavar="LAYERS",
        rich_help_panel=SUITE,
        help="Layers of memory to measure, too: python,heap.",
    ),
]


Shard = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="K/N",
        rich_help_panel=RARE,
        help="Measure the K-th of N shares; gradmeter merge joins them.",
    ),
]
ShardBy = Annotated[
    Path | None,
    typer.Option(
        "--shard-by",
        metavar="RUN",
        rich_help_panel=RARE,
        help="Spread the shares by the seconds of this earlier run.",
    ),
]
