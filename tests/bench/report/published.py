"""A history to publish: a repository, and a store of what a history can be made of.

As a program, `python -m tests.bench.report.published [CASES COMMITS]` publishes a large one and
tells the site's size, and the processor seconds of `gradmeter publish` and of Chromium that opens
its page.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psutil

from gradmeter.bench.history import store
from gradmeter.bench.history.overview import Overview, acceptance, overview
from gradmeter.bench.history.recording import Head, Recording
from gradmeter.bench.results.lines import FewLines

from ..browser import browser
from ..command import GRADMETER
from ..history.histories import GROUNDS, HERE, THERE, large, recording
from ..run_files import MB

COMMITS = 60
FAILED = (23, 24, 25)  # commits at which nothing could be measured
UNRECORDED = (10, 11, 12, 13, 40, 52)
ACCEPTED = 20
LONG = "tests/solvers/test_newton.py::test_" + "a_very_long_name_of_a_test_" * 5 + "[float64-1000]"
SMOOTH = "tests/test_smoothing.py::test_smooth"
PEAKS = "tests/test_smoothing.py::test_peaks"
PYTHON = "tests/test_parser.py::test_of_python_objects"
LATE = "tests/test_new.py::test_that_came_last"
MISSING = "tests/test_random.py::test_that_disagrees"
NAMES = {SMOOTH, PEAKS, PYTHON, LATE, MISSING, LONG}


def repository(folder: Path, subjects: Sequence[str], author: str = "A. Reader") -> list[str]:
    """Make a repository of empty commits, a day each; return their names."""
    folder.mkdir(parents=True)

    def git(*words: str, text: bytes | None = None) -> str:
        command = ["git", "-C", str(folder), *words]
        done = subprocess.run(command, input=text, capture_output=True, check=True)
        return done.stdout.decode()

    git("init", "--quiet", "--initial-branch=main")
    stream = b""
    for number, subject in enumerate(subjects):
        when = f"{1_700_000_000 + 86_400 * number} +0100"
        message = subject.encode(errors="surrogateescape")
        stream += (
            f"commit refs/heads/main\nauthor {author} <a@example.org> {when}\n"
            f"committer c <c@example.org> {when}\ndata {len(message)}\n"
        ).encode() + message + b"\n\n"  # fmt: skip
    git("fast-import", "--quiet", text=stream)
    return git("log", "--reverse", "--format=%H", "main").split()


def _peaks(number: int) -> dict[str, int]:
    """Figures of a test: a rise that is accepted, one that is undone, one that stays, a fall."""
    peak = 16 * MB
    peak += 8 * MB * (number >= ACCEPTED) + 4 * MB * (30 <= number < 36)
    peak += 144 * (number >= 45) - 10 * MB * (number >= 50)
    return {"peak": peak, "held": 2 * MB, "cycle": 0, "allocations": 9 + (number >= 41)}


CASES: dict[str, Callable[[int], dict[str, int]]] = {
    PEAKS: _peaks,
    SMOOTH: lambda number: {"peak": 8 * MB + 8 * MB * (number >= ACCEPTED), "held": 8 * MB},
    LONG: lambda number: {"peak": 5_000 + 800 * (number // 15), "held": 100, "allocations": 7},
    **{
        f"tests/test_constant.py::test_{number}": lambda _: {"peak": 3 * MB, "held": 0}
        for number in range(9)
    },
}


def recordings(ids: Sequence[str]) -> list[Recording]:
    """What was recorded at each commit."""
    made = []
    for number, commit in enumerate(ids):
        if number in UNRECORDED:
            continue
        if number in FAILED:
            head = Head(commit=commit, measured="1", versions=HERE, problem="the build fails: gcc")
            made.append(Recording(head))
            continue
        cases = {(name, 0, ""): figures(number) for name, figures in CASES.items()}
        if number == len(ids) - 1:
            cases[LATE, 0, ""] = {"peak": 7 * MB, "held": 0}
        new = number >= 33
        cases[PYTHON, 0, ""] = {
            "peak": 0,
            "python_peak": 90_000 + 4_000 * new + 1_000 * (number > 48),
        }
        missing = {}
        if 15 <= number < 19:
            missing[MISSING, 0, ""] = "its passes disagree: peak 1, 2"
        else:
            cases[MISSING, 0, ""] = {"peak": 1_000 * (1 + (number > 17)), "held": 0}
        each = recording(
            commit,
            cases,
            ground=GROUNDS[new],
            versions=THERE if new else HERE,
            measured=f"{number:03}",
        )
        made.append(replace(each, missing=missing, cases=_with_lines(each.cases, number)))
    return made


def _with_lines(cases: Any, number: int) -> Any:
    """The same cases; the peaks of one are of lines that move with each commit."""
    key = (PEAKS, 0, "")
    peak = cases[key].figures.figures["peak"]
    places = [("src/smoothing.py", 0, "smooth", "x = np.array(x)"), ("", 0, "other lines", "")]
    few = FewLines(places=places, peak=((0, peak - MB), (1, MB)))
    figures = msgspec.structs.replace(cases[key].figures, lines=few)
    return {**cases, key: replace(cases[key], figures=figures, numbers=f"{number + 1} 0")}


def publishable(folder: Path) -> tuple[list[str], Overview]:
    """A repository with its store in reports/history: the names of its commits, and its steps."""
    ids = repository(folder, [f"Change number {number}" for number in range(COMMITS)])
    where = folder / store.DEFAULT
    store.add(where, recordings(ids))
    for step in overview(folder, where, "HEAD").open_at(ids[ACCEPTED]):
        store.accept(
            where,
            acceptance(step, "lists are worth it", by="A. Reader", when="2026-01-01T00:00:00"),
        )
    return ids, overview(folder, where, "HEAD")


def main(arguments: Sequence[str]) -> None:
    """Publish a large history, open it in a browser, and tell what each takes."""
    cases, commits = map(int, arguments or ("200", "1000"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "repository")
        ids = repository(folder, [f"Change number {number}" for number in range(commits)])
        made = [
            replace(each, head=msgspec.structs.replace(each.head, commit=commit))
            for each, commit in zip(large(cases, commits), ids, strict=True)
        ]
        store.add(folder / store.DEFAULT, made)
        before = _seconds_of_children()
        subprocess.run([GRADMETER, "publish", "site"], cwd=folder, check=True)
        seconds = _seconds_of_children() - before
        print(f"{seconds:.2f} s: {commits:,} commits x {cases:,} published")
        pages = sorted((folder / "site").iterdir())
        print(", ".join(f"{path.name} {path.stat().st_size:,} bytes" for path in pages))
        with browser() as opened:
            opened.open(folder / "site" / "feed.xml")
            before = _seconds_of_processes()
            opened.open(folder / "site" / "index.html")
            opened.run("return document.body.offsetHeight")
            print(f"{_seconds_of_processes() - before:.2f} s: opened in Chromium")


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seconds_of_processes() -> float:
    processes = psutil.Process().children(recursive=True)
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main(sys.argv[1:])
