"""Compare variants, git revisions or two run files."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench.cases.engine_packages import importable
from gradmeter.bench.commands import compared_engines, compared_files
from gradmeter.bench.commands.calls import (
    HEAD,
    compare_suite,
    refuse_options,
    suite_arguments,
    wanted_sides,
)
from gradmeter.bench.commands.completion import complete_compared
from gradmeter.bench.commands.conclusion import Printed, conclude, hint
from gradmeter.bench.commands.help_layout import RARE, SUITE, VERDICTS, WHAT, HelpAll
from gradmeter.bench.commands.measuring import Measuring
from gradmeter.bench.commands.options import (
    AsJson,
    AsMarkdown,
    Budget,
    Effect,
    Engines,
    Everything,
    FailOn,
    Install,
    Keyword,
    Layers,
    Out,
    Paths,
    Quiet,
    Sizes,
    Tests,
    Workloads,
)
from gradmeter.bench.commands.reading import add_engines, fraction, read_options
from gradmeter.bench.commands.selection import named
from gradmeter.bench.commands.shared import measure
from gradmeter.bench.errors import UsageError
from gradmeter.bench.verdicts import gate_checks, gates

COMPARED = Path("reports/compare")  # so the default run of check is not overwritten


def compare(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORKLOAD|VARIANT|RUN",
            rich_help_panel=WHAT,
            autocompletion=complete_compared,
            help="What is compared; or after --, pytest ARGUMENTS.",
        ),
    ] = None,
    rev: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REVISION",
            rich_help_panel=WHAT,
            help="A git revision; one alone, with your files.",
        ),
    ] = None,
    size: Sizes = None,
    keyword: Keyword = "",
    engine: Engines = None,
    workload: Workloads = None,
    fail_on: FailOn = None,
    effect: Effect = "2%",
    seconds: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            rich_help_panel=VERDICTS,
            help="For each undecided comparison.",
            min=0.0,
        ),
    ] = 12.0,
    sets: Annotated[
        int,
        typer.Option(
            metavar="N",
            rich_help_panel=RARE,
            help="Sets of fresh processes before the first verdict.",
            min=1,
        ),
    ] = 10,
    most_sets: Annotated[
        int,
        typer.Option(
            metavar="N",
            rich_help_panel=RARE,
            help="Sets after which it stays inconclusive.",
            min=1,
        ),
    ] = 64,
    budget: Budget = 1.2,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="REQUIREMENTS",
            rich_help_panel=SUITE,
            help="Compare versions of a dependency: numpy==2.2.",
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INTERPRETER",
            rich_help_panel=SUITE,
            help="Compare interpreters: a path, or 3.12.",
        ),
    ] = None,
    tests: Tests = HEAD,
    path: Paths = None,
    install: Install = "",
    layers: Layers = "",
    whole: Annotated[
        bool,
        typer.Option(
            "--bench-all",
            rich_help_panel=RARE,
            help="Time calls in all sets also where no revision changes their code.",
        ),
    ] = False,
    out: Out = COMPARED,
    everything: Everything = False,
    quiet: Quiet = False,
    markdown: AsMarkdown = False,
    json_: AsJson = False,
    *,
    measuring: Measuring,
    help_all: HelpAll = False,  # noqa: ARG001
) -> None:
    """Compare variants, git revisions or two runs: memory exactly, time by verdict.

    Examples:
      gradmeter compare squares-3 engine engine:retain_grad=on --fail-on slower
      gradmeter compare --rev main --engine adapter.py --markdown
      gradmeter compare --rev main -- pytest benchmarks
      gradmeter compare old/run.json new/run.json

    The first variant, revision or run is the baseline. Default: squares-3 at 1e4 and 1e6.
    Exit codes: 1 a gate failed, 3 some cases could not be measured.
    """
    criteria = [gates.parse(text) for text in fail_on or []]
    gate_checks.refuse_presence(criteria)
    if markdown + json_ + quiet > 1 and (markdown or not quiet):
        raise UsageError("--markdown, --json and --quiet exclude each other; choose one")
    printed = Printed(markdown=markdown, json=json_, quiet=quiet, everything=everything)
    share, elsewhere, words = measuring.share, measuring.elsewhere, what or []
    arguments, files = suite_arguments(words), False
    suite = arguments is not None
    ours: dict[str, object]
    ours = {"--workload": workload, "--size": size, "--engine": engine, "-k": keyword}
    ours["--functions"] = measuring.functions
    theirs: dict[str, object] = {"--with": with_, "--python": python, "--bench-all": whole}
    theirs |= {"--bench-memory": layers, "--bench-tests": tests != HEAD}
    refuse_options([name for name, v in (ours if suite else theirs).items() if v], suite=suite)
    if not suite:  # whose arguments may be files
        files = any(map(compared_files.is_run, words))
    if measuring.on and (suite or files):
        raise UsageError(
            "--on compares variants, and revisions of an engine; run files are compared here, and "
            "a pytest suite's calls where its checkout is: run a --shard of them on each machine"
        )
    if files:
        given = {"--rev": rev, "--shard": share, **ours}
        for name in [name for name, value in given.items() if value]:
            raise UsageError(
                f"{name} is for what is measured; two run files are compared whole: leave it out"
            )
        run = compared_files.pair(words, criteria)
        conclude(run, criteria, printed, notes=[compared_files.NOTE])
        return
    options = read_options(
        **measuring.options,
        sets=sets,
        budget=budget,
        most_sets=most_sets,
        seconds=seconds,
        effect=fraction(effect),
        differing_lines=True,
    )
    if arguments is not None:
        if measuring.instructions:
            raise UsageError("the instructions of a suite's calls cannot be counted")
        run = compare_suite(
            arguments,
            wanted_sides(rev or (), with_ or (), python or (), path or (), install),
            options,
            out,
            tests=tests,
            whole=whole,
            criteria=criteria,
            layers=layers,
            share=share,
            quiet=quiet,
        )
        conclude(run, criteria, printed, out=out)
        return
    if not rev and (path or install):
        raise UsageError(
            f"{'--bench-path' if path else '--bench-install'} is for revisions; name them with "
            "--rev main"
        )
    # With revisions, an adapter's packages need not be installed.
    with importable(engine or (), Path.cwd(), path or ()) if rev else nullcontext():
        own = add_engines(engine)
    chosen = named(words)
    names, sizes = [*chosen.workloads, *(workload or [])], size or [10_000, 1_000_000]
    named_cases = names or ["squares-3"], sizes, chosen.variants or own
    with (
        compared_engines.of_revisions(
            wanted_sides(rev, (), (), path or (), install), *named_cases, quiet=quiet
        )
        if rev
        else nullcontext(compared_engines.of_variants(*named_cases))
    ) as plan:
        chosen_plan = plan.selected(keyword)
        chosen_plan.check(criteria, options)
        run = measure(
            chosen_plan.groups,
            chosen_plan.comparisons,
            options,
            out,
            revisions=chosen_plan.revisions,
            share=share,
            quiet=quiet,
            through=elsewhere,
        )
    conclude(run, criteria, printed, out=out, following=hint(run, chosen_plan.groups))
