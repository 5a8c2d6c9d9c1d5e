"""``python -m gradmeter.bench.goals.published``: compare releases of published packages.

Each package's benchmark suite, written by others, is compared between two releases, and the newer
release with itself; and a repository is compared in which changes were planted. Writes
reports/published.md. Exits with 1 if a goal is missed: identical code is called different too
often, or what was planted is not what is found; with 3 if a package could not be measured. With
names of packages, or "planted", only those are measured.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench.errors import UsageError
from gradmeter.bench.goals import releases
from gradmeter.bench.goals.releases import AGAIN, Package
from gradmeter.bench.report import comparison, sentences
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.verdicts import Row

REPORT = Path("reports/published.md")
MOST_DIFFERENT = 0.01  # of the rows of a release against itself
# Pure Python, so that nothing is built; a third to a whole of the suite, to take minutes.
PACKAGES = (
    Package("npTDMS", "1.10.0", "1.13.0", ("nptdms/test/test_benchmarks.py", "-k", "not index")),
    Package(
        "jacobi",
        "0.8.1",
        "0.9.2",
        # Its own filters name a warning that NumPy 2 has elsewhere.
        ("bench", "tests/bench.py", "-k", "True or 1000", "-o", "filterwarnings=default"),
    ),
    Package(
        "cattrs",
        "23.2.3",
        "24.1.2",
        ("bench", "-k", "nested or primitives or int or float"),
        ("attrs>=23.1",),
    ),
)


@dataclass(frozen=True)
class Compared:
    """A comparison of two revisions of a package's suite: its run, and the seconds it took."""

    run: Run
    seconds: float

    @property
    def rows(self) -> list[Row]:
        """A row for each call."""
        return verdicts.candidates(self.run)

    @property
    def different(self) -> list[Row]:
        """The rows that are called slower or faster, or that have other bytes."""
        return [row for row in self.rows if _moved(row) or row.changes]

    @property
    def failed(self) -> list[Row]:
        """The rows without figures, for another reason than a test that is skipped."""
        return [row for row in self.rows if row.case.failed or row.baseline.failed]


@dataclass(frozen=True)
class Measured:
    """What was measured of a package: its releases compared, and the newer one with itself."""

    package: Package
    releases: Compared
    itself: Compared


def measure(package: Package, folder: Path, options: Sequence[str] = ()) -> Measured:
    """Compare a package's two releases, and the newer one with itself.

    Args:
        folder: a new one, for everything that is downloaded and measured.
        options: further ones of gradmeter compare.

    Raises:
        UsageError: a release cannot be had or measured.
    """
    top = releases.repository(package, folder)
    releases.install(package.requirements, folder / "required")

    def compare(old: str, new: str, *more: str) -> Compared:
        out = folder / f"{old}-{new}"
        ours = ["--rev", old, "--rev", new, "--out", str(out), *options, *more]
        command = ["compare", *ours, "--", "pytest", *package.suite]
        path = [str(folder / "required"), os.environ.get("PYTHONPATH", "")]
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gradmeter", *command],
            cwd=top,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode not in (0, 3):
            lines = [line for line in done.stderr.splitlines() if line.startswith("gradmeter: ")]
            why = plain(lines[-1]) if lines else f"gradmeter's exit code is {done.returncode}"
            raise UsageError(f"{package.name} {old} and {new} cannot be compared: {why}")
        return Compared(run_file.load(out / "run.json"), time.perf_counter() - start)

    return Measured(
        package,
        compare(package.old, package.new),
        compare(package.new, AGAIN, "--bench-all"),
    )


def render(found: Sequence[Measured], problems: Sequence[str]) -> str:
    """What was measured as Markdown: a table of all packages, then each one's changes.

    Args:
        problems: sentences on the packages that could not be measured.
    """
    parts = ["# Published packages, measured\n\nMade by `make published`" + _where(found) + "."]
    if found:
        lines = [
            "| package | calls | slower | faster | other bytes | seconds a call "
            "| newer with itself: calls | called different | seconds a call |",
            "| --- |" + " ---: |" * 8,
        ]
        parts.append("\n".join([*lines, *map(_line, found)]))
        rows = sum(len(each.itself.rows) for each in found)
        wrong = sum(len(each.itself.different) for each in found)
        parts.append(
            f"Identical code, timed in full as if it were not: {wrong} of {rows} calls called "
            f"different; the goal is at most 1 in {1 / MOST_DIFFERENT:.0f}."
        )
    parts += [part for each in found for part in _section(each)]
    return "\n\n".join([*parts, *map(markdown, problems)]) + "\n"


def _where(found: Sequence[Measured]) -> str:
    if not found:
        return ""
    environment = found[0].releases.run.environment
    return (
        f" with Python {environment.python}, NumPy {environment.versions['numpy']} and "
        f"pytest-benchmark {environment.versions['pytest-benchmark']}, on {environment.cores} "
        f"core{'s' * (environment.cores > 1)} of {environment.cpu}"
    )


def _line(each: Measured) -> str:
    package, between, itself = each.package, each.releases, each.itself
    words = Counter(map(comparison.time_word, between.rows))
    cells = [
        f"{package.name} {package.old} to {package.new}",
        len(between.rows),
        words["slower"],
        words["faster"],
        sum(bool(row.changes) for row in between.rows),
        f"{between.seconds / len(between.rows):.1f}",
        len(itself.rows),
        len(itself.different),
        f"{itself.seconds / len(itself.rows):.1f}",
    ]
    return "| " + " | ".join(markdown(str(cell)) for cell in cells) + " |"


def _section(each: Measured) -> Iterator[str]:
    """The parts of a package's section."""
    package, rows = each.package, each.releases.rows
    yield f"## {markdown(f'{package.name} {package.old} to {package.new}')}"
    summary = comparison.headline(each.releases.run)
    yield f"`pytest {shlex.join(package.suite)}`; {markdown(summary)}."
    changed = each.releases.different
    if changed:
        yield _table(changed)
    rest = Counter(comparison.time_word(row) for row in rows if row not in changed)
    if rest:
        counts = ", ".join(f"{count} {word}" for word, count in sorted(rest.items()))
        yield f"The others: {counts.replace('-', 'not timed')}; the same bytes where measured."
    for compared in (each.releases, each.itself):
        for row in compared.failed:
            failure = row.case.failure or row.baseline.failure
            assert failure is not None
            yield markdown(f"{row.case.title} could not be measured: {failure.message}")
    if each.itself.different:
        yield f"{package.new} with itself, called different:\n\n{_table(each.itself.different)}"


def _table(rows: Sequence[Row]) -> str:
    lines = ["| call | time | | array data |", "| --- | ---: | --- | --- |"]
    for row in rows:
        changes = "; ".join(f"{c.figure} {c.before:,} to {c.after:,} B" for c in row.changes or [])
        cells = [
            row.case.workload,
            sentences.ratio_text(row),
            comparison.time_word(row),
            changes or ("equal" if row.changes is not None else "not measured"),
        ]
        lines.append("| " + " | ".join(map(markdown, cells)) + " |")
    return "\n".join(lines)


def _moved(row: Row) -> bool:
    return row.time is not None and row.time.word in ("slower", "faster")


def main(names: Sequence[str]) -> int:
    """Measure the packages, or those named, and write the report; return the exit code."""
    unknown = set(names) - {package.name for package in PACKAGES}
    if unknown:
        print(f"there is no package {', '.join(sorted(unknown))} here", file=sys.stderr)
        return 2
    found, problems = [], []
    with tempfile.TemporaryDirectory(prefix="gradmeter-") as folder:
        for package in PACKAGES:
            if names and package.name not in names:
                continue
            print(f"{package.name} {package.old} to {package.new}", file=sys.stderr, flush=True)
            try:
                found.append(measure(package, Path(folder) / package.name))
            except UsageError as error:
                problems.append(f"{package.name} was not measured: {error}.")
                print(problems[-1], file=sys.stderr)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text := render(found, problems))
    print(text)
    rows = sum(len(each.itself.rows) for each in found)
    wrong = sum(len(each.itself.different) for each in found)
    if wrong > MOST_DIFFERENT * rows:
        return 1
    failed = any(c.failed for each in found for c in (each.releases, each.itself))
    return 3 if problems or failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
