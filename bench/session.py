"""A run from beginning to end, for both doors: what is refused, measured, and written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from bench import environment, files, results
from bench.errors import UsageError
from bench.interpreters import grounds, notes
from bench.launcher import Process
from bench.pages import write_page
from bench.plan import Group, check_fits
from bench.report import extra, markdown
from bench.results import Comparison, Options, Run
from bench.revisions import Revision
from bench.runner import Runner
from bench.sampler import Sampler

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
    """Measure, writing ``out/run.json`` after every step and ``out/report.md`` at the end.

    With the extra "report", and if the run comes to its end, ``out/report.html`` too.

    Args:
        revisions: of the engine, for variants that are labelled with them.

    Raises:
        UsageError: an engine or an interpreter is not there, the folder cannot be written or
            holds a run.json that is no run file, a case would not fit in memory, or there is
            nothing to resume; nothing was measured or overwritten.
    """
    on = grounds(groups)
    check_fits(groups, psutil.virtual_memory().available)
    if resume:
        files.writable(out)
    else:
        ready(out)
    now = environment.describe()
    run = Run(
        environment=now,
        options=options,
        self_tests=[],
        comparisons=list(comparisons),
        cases=[],
        finished=False,
        revisions={r.label: r.meaning for r in revisions},
        grounds=on,
        notes=notes(groups),
    )
    if resume:
        run = _resumed(results.load(out / RUN_FILE), run)
    runner = Runner(
        start=Process,
        clock=time.perf_counter,
        sample=Sampler,
        save=lambda run: save(run, out),
        tell=tell,
        cores=environment.cores(),
        options=options,
        run=run,
        ways={r.label: {"engine_path": str(r.path)} for r in revisions},
    )
    (out / PAGE_FILE).unlink(missing_ok=True)  # it would be that of another run
    try:
        found = runner.measure(groups)
    finally:  # also of what was measured until Ctrl-C
        _write_report(runner.run, out)
    if not extra.missing():
        write_page(found, out / PAGE_FILE)
    return found


def ready(out: Path) -> None:
    """Make the folder of a new run.

    Raises:
        UsageError: it cannot be written, or holds a run.json that is no run file.
    """
    files.writable(out)
    if (out / RUN_FILE).exists():
        results.load(out / RUN_FILE)  # what is not ours is not replaced


def write(run: Run, out: Path) -> None:
    """Write a run that is there already: run.json, report.md, and the page if it can be made.

    Raises:
        UsageError: a file cannot be written.
    """
    save(run, out)
    with _kept(out / PAGE_FILE):
        (out / PAGE_FILE).unlink(missing_ok=True)
    _write_report(run, out)
    if run.finished and not extra.missing():
        write_page(run, out / PAGE_FILE)


def _write_report(run: Run, out: Path) -> None:
    with _kept(out / REPORT_FILE):
        report = markdown.render(run)
        files.write(out / REPORT_FILE, report.encode(errors="replace"))


def save(run: Run, out: Path) -> None:
    """Write run.json.

    Raises:
        UsageError: it cannot be written.
    """
    with _kept(out / RUN_FILE):
        results.save(run, out / RUN_FILE)


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Say in a sentence why a file could not be written.

    Raises:
        UsageError: it could not.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); what was written before is still "
            "there: mend that and go on with --resume"
        ) from None


def _resumed(old: Run, new: Run) -> Run:
    """The old run with its finished cases, to go on with as the new one was asked.

    Raises:
        UsageError: the old one was measured in another way, so that the two do not mix.
    """
    both = old.grounds.keys() & new.grounds.keys()
    for what, before, after in (
        ("options", old.options, new.options),
        ("commit", old.environment.commit, new.environment.commit),
        ("Python version", old.environment.python, new.environment.python),
        ("package versions", old.environment.versions, new.environment.versions),
        ("engines", [old.grounds[v] for v in both], [new.grounds[v] for v in both]),
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
