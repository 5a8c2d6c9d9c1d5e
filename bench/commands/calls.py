"""Compare the calls of a pytest-benchmark suite between revisions of its project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gradmeter.bench import session
from gradmeter.bench.cases.checkouts import arguments, sides
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.progress import Teller

HEAD, OWN = "head", "own"


def compare_suite(
    words: Sequence[str],
    revisions: Sequence[str],
    options: Options,
    out: Path,
    *,
    tests: str = HEAD,
    path: Sequence[str] = (),
    whole: bool = False,
) -> Run:
    """Compare a suite's calls at revisions, the first the baseline.

    Args:
        words: "pytest" and its arguments.
        revisions: one, to compare with the working tree, or more.
        tests: whose tests are run at every revision: "head", those of the last one, or each
            its "own".
        path: the folders that hold the project's packages.

    Raises:
        UsageError: the command line makes no sense, or nothing can be compared.
    """
    if not words or words[0] != "pytest":
        raise UsageError(
            f"after -- comes pytest and its arguments, not {' '.join(words) or 'nothing'}; such as "
            "gradmeter compare --rev main -- pytest benchmarks"
        )
    if not revisions:
        raise UsageError(
            "a suite is compared between revisions; name one with --rev, as --rev main"
        )
    if tests not in (HEAD, OWN):
        raise UsageError(f"--bench-tests is head or own, not {tests!r}")
    start = Path.cwd()
    names = [*revisions, None] if len(revisions) == 1 else list(revisions)
    with sides(names, start, path) as found, Teller(Console(stderr=True, emoji=False)) as tell:
        return session.compare_calls(
            found,
            found[-1] if tests == HEAD else None,
            arguments(words[1:], start),
            options,
            out,
            tell,
            whole=whole,
        )
