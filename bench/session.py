"""Carry out a run from beginning to end, for both doors: refuse, measure, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from gradmeter.bench.cases.interpreters import grounds, notes
from gradmeter.bench.cases.plan import Group, check_fits
from gradmeter.bench.cases.revisions import Revision
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import instructions
from gradmeter.bench.report import extra, markdown
from gradmeter.bench.report.files import write_page
from gradmeter.bench.results import environment, files, run_file
from gradmeter.bench.results.run import Comparison, Options, Run
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.runner import Runner
from gradmeter.bench.runs.sampler import Sampler

RUN_FILE = "run.json"
REPORT_FILE = "report.md"
PAGE_FILE = "report.html"  # where the extra "report" is installed
LATEST = Path("reports/latest")


def measure(
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    options: Options,
    out: Path,
    tell: Callable[[float, str], None],
    *,
    resume: bool = False,
    revisions: Sequence[Revision] = (),
) -> Run:
    """Measure; write ``out/run.json`` after every step and ``out/report.md`` at the end.

    With the extra "report", a run that is not interrupted also writes ``out/report.html``.

    Args:
        revisions: those of the engine that the groups' variants are labelled with.

    Raises:
        UsageError: an engine or an interpreter is missing, the folder cannot be written or
            holds a run.json that is no run file, a case would not fit in memory, or there is
            nothing to resume; nothing was measured or overwritten.
    """
    if options.instructions:
        instructions.require()
    packages = grounds(groups)
    check_fits(groups, psutil.virtual_memory().available)
    if resume:
        files.writable(out)
    else:
        ready(out)
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
    )
    if resume:
        run = _resumed_run(run_file.load(out / RUN_FILE), run)
    record = Record(run, lambda run: save(run, out), tell)
    runner = Runner(
        start=Process,
        clock=time.perf_counter,
        sample=Sampler,
        record=record,
        cores=environment.cores(),
        options=options,
        ways={r.label: {"engine_path": str(r.path)} for r in revisions},
    )
    (out / PAGE_FILE).unlink(missing_ok=True)  # a page that is there shows another run
    try:
        finished_run = runner.measure(groups)
    finally:  # after Ctrl-C, the report shows what was measured until then
        _write_report(runner.run, out)
    if not extra.missing():
        write_page(finished_run, out / PAGE_FILE)
    return finished_run


def ready(out: Path) -> None:
    """Make the folder of a new run.

    Raises:
        UsageError: the folder cannot be written, or holds a run.json that is no run file.
    """
    files.writable(out)
    if (out / RUN_FILE).exists():
        run_file.load(out / RUN_FILE)  # a file that gradmeter did not write is not replaced


def write(run: Run, out: Path) -> None:
    """Write a measured run: run.json, report.md, and the page where the extra is installed.

    Raises:
        UsageError: a file cannot be written.
    """
    save(run, out)
    with _refusing_write_errors(out / PAGE_FILE):
        (out / PAGE_FILE).unlink(missing_ok=True)
    _write_report(run, out)
    if run.finished and not extra.missing():
        write_page(run, out / PAGE_FILE)


def _write_report(run: Run, out: Path) -> None:
    with _refusing_write_errors(out / REPORT_FILE):
        report = markdown.render(run)
        files.write(out / REPORT_FILE, report.encode(errors="replace"))


def save(run: Run, out: Path) -> None:
    """Write run.json.

    Raises:
        UsageError: the file cannot be written.
    """
    with _refusing_write_errors(out / RUN_FILE):
        run_file.save(run, out / RUN_FILE)


@contextmanager
def _refusing_write_errors(path: Path) -> Iterator[None]:
    """Turn an error of writing a file into a sentence.

    Raises:
        UsageError: the file could not be written.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); what was written before is still "
            "there; correct this and continue with --resume"
        ) from None


def _resumed_run(old: Run, new: Run) -> Run:
    """Make the run that continues the old one: its finished cases, the plan of the new one.

    Raises:
        UsageError: the two are measured in different ways, so that their cases do not mix.
    """
    variants = old.grounds.keys() & new.grounds.keys()
    for what, before, after in (
        ("options", old.options, new.options),
        ("commit", old.environment.commit, new.environment.commit),
        ("Python version", old.environment.python, new.environment.python),
        ("package versions", old.environment.versions, new.environment.versions),
        ("engines", [old.grounds[v] for v in variants], [new.grounds[v] for v in variants]),
    ):
        if before != after:
            raise UsageError(
                f"the run to resume has other {what} ({before}, now {after}); "
                "start a new one without --resume"
            )
    return msgspec.structs.replace(
        new,
        environment=old.environment,
        self_tests=old.self_tests,
        cases=[case for case in old.cases if case.finished and case.failure is None],
    )
