"""Carry out a run from beginning to end, for both doors: refuse, measure, write."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import psutil

from gradmeter.bench.cases.checkouts import Side
from gradmeter.bench.cases.interpreters import grounds, notes
from gradmeter.bench.cases.origins import origins
from gradmeter.bench.cases.plan import Group, check_fits
from gradmeter.bench.cases.revisions import Revision
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.cases.stale import remove_stale_folders
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import instructions
from gradmeter.bench.report import extra, markdown
from gradmeter.bench.report.files import write_page
from gradmeter.bench.results import environment, files, lock, run_file
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.run import Comparison, Ground, Options, Run
from gradmeter.bench.results.shard import Shard
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.call_comparison import CallComparison
from gradmeter.bench.runs.forks import ForkServer
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.resuming import resumed
from gradmeter.bench.runs.runner import Runner
from gradmeter.bench.runs.sampler import Sampler
from gradmeter.bench.runs.suite_servers import SuiteServers
from gradmeter.bench.verdicts.gates import Gate

RUN_FILE = "run.json"
REPORT_FILE = "report.md"
PAGE_FILE = "report.html"  # where the extra "report" is installed
LATEST = Path("reports/latest")
HEAD_TESTS, OWN_TESTS = "head", "own"

Through = Callable[[Record, Sequence[Group], Sequence[Revision]], object]


def measure(
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    options: Options,
    out: Path,
    tell: Callable[[float, str], None],
    *,
    resume: bool = False,
    revisions: Sequence[Revision] = (),
    shard: Shard | None = None,
    through: Through | None = None,
) -> Run:
    """Measure; write ``out/run.json`` after every step and ``out/report.md`` at the end.

    With the extra "report", a run that is not interrupted also writes ``out/report.html``.

    Args:
        revisions: those of the engine that the groups' variants are labelled with.
        shard: that the groups are of a plan; None where they are all of it.
        through: measures the groups elsewhere, and adds their cases to the record; None for here.

    Raises:
        UsageError: an engine or an interpreter is missing, the folder cannot be written, is
            written by another run or holds a run.json that is no run file, a case would not fit
            in memory, or there is nothing to resume; nothing was measured or overwritten.
    """
    if options.instructions and through is None:
        instructions.require()
    descendants.end_stale()
    remove_stale_folders()
    packages = grounds(groups)
    if through is None:
        check_fits(groups, psutil.virtual_memory().available)
    files.writable(out)
    with lock.held(out):
        return _measure(
            groups, comparisons, options, out, tell, resume, revisions, packages, shard, through
        )


def _measure(
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    options: Options,
    out: Path,
    tell: Callable[[float, str], None],
    resume: bool,
    revisions: Sequence[Revision],
    packages: dict[str, Ground],
    shard: Shard | None,
    through: Through | None,
) -> Run:
    """Measure into a folder that is locked."""
    _check(out, replace=not resume)
    machine = environment.describe()
    run = Run(
        environment=machine,
        options=options,
        self_tests=[],
        comparisons=list(comparisons),
        cases=[],
        finished=False,
        revisions={r.label: r.meaning for r in revisions},
        grounds=packages,
        notes=notes(groups),
        workloads=origins(groups),
        shard=shard,
    )
    if resume:
        run = resumed(run_file.load(out / RUN_FILE), run, elsewhere=through is not None)
    order = [group.key(variant) for group in groups for variant in group.variants]
    record = Record(run, lambda run: save(run, out), tell, order)
    _remove_page(out)
    try:
        if through is None:
            ways = {r.label: way(r) for r in revisions}
            runner(record, environment.cores(), ways).measure(groups)
        else:
            through(record, groups, revisions)
    finally:  # after Ctrl-C, the report shows what was measured until then
        shown = _with_reports(record.run, out, tell)
    return shown


def runner(
    record: Record,
    cores: Sequence[int | None],
    ways: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Runner:
    """The runner of a run on this machine.

    Args:
        cores: that workers are pinned to, one after the other.
        ways: for a variant's label, the spec fields that only its workers have.
    """
    return Runner(
        start=Process,
        serve=ForkServer,
        clock=time.perf_counter,
        sample=Sampler,
        record=record,
        cores=cores,
        options=record.run.options,
        ways=ways,
    )


def way(revision: Revision) -> dict[str, object]:
    """The spec fields of a worker that imports an engine from a revision's checkout."""
    if not revision.origins:
        return {"engine_path": str(revision.path)}
    packages = tuple((name, str(folder)) for name, folder in revision.packages.items())
    way: dict[str, object] = {"origins": tuple(map(str, revision.origins)), "packages": packages}
    return way | ({"interpreter": revision.interpreter} if revision.interpreter else {})


def compare_calls(
    sides: Sequence[Side],
    arguments: Sequence[str],
    options: Options,
    out: Path,
    tell: Callable[[float, str], None],
    *,
    tests: str = HEAD_TESTS,
    whole: bool = False,
    criteria: Sequence[Gate] = (),
    layers: Sequence[str] = (),
    share: Share | None = None,
) -> Run:
    """Compare the calls of a suite between revisions; write the run and its reports as `measure`.

    Args:
        sides: the baseline first.
        arguments: pytest's.
        tests: whose are run at every side: the "head"'s, which is the last one, or each its "own".
        whole: time also calls that run the same code at every side, in all sets.
        criteria: gates, of which each has to match a selected test.
        layers: of memory besides array data, in which calls are measured.
        share: of the selected tests that is measured; None for all.

    Raises:
        UsageError: no test is selected, a suite cannot be collected, a gate could never
            fail, or the folder cannot be written.
    """
    descendants.end_stale()
    files.writable(out)
    whole_sides = [side for side in sides if not side.problem]
    head = whole_sides[-1] if tests == HEAD_TESTS else None
    with lock.held(out), temporary_folder() as folder:
        _check(out, replace=True)
        run = Run(
            environment=environment.describe(),
            options=options,
            self_tests=[],
            comparisons=[],
            cases=[],
            finished=False,
            revisions={side.label: side.meaning for side in sides},
        )
        record = Record(run, lambda run: save(run, out), tell)
        comparison = CallComparison(
            record=record,
            options=options,
            sides=whole_sides,
            broken=[side for side in sides if side.problem],
            suites=SuiteServers(options, whole_sides, head, arguments, folder),
            cores=environment.cores(),
            clock=time.perf_counter,
            shuffle=random.Random(options.seed),
            whole=whole,
            criteria=criteria,
            layers=layers,
            share=share,
        )
        _remove_page(out)
        try:
            comparison.measure()
        finally:
            if (
                record.run.cases or record.run.finished
            ):  # after Ctrl-C, the report shows what was measured until then
                run = _with_reports(record.run, out, tell)
        return run


def empty(options: Options, shard: Shard | None = None) -> Run:
    """A run that has measured nothing yet."""
    return Run(
        environment=environment.describe(),
        options=options,
        self_tests=[],
        comparisons=[],
        cases=[],
        finished=False,
        shard=shard,
    )


def ready(out: Path) -> None:
    """Make the folder of a new run, and lock it until the process ends.

    Raises:
        UsageError: the folder cannot be written, another run writes to it, or it holds a
            run.json that is no run file.
    """
    files.writable(out)
    lock.take(out)
    _check(out, replace=True)


def _check(out: Path, *, replace: bool) -> None:
    """Refuse a folder whose files cannot be replaced by those of a run.

    Args:
        replace: whether run.json is replaced and not read; one that gradmeter did not write
            is refused.
    """
    for name in (RUN_FILE, REPORT_FILE):
        files.refuse_irregular(out / name, "cannot be written")
    if replace and os.path.exists(out / RUN_FILE):
        run_file.load(out / RUN_FILE)


def write(run: Run, out: Path) -> Run:
    """Write a measured run: run.json, report.md, and the page where the extra is installed.

    Returns:
        The run, with a note on each report that could not be written.

    Raises:
        UsageError: run.json cannot be written.
    """
    save(run, out)
    _remove_page(out)
    return _with_reports(run, out)


def _remove_page(out: Path) -> None:
    """Remove a page that is there, since it shows another run."""
    with suppress(OSError):  # what cannot be removed cannot be replaced, and that is noted
        (out / PAGE_FILE).unlink(missing_ok=True)


def _with_reports(run: Run, out: Path, tell: Callable[[float, str], None] | None = None) -> Run:
    """Write the renderings of a saved run; return it with a note on each that failed.

    They can be made again from run.json, so none of them changes the outcome of a run.
    """
    problems = []
    with_page = run.finished and not extra.missing()
    if tell is not None and run.finished:  # of many cases, these take a minute
        names = f"{REPORT_FILE} and {PAGE_FILE}" if with_page else REPORT_FILE
        tell(1.0, f"everything is measured; finding laws and writing {names}")
    try:
        with _refusing_write_errors(out / REPORT_FILE, "gradmeter show prints the run"):
            report = markdown.render(run)
            files.write(out / REPORT_FILE, report.encode(errors="replace"))
    except UsageError as error:
        problems.append(str(error))
    if with_page:
        try:
            write_page(run, out / PAGE_FILE)
        except UsageError as error:
            problems.append(f"{error}; without the page, the run is complete in {out / RUN_FILE}")
    return msgspec.structs.replace(run, notes=[*run.notes, *problems])


def save(run: Run, out: Path) -> None:
    """Write run.json.

    Raises:
        UsageError: the file cannot be written.
    """
    with _refusing_write_errors(out / RUN_FILE):
        run_file.save(run, out / RUN_FILE)


CONTINUE = "correct this and continue with --resume"


@contextmanager
def _refusing_write_errors(path: Path, remedy: str = CONTINUE) -> Iterator[None]:
    """Turn an error of writing a file into a sentence.

    Raises:
        UsageError: the file could not be written.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); what was written before is still "
            f"there; {remedy}"
        ) from None
