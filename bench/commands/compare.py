"""Compare variants, git revisions or two run files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from bench import comparing, engines, gates, results, verdicts, workloads
from bench.commands.shared import (
    AsMarkdown,
    Budget,
    Collector,
    Engines,
    FailOn,
    Limit,
    MinRounds,
    Out,
    Seed,
    Sizes,
    Workloads,
    add_engines,
    catch_termination,
    exit_for,
    fraction,
    measure,
    read_options,
    run_file,
    show_run,
    tell_written,
)
from bench.errors import UsageError
from bench.plan import Group, plan
from bench.report import comparison, gate
from bench.report.text import plain
from bench.results import Comparison, Run
from bench.revisions import Revision, checked_out
from bench.variants import parse

COMPARED = Path("reports/compare")  # what check looks at by itself stays


def compare(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VARIANT...|RUN RUN]",
            help="Variants, the first the baseline; or two run files (or their folders).",
        ),
    ] = None,
    rev: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REVISION",
            help="The package engine at this git revision; the first is the baseline. Given "
            "once, it is compared with the files as they lie there.",
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
        int, typer.Option(help="Sets of fresh processes after which is looked first.", min=1)
    ] = 12,
    most_sets: Annotated[
        int, typer.Option(help="Sets after which an undecided comparison stays so.", min=1)
    ] = 64,
    budget: Budget = 1.8,
    min_rounds: MinRounds = 12,
    collector: Collector = "on",
    limit: Limit = 60.0,
    seed: Seed = 0,
    out: Out = COMPARED,
    markdown: AsMarkdown = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare variants, git revisions or two run files: time by verdict, memory to the byte.

    Without options: squares-3 at 10,000 and 1,000,000 elements, some
    20 seconds each. Sets are added to what is undecided. Exit codes:
    1 a gate failed, 3 some cases could not be measured.

    Examples:
      gradmeter compare engine engine:retain_grad=on --fail-on slower
      gradmeter compare --rev main --markdown
      gradmeter compare old/run.json new/run.json
    """
    criteria = [gates.parse(text) for text in fail_on or []]
    gates.refuse_presence(criteria)
    if markdown and json_:
        raise UsageError("--markdown and --json exclude each other; choose one")
    words = what or []
    add_engines(engine)
    notes: list[str] = []
    if any(_is_file(word) for word in words):
        found = _two_files(words, rev, criteria)
        notes.append(
            "times are shown without a verdict: they come from different runs, which differ by "
            "more than code does; gradmeter compare with both sides in one run gives one"
        )
    else:
        options = read_options(
            collector=collector,
            seed=seed,
            sets=sets,
            budget=budget,
            min_rounds=min_rounds,
            limit=limit,
            most_sets=most_sets,
            seconds=seconds,
            effect=fraction(effect),
        )
        names, sizes = workload or ["squares-3"], size or [10_000, 1_000_000]
        with ExitStack() as stack:
            catch_termination()
            revisions: list[Revision] = []
            if rev:
                groups, comparisons, revisions = _of_revisions(rev, names, sizes, words, stack)
            elif len(set(map(parse, words))) < 2:
                raise UsageError(
                    "compare takes two different variants at least, two run files, or --rev; "
                    "such as gradmeter compare engine engine:output_references=strong"
                )
            else:
                groups, comparisons = plan(names, sizes, words)
            gates.check_terms(criteria, _candidates(comparisons))
            gates.check_exact(criteria, _exact(comparisons))
            gates.check_sets(criteria, options)
            found = measure(groups, comparisons, options, out, revisions=revisions)
    failed = gates.of_rows(criteria, verdicts.candidates(found), found.options)
    if json_:
        typer.echo(json.dumps(comparison.document(found, failed), indent=1))
    elif markdown:
        typer.echo(comparison.render(found, failed, notes))
    else:
        show_run(found)
        for label, meaning in found.revisions.items():
            typer.echo(f"{plain(label)}: {plain(meaning)}")
        if not notes:
            tell_written(out)
        for line in [*notes, comparison.headline(found), *gate.breaches(failed, found)]:
            typer.echo(line)
    if failed:
        raise typer.Exit(1)
    exit_for(found)


def _candidates(comparisons: Sequence[Comparison]) -> list[gates.Key]:
    """What a gate can be about: it compares a candidate with its baseline."""
    return [(c.workload, c.size, name) for c in comparisons for name in c.candidates]


def _exact(comparisons: Sequence[Comparison]) -> list[gates.Key]:
    """The candidates with exact bytes on both sides."""
    return [
        (c.workload, c.size, name)
        for c in comparisons
        for name in c.candidates
        if all(engines.of_variant(v).memory == "arrays" for v in (name, c.baseline))
    ]


def _is_file(word: str) -> bool:
    return word.endswith(".json") or run_file(Path(word)).is_file()


def _two_files(words: list[str], rev: list[str] | None, criteria: Sequence[gates.Gate]) -> Run:
    if rev or len(words) != 2 or not all(map(_is_file, words)):
        raise UsageError(
            "files are compared two at a time, and with nothing else: "
            "gradmeter compare RUN.json RUN.json"
        )
    gates.refuse_time(criteria)
    before, after = (results.load(run_file(Path(word))) for word in words)
    found = comparing.of_files(before, after, (words[0], words[1]))
    gates.check_terms(criteria, _candidates(found.comparisons))
    return found


def _of_revisions(
    rev: list[str], names: list[str], sizes: list[int], words: list[str], stack: ExitStack
) -> tuple[list[Group], list[Comparison], list[Revision]]:
    wanted = [*rev, None] if len(rev) == 1 else rev
    for name in names:
        workloads.get(name)  # before anything is checked out
    revisions = stack.enter_context(checked_out(wanted, Path.cwd()))
    return *comparing.of_revisions(revisions, names, sizes, words or ["engine"]), revisions
