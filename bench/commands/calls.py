"""Compare the calls of a pytest-benchmark suite between revisions of its project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gradmeter.bench import session
from gradmeter.bench.cases.checkouts import Wanted, arguments, sides
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.progress import Teller

HEAD, OWN = session.HEAD_TESTS, session.OWN_TESTS


def compare_suite(
    words: Sequence[str],
    wanted: Wanted,
    options: Options,
    out: Path,
    *,
    tests: str = HEAD,
    whole: bool = False,
) -> Run:
    """Compare a suite's calls at revisions, the first the baseline.

    Args:
        words: "pytest" and its arguments.
        tests: whose tests are run at every revision: "head", those of the last one, or each
            its "own".

    Raises:
        UsageError: the command line makes no sense, or nothing can be compared.
    """
    if not words or words[0] != "pytest":
        raise UsageError(
            f"after -- comes pytest and its arguments, not {' '.join(words) or 'nothing'}; such as "
            "gradmeter compare --rev main -- pytest benchmarks"
        )
    if tests not in (HEAD, OWN):
        raise UsageError(f"--bench-tests is head or own, not {tests!r}")
    start = Path.cwd()
    with (
        Teller(Console(stderr=True, emoji=False)) as tell,
        sides(wanted, start, lambda sentence: tell(0.0, sentence)) as found,
    ):
        return session.compare_calls(
            found,
            arguments(words[1:], start),
            options,
            out,
            tell,
            tests=tests,
            # Between dependencies or interpreters, equal sources do not run the same code.
            whole=whole or not wanted.revisions,
        )


def wanted_sides(
    rev: Sequence[str],
    requirements: Sequence[str],
    interpreters: Sequence[str],
    path: Sequence[str],
    build: str,
) -> Wanted:
    """What is compared, from the options of the command.

    Raises:
        UsageError: they name nothing, or exclude each other.
    """
    kinds = {"--rev": rev, "--with": requirements, "--python": interpreters}
    given = [name for name, values in kinds.items() if values]
    if len(given) != 1:
        raise UsageError(
            f"{' and '.join(given)} exclude each other; choose one"
            if given
            else "a suite is compared between revisions, requirements or interpreters; name them "
            "with --rev main, or with two of --with numpy==2.2 or of --python 3.12"
        )
    if not rev and len(kinds[given[0]]) < 2:
        raise UsageError(f"{given[0]} takes two values to compare: give it once more")
    if build and not rev:
        raise UsageError("--bench-install builds revisions; give it with --rev")
    return Wanted(
        revisions=(*rev, None) if len(rev) == 1 else tuple(rev),
        roots=tuple(path),
        build=build,
        requirements=tuple(requirements),
        interpreters=tuple(interpreters),
    )
