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
from gradmeter.bench.goals import planted, releases
from gradmeter.bench.goals.releases import AGAIN, Package
from gradmeter.bench.report import comparison, sentences
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.verdicts import Row

REPORT = Path("reports/published.md")
PLANTED = "planted"
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
        ("bench", "-k", "deep or attrs_primitives"),
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
        measured = [r for r in self.rows if not (r.case.failure or r.baseline.failure)]
        return list(filter(comparison.changed, measured))

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
        out, required = folder / f"{old}-{new}", folder / "required"
        return _compare(top, (old, new), package.suite, out, required, (*options, *more))

    return Measured(
        package,
        compare(package.old, package.new),
        compare(package.new, AGAIN, "--bench-all"),
    )


def measure_planted(folder: Path, options: Sequence[str] = ()) -> Compared:
    """Compare the two commits of the repository with planted changes.

    Raises:
        UsageError: they cannot be compared.
    """
    revisions = (planted.OLD, planted.NEW)
    top = planted.repository(folder)
    return _compare(top, revisions, (planted.SUITE,), folder / "run", folder / "none", options)


def _compare(
    top: Path,
    revisions: tuple[str, str],
    suite: Sequence[str],
    out: Path,
    required: Path,
    options: Sequence[str],
) -> Compared:
    """Run gradmeter compare in a repository.

    Args:
        required: a folder to import from.
    """
    old, new = revisions
    ours = ["--rev", old, "--rev", new, "--out", str(out), *options]
    path = [str(required), os.environ.get("PYTHONPATH", "")]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gradmeter", "compare", *ours, "--", "pytest", *suite],
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
        raise UsageError(f"{old} and {new} cannot be compared: {why}")
    return Compared(run_file.load(out / "run.json"), time.perf_counter() - start)


def render(found: Sequence[Measured], changes: Compared | None, problems: Sequence[str]) -> str:
    """What was measured as Markdown: a table of all packages, then each one's changes.

    Args:
        changes: the repository with planted changes, compared.
        problems: sentences on the packages that could not be measured.
    """
    runs = [each.releases.run for each in found] + ([changes.run] if changes else [])
    parts = [f"# Published packages, measured\n\nMade by `make published`{_where(runs)}."]
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
    if changes is not None:
        parts += _planted_section(changes)
    return "\n\n".join([*parts, *map(markdown, problems)]) + "\n"


def _where(runs: Sequence[Run]) -> str:
    if not runs:
        return ""
    environment = runs[0].environment
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
        named = sorted((word if word != "-" else "not timed", n) for word, n in rest.items())
        counts = ", ".join(f"{number} {word}" for word, number in named)
        yield f"The others: {counts}; the same bytes where measured."
    for compared in (each.releases, each.itself):
        for row in compared.failed:
            failure = row.case.failure or row.baseline.failure
            assert failure is not None
            yield markdown(f"{row.case.title} could not be measured: {failure.message}")
    if each.itself.different:
        yield f"{package.new} with itself, called different:\n\n{_table(each.itself.different)}"


def _planted_section(compared: Compared) -> Iterator[str]:
    """The parts of the section on planted changes."""
    yield "## A repository with planted changes"
    seconds = compared.seconds / len(compared.rows)
    yield f"{len(compared.rows)} calls, {seconds:.1f} seconds a call. Planted was, call by call:"
    yield "\n".join(
        f"- {markdown(f'{name}: {change.what}')}" for name, change in planted.CHANGES.items()
    )
    yield f"Found was:\n\n{_table(compared.rows)}"
    wrong = planted.missed(compared.rows)
    yield markdown("; ".join(wrong) or "Each change was found, and nothing else") + "."


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


def main(names: Sequence[str], options: Sequence[str] = ()) -> int:
    """Measure the packages, or those named, and write the report; return the exit code.

    Args:
        options: further ones of gradmeter compare.
    """
    unknown = set(names) - {package.name for package in PACKAGES} - {PLANTED}
    if unknown:
        print(f"there is no package {', '.join(sorted(unknown))} here", file=sys.stderr)
        return 2
    found, problems, changes = [], [], None
    with tempfile.TemporaryDirectory(prefix="gradmeter-") as folder:
        for package in PACKAGES:
            if names and package.name not in names:
                continue
            print(f"{package.name} {package.old} to {package.new}", file=sys.stderr, flush=True)
            try:
                found.append(measure(package, Path(folder) / package.name, options))
            except UsageError as error:
                problems.append(f"{package.name} was not measured: {error}.")
                print(problems[-1], file=sys.stderr)
        if not names or PLANTED in names:
            changes = measure_planted(Path(folder) / PLANTED, options)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text := render(found, changes, problems))
    print(text)
    rows = sum(len(each.itself.rows) for each in found)
    wrong = sum(len(each.itself.different) for each in found)
    if wrong > MOST_DIFFERENT * rows or (changes and planted.missed(changes.rows)):
        return 1
    failed = any(c.failed for each in found for c in (each.releases, each.itself))
    return 3 if problems or failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
