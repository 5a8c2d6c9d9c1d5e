"""Find the laws of workloads: their exact bytes as formulas in size and depth."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gradmeter.bench import workloads
from gradmeter.bench.cases import plan
from gradmeter.bench.cases.variants import Variant, parse
from gradmeter.bench.commands import law_functions
from gradmeter.bench.commands.completion import complete_variants, complete_workloads
from gradmeter.bench.commands.options import AsJson, AsMarkdown, Engines, Limit
from gradmeter.bench.commands.reading import add_engines, read_size
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED, say, say_lines
from gradmeter.bench.commands.varied import FORM, Setup, Vary, read_at, read_vary
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.laws import extra
from gradmeter.bench.laws.names import DEPTH, SIZE
from gradmeter.bench.report import law_tables as report
from gradmeter.bench.report.text import markdown
from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.laws import Laws
from gradmeter.bench.runs import laws as law_runs
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.text import plain
from gradmeter.bench.verdicts import as_predicted, law_changes
from gradmeter.bench.workloads import Workload

LIMIT = 60.0  # seconds


def law(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="WORKLOAD",
            autocompletion=complete_workloads,
            help="squares-30, FILE.py:NAME; with --vary, functions.",
        ),
    ],
    vary: Vary = None,
    setup: Setup = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VARIANT",
            autocompletion=complete_variants,
            help="An engine and its settings; repeatable.",
            show_default="engine",
        ),
    ] = None,
    engine: Engines = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Say the bytes at this size, such as N=1e9,n=30.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Generates a workload's inputs.", min=0)
    ] = None,
    limit: Limit = LIMIT,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the laws to this file.", dir_okay=False),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Exit with 1 where a law differs from this file.",
        ),
    ] = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Find exact memory as a formula: (n + 2) arrays, at any size and depth.

    Examples:
      gradmeter law squares-30 --variant engine --variant dezero
      gradmeter law squares-30 --at 1e9
      gradmeter law squares-30 goldstein_price --out laws.json
      gradmeter law solver.py:solve --vary n=10,20,40 --vary m=8,16,32

    A workload is measured at a few small sizes N (and depths n, where its name ends with one).
    The formula that has every byte of them is then verified at sizes ten times as large, and
    larger. Where no formula holds, there is no law: never an approximate one. With --vary the
    same is done for any function, in its parameters that are varied.
    """
    if as_json and as_markdown:
        raise UsageError("--json and --markdown are two outputs; choose one")
    if at is not None and (as_json or as_markdown):
        option = "--json" if as_json else "--markdown"
        raise UsageError(f"--at prints a table of bytes, and {option} the laws; leave one out")
    if not limit > 0:
        raise UsageError(f"--limit {limit:g} is no time; give the seconds that a point may take")
    extra.need()
    if vary:
        given = {"variant": variant, "engine": engine, "seed": seed}
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"--{name} is for workloads, and --vary is for functions")
        raise typer.Exit(
            _functions(
                targets, vary, setup or "", at, limit, out, against,
                as_json=as_json, as_markdown=as_markdown,
            )
        )  # fmt: skip
    if setup is not None:
        raise UsageError("--setup makes the arguments of a function, from parameters: give --vary")
    named = add_engines(engine)
    names = variant or named or ["engine"]
    variants = list(dict.fromkeys(map(parse, names)))
    chosen = plan.distinct(map(_workload, targets))
    for each in variants:
        law_runs.refuse(each)
    for workload in chosen:
        plan.check(workload, max(law_runs.SIZES[0], workload.least))
    wanted = {w.name: _parameters(at, w) for w in chosen} if at is not None else {}
    before = law_file.load(against) if against is not None else None
    try:
        results = _find(chosen, variants, seed or 0, limit)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    found = [part.laws for each in results for part in each.parts]
    if as_json:
        say_lines(law_file.encoded(found).decode().rstrip())
    elif as_markdown:
        found_tables = report.tables(found, _predicted(results))
        say_lines(report.markdown_of(found_tables))
        for result in results:
            if result.problem:
                text = f"{result.workload.name} {result.variant}: {result.problem}"
                say_lines(f"\n{markdown(text)}")
        say_lines(f"\n{report.legend(found_tables)}")
    else:
        _show(results)
    if wanted and not as_json and not as_markdown:
        console = Console(emoji=False)
        for workload in chosen:
            parts = [
                [part.laws for part in each.parts]
                for each in results
                if each.workload is workload and each.found
            ]
            if parts:
                report.show_at(workload.name, wanted[workload.name], parts, console)
    raise typer.Exit(
        _finish(
            found, out, before, against, as_json=as_json, as_markdown=as_markdown,
            failed=any(each.failed for each in results),
        )
    )  # fmt: skip


def _workload(name: str) -> Workload:
    """The workload of a name.

    Raises:
        UsageError: there is none.
    """
    try:
        return workloads.get(name)
    except UsageError as error:
        hint = f"give {FORM} for the laws of a function in its parameters"
        raise UsageError(f"{error}; {hint}" if ".py:" in name else str(error)) from None


def _functions(
    targets: Sequence[str],
    vary: Sequence[str],
    setup: str,
    at: str | None,
    limit: float,
    out: Path | None,
    against: Path | None,
    *,
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Find the laws of functions; return the exit code."""
    values = read_vary(vary)
    parameters = read_at(at, list(values)) if at is not None else {}
    before = law_file.load(against) if against is not None else None
    try:
        results = law_functions.find(targets, values, setup, limit)
    except KeyboardInterrupt:
        return INTERRUPTED
    found = [each.laws for each in results]
    if as_json:
        say_lines(law_file.encoded(found).decode().rstrip())
    elif as_markdown:
        law_functions.show_markdown(results)
    else:
        law_functions.show(results, parameters)
    return _finish(
        found, out, before, against, as_json=as_json, as_markdown=as_markdown,
        failed=len(found) < len(targets),
    )  # fmt: skip


def _finish(
    found: Sequence[Laws],
    out: Path | None,
    before: Sequence[Laws] | None,
    against: Path | None,
    *,
    as_json: bool,
    as_markdown: bool,
    failed: bool,
) -> int:
    """Write laws and compare them, where asked to; return the exit code."""
    if out is not None:
        law_file.save(found, out)
        if not as_json and not as_markdown:
            say(f"written: {out}")
    code = UNMEASURED if failed else 0
    if before is not None and (found or not failed):
        code = _compare(before, found, against, quiet=as_json) or code
    return code


@dataclass(frozen=True)
class _Result:
    """The laws of a workload under a variant, or why there are none."""

    workload: Workload
    variant: Variant
    found: law_runs.Found | None
    problem: WorkerError | None = None

    @property
    def parts(self) -> tuple[law_runs.Part, ...]:
        """The laws and their measurements; none where it could not be measured."""
        return self.found.parts if self.found else ()

    @property
    def failed(self) -> bool:
        """Whether it should have been measured and was not."""
        return self.problem is not None and self.problem.kind != "cannot"


def _find(
    chosen: Sequence[Workload], variants: Sequence[Variant], seed: int, limit: float
) -> list[_Result]:
    results: list[_Result] = []
    cases = [(workload, variant) for workload in chosen for variant in variants]
    with Teller(Console(stderr=True, emoji=False)) as tell:
        for number, (workload, variant) in enumerate(cases):
            tell(number / len(cases), f"{workload.name} {variant}: laws")
            try:
                found = law_runs.find(workload, variant, seed, limit)
            except WorkerError as problem:
                results.append(_Result(workload, variant, None, problem))
                sys.stderr.write(
                    f"gradmeter: {plain(f'{workload.name} {variant}')} could not be measured: "
                    f"{plain(str(problem))}\n"
                )
            else:
                results.append(_Result(workload, variant, found))
    return results


def _show(results: Sequence[_Result]) -> None:
    laws = [part.laws for each in results for part in each.parts]
    console = Console(emoji=False)
    tables = report.tables(laws, _predicted(results))
    report.show(tables, console)
    for each in results:
        for part in each.parts[-1:]:
            without = [figure for figure in part.laws.reasons if figure in report.FIGURES]
            if without and part.measured:
                say(f"{each.workload.name} {each.variant}: measured, where no law was found")
                for line in report.measurements(part.laws, part.measured, without):
                    say(f"  {line}")
                say("")
    if laws:
        console.print(report.legend(tables), highlight=False)


def _predicted(results: Sequence[_Result]) -> dict[tuple[str, str], list[str]]:
    """Of each workload and variant, a sentence on what was derived by hand, where it was."""
    notes = {}
    for each in results:
        for part in each.parts[:1]:
            least = max(law_runs.SIZES[0], each.workload.least)
            text = as_predicted.sentence(
                each.workload, each.variant, part.measured, least, part.laws
            )
            notes[part.laws.program, part.laws.variant] = [text] if text else []
    return notes


def _parameters(text: str, workload: Workload) -> dict[str, int]:
    """Read where a law is to be evaluated: 1e9, or N=1e9,n=30.

    Raises:
        UsageError: it names another parameter, or no whole number.
    """
    depth = workloads.depth_of(workload)
    values = {} if depth is None else {DEPTH: depth}
    known = [SIZE, *values]
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals:
            name, number = SIZE, name
        if name not in known:
            raise UsageError(
                f"--at {text!r}: {workload.name} has {' and '.join(known)}, not {name!r}; "
                f"write {'N=1e9,n=30' if depth is not None else '1e9'}"
            )
        values[name] = read_size(number, "--at")
        if values[name] < 1:
            raise UsageError(f"--at {text!r}: {name} is 1 at least")
    if SIZE not in values:
        raise UsageError(f"--at {text!r} has no size; write N=1e9,{text}")
    return {name: values[name] for name in known}


def _compare(
    before: Sequence[Laws], found: Sequence[Laws], path: Path | None, *, quiet: bool
) -> int:
    """Say what has changed; return the exit code."""
    differences, missing = law_changes.changes(before, found)
    if missing and len(missing) == len({(each.program, each.variant) for each in found}):
        known = {f"{each.program} {each.variant}" for each in before}
        meant = suggestion(missing[0], known)
        raise UsageError(f"{path} has no laws of {', '.join(missing)}{meant}")
    failed = [change for change in differences if change.fails]
    if not quiet:
        for name in missing:
            say(f"{path} has no laws of {name}; not compared")
        for change in differences:
            say(f"{'changed' if change.fails else 'new'}: {change}")
        say(f"{'failed' if failed else 'passed'}: {len(failed) or 'no'} laws changed")
    return 1 if failed else 0
