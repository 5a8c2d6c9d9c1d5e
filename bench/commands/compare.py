"""Compare variants, git revisions or two run files."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gradmeter.bench import workloads
from gradmeter.bench.cases import compared
from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.engine_packages import importable
from gradmeter.bench.cases.engine_revisions import engine_revisions
from gradmeter.bench.cases.plan import Group, plan
from gradmeter.bench.cases.revisions import OURS, Revision
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.commands.calls import (
    HEAD,
    PYTEST,
    compare_suite,
    refuse_options,
    wanted_sides,
)
from gradmeter.bench.commands.machines import Machines, On, through
from gradmeter.bench.commands.shared import (
    UNMEASURED,
    Allocator,
    AsMarkdown,
    Budget,
    Collector,
    Counted,
    Engines,
    FailOn,
    Functions,
    Limit,
    MinRounds,
    Out,
    Seed,
    Shard,
    ShardBy,
    Sizes,
    Workloads,
    add_engines,
    exit_for,
    fraction,
    measure,
    read_options,
    read_share,
    run_path,
    say,
    say_lines,
    show_run,
    tell_written,
)
from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import comparison, gate
from gradmeter.bench.results import run_file
from gradmeter.bench.results.laws import is_law_file
from gradmeter.bench.results.run import Comparison, Run
from gradmeter.bench.runs.allocators import DEFAULT
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.verdicts import breaches, gate_checks, gates, verdicts

COMPARED = Path("reports/compare")  # so the default run of check is not overwritten


def compare(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VARIANT...|RUN RUN|-- pytest ARGUMENTS]",
            help="Variants, the first the baseline; or two run files (or their folders); or, after "
            "--, pytest and its arguments: each selected benchmark(...) call at every --rev.",
        ),
    ] = None,
    rev: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REVISION",
            help="The package engine, the packages of the engine in --engine, or the project that "
            "the pytest suite measures, at this git revision; the first is the baseline. Given "
            "once, it is compared with the working tree.",
        ),
    ] = None,
    workload: Workloads = None,
    size: Sizes = None,
    engine: Engines = None,
    fail_on: FailOn = None,
    effect: Annotated[
        str, typer.Option(help="The smallest effect on time that matters, such as 2%.")
    ] = "2%",
    seconds: Annotated[
        float,
        typer.Option(
            help="Seconds for each comparison that is undecided; four times as many where its "
            "estimate lies beyond --effect.",
            min=0.0,
        ),
    ] = 12.0,
    sets: Annotated[
        int, typer.Option(help="Sets of fresh processes before the first verdict.", min=1)
    ] = 10,
    most_sets: Annotated[
        int, typer.Option(help="Sets after which an open comparison stays inconclusive.", min=1)
    ] = 64,
    budget: Budget = 1.2,
    min_rounds: MinRounds = 10,
    collector: Collector = "on",
    allocator: Allocator = DEFAULT,
    instructions: Counted = False,
    functions: Functions = False,
    tests: Annotated[
        str,
        typer.Option(
            "--bench-tests",
            metavar="head|own",
            help="Whose tests a pytest suite runs at every revision: the last one's, or each its "
            "own.",
        ),
    ] = HEAD,
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--bench-path",
            metavar="FOLDER",
            help="A folder of the project that holds its packages, such as src; by default as its "
            "build configuration has it.",
        ),
    ] = None,
    install: Annotated[
        str,
        typer.Option(
            "--bench-install",
            metavar="COMMAND",
            help="Builds a revision of the project in an environment of its own, such as "
            "'pip install .'; kept for the next time, see gradmeter cache.",
        ),
    ] = "",
    layers: Annotated[
        str,
        typer.Option(
            "--bench-memory",
            metavar="LAYERS",
            help="Compare the pytest suite's calls in these layers of memory, too: python, heap or "
            "python,heap.",
        ),
    ] = "",
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="REQUIREMENTS",
            help="Compare the pytest suite between versions of a dependency, such as numpy==2.2; "
            "of several with a space between them, 'numpy==2.2 scipy==1.14'.",
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INTERPRETER",
            help="Compare the pytest suite between interpreters: a path, or a version as 3.12.",
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--bench-all", help="Time calls in all sets also where no revision changes their code."
        ),
    ] = False,
    limit: Limit = 60.0,
    seed: Seed = 0,
    shard: Shard = "",
    shard_by: ShardBy = None,
    on: On = "",
    machines: Machines = 1,
    out: Out = COMPARED,
    markdown: AsMarkdown = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare variants, git revisions or two run files: time by verdict, memory to the byte.

    Without options: squares-3 at 10,000 and 1,000,000 elements, some
    20 seconds each. Undecided comparisons get more sets. Exit codes:
    1 a gate failed, 3 some cases could not be measured.

    Examples:
      gradmeter compare engine engine:retain_grad=on --fail-on slower
      gradmeter compare --rev main --markdown
      gradmeter compare --rev main --engine adapter.py
      gradmeter compare old/run.json new/run.json
    """
    criteria = [gates.parse(text) for text in fail_on or []]
    gate_checks.refuse_presence(criteria)
    if markdown and json_:
        raise UsageError("--markdown and --json exclude each other; choose one")
    share = None if on and not shard else read_share(shard, shard_by)
    elsewhere = through(on, machines, shard_by)
    suite = bool(what and what[0] == PYTEST)
    ours = {"--workload": workload, "--size": size, "--engine": engine, "--functions": functions}
    theirs = {"--with": with_, "--python": python, "--bench-all": whole}
    theirs["--bench-memory"] = bool(layers)
    theirs["--bench-tests"] = tests != HEAD
    refuse_options([name for name, v in (ours if suite else theirs).items() if v], suite=suite)
    # With revisions, an adapter's packages need not be installed.
    with importable(engine or (), Path.cwd(), path or ()) if rev else nullcontext():
        targets = add_engines(engine)  # the engines of adapters, where nothing else is named
    targets = what or targets
    notes: list[str] = []
    groups: Sequence[Group] = []
    files = not suite and any(map(_is_file, targets))  # a suite's arguments may be files
    if on and (suite or files):
        raise UsageError(
            "--on compares variants, and revisions of an engine; run files are compared here, and "
            "a pytest suite's calls where its checkout is: run a --shard of them on each machine"
        )
    if files:
        if share is not None:
            raise UsageError("--shard is of what is measured; two run files are compared whole")
        run = _pair_files(targets, rev, criteria)
        notes.append(
            "times are shown without a verdict: two runs differ by more than their code; for a "
            "verdict, measure both sides in one run with gradmeter compare"
        )
    else:
        options = read_options(
            collector=collector,
            allocator=allocator,
            instructions=instructions,
            functions=functions,
            seed=seed,
            sets=sets,
            budget=budget,
            min_rounds=min_rounds,
            limit=limit,
            most_sets=most_sets,
            seconds=seconds,
            effect=fraction(effect),
            differing_lines=True,
        )
        if what and suite:
            if instructions:
                raise UsageError("the instructions of a suite's calls cannot be counted")
            wanted = wanted_sides(rev or (), with_ or (), python or (), path or (), install)
            run = compare_suite(
                what,
                wanted,
                options,
                out,
                tests=tests,
                whole=whole,
                criteria=criteria,
                layers=layers,
                share=share,
            )
            return _conclude(
                run, criteria, notes, out, written=True, markdown=markdown, json_=json_
            )
        if not rev and (path or install):
            raise UsageError(
                f"{'--bench-path' if path else '--bench-install'} is for revisions; name them with "
                "--rev main"
            )
        names, sizes = workload or ["squares-3"], size or [10_000, 1_000_000]
        with ExitStack() as stack:
            revisions: list[Revision] = []
            if rev:
                groups, comparisons, revisions = _plan_revisions(
                    wanted_sides(rev, (), (), path or (), install), names, sizes, targets, stack
                )
            elif len(set(map(parse, targets))) < 2:
                raise UsageError(
                    "compare takes two different variants at least, two run files, or --rev; "
                    "such as gradmeter compare engine engine:output_references=strong"
                )
            else:
                groups, comparisons = plan(names, sizes, targets)
            gate_checks.check_terms(criteria, _candidates(comparisons))
            gate_checks.check_names(criteria, _candidates(comparisons))
            gate_checks.check_exact(criteria, _exact(comparisons, groups))
            gate_checks.check_sets(criteria, options)
            gate_checks.check_counted(criteria, options)
            run = measure(
                groups,
                comparisons,
                options,
                out,
                revisions=revisions,
                share=share,
                through=elsewhere,
            )
    notes += hint(run, groups)
    _conclude(run, criteria, notes, out, written=not files, markdown=markdown, json_=json_)


def _conclude(
    run: Run,
    criteria: Sequence[gates.Gate],
    notes: Sequence[str],
    out: Path,
    *,
    written: bool,
    markdown: bool,
    json_: bool,
) -> None:
    """Judge the gates, show the comparison, and exit as it ended."""
    rows = verdicts.candidates(run)
    failed = breaches.of_rows(criteria, rows, run.options)
    refused = breaches.not_judged(criteria, rows)
    notes = [*notes, *[f"not judged: {reason}" for reason in refused]]
    if json_:
        say_lines(json.dumps(comparison.document(run, failed), indent=1))
    elif markdown:
        say_lines(comparison.render(run, failed, notes))
    else:
        show_run(run)
        for label, meaning in run.revisions.items():
            say(f"{label}: {meaning}")
        if written:
            tell_written(out)
        for line in [*notes, comparison.headline(run), *gate.breaches(failed, run)]:
            say(line)
    if failed:
        raise typer.Exit(1)
    if refused:
        raise typer.Exit(UNMEASURED)
    exit_for(run)


def hint(run: Run, groups: Sequence[Group]) -> list[str]:
    """Say how to count instructions, where a verdict on time is open and they can be counted."""
    countable = {str(v) for g in groups for v in g.variants if not v.engine.uncounted}
    undecided = [
        row
        for row in verdicts.candidates(run)
        if row.time is not None
        and row.time.word == "inconclusive"
        and {row.case.variant, row.baseline.variant} <= countable
    ]
    if run.options.instructions or not undecided:
        return []
    command = shlex.join(["gradmeter", *sys.argv[1:], "--instructions"])
    return [f"inconclusive on time; instructions, the same in every process, decide: {command}"]


def _candidates(comparisons: Sequence[Comparison]) -> list[gates.Key]:
    """Return the keys that gates can match: those of the candidates."""
    return [(c.workload, c.size, name) for c in comparisons for name in c.candidates]


def _exact(comparisons: Sequence[Comparison], groups: Sequence[Group]) -> list[gates.Key]:
    """Return the keys of the candidates that have exact bytes, as has their baseline."""
    exact = {str(v) for group in groups for v in group.variants if v.engine.memory == "arrays"}
    return [
        (c.workload, c.size, name)
        for c in comparisons
        for name in c.candidates
        if {name, c.baseline} <= exact
    ]


def _is_file(word: str) -> bool:
    return word.endswith(".json") or os.path.isfile(run_path(Path(word)))


def _pair_files(targets: list[str], rev: list[str] | None, criteria: Sequence[gates.Gate]) -> Run:
    if rev or len(targets) != 2 or not all(map(_is_file, targets)):
        raise UsageError(
            "run files are compared two at a time, and with nothing else: "
            "gradmeter compare RUN.json RUN.json"
        )
    gate_checks.refuse_time(criteria)
    for word, other in (targets, targets[::-1]):
        if is_law_file(Path(word)):
            raise UsageError(
                f"{word} is a file of laws; hold a run against it: gradmeter check {other} "
                f"--against {word}"
            )
    before, after = (run_file.load(run_path(Path(word))) for word in targets)
    run = compared.of_files(before, after, (targets[0], targets[1]))
    gate_checks.check_terms(criteria, _candidates(run.comparisons))
    gate_checks.check_names(criteria, _candidates(run.comparisons))
    return run


def _plan_revisions(
    wanted: Wanted, names: list[str], sizes: list[int], variants: list[str], stack: ExitStack
) -> tuple[list[Group], list[Comparison], list[Revision]]:
    for name in names:
        workloads.get(name)  # refuses an unknown name before anything is checked out
    parsed = list(dict.fromkeys(parse(text) for text in variants or ["engine"]))
    used = list(dict.fromkeys(variant.engine for variant in parsed))
    for variant in parsed:
        if wanted.build and (variant.python or variant.engine.name == OURS):
            raise UsageError(
                f"--bench-install makes an environment for each revision, which {variant} does not "
                "take; leave --bench-install out"
            )
    with Teller(Console(stderr=True, emoji=False)) as tell:
        revisions, engines = stack.enter_context(
            engine_revisions(used, wanted, Path.cwd(), lambda sentence: tell(0.0, sentence))
        )
    parsed = [replace(v, engine=engines.get(v.engine.name, v.engine)) for v in parsed]
    return *compared.of_revisions(revisions, names, sizes, parsed), revisions
