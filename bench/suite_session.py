"""Compare a project's benchmark suite, for both doors: refuse, check out, measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradmeter.bench import session
from gradmeter.bench.cases.checkouts import Wanted, arguments, sides
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.verdicts import gate_checks
from gradmeter.bench.verdicts.gates import Gate

HEAD, OWN = session.HEAD_TESTS, session.OWN_TESTS


def refuse(tests: str, criteria: Sequence[Gate], options: Options) -> None:
    """Refuse what no comparison of a suite can be, before anything is checked out.

    Raises:
        UsageError: there is no such choice of tests, or a gate could never fail.
    """
    if tests not in (HEAD, OWN):
        raise UsageError(
            f"--bench-tests is {HEAD} or {OWN}, not {tests!r}{suggestion(tests, (HEAD, OWN))}"
        )
    gate_checks.refuse_presence(criteria)
    gate_checks.refuse_counted(criteria)
    gate_checks.check_sets(criteria, options)


def compare_suite(
    words: Sequence[str],
    wanted: Wanted,
    start: Path,
    options: Options,
    out: Path,
    tell: Teller,
    *,
    tests: str,
    whole: bool,
    criteria: Sequence[Gate],
    layers: Sequence[str] = (),
    share: Share | None = None,
) -> Run:
    """Compare a suite's calls at every side, the first the baseline.

    Args:
        words: pytest's arguments.
        start: the folder in which pytest starts.
        tests: whose tests are run at every side: "head", those of the last one, or each its
            "own".
        whole: time also calls that run the same code at every side, in all sets.
        criteria: gates, of which each has to match a selected test.
        layers: of memory besides array data, in which calls are measured.
        share: of the selected tests that is measured; None for all.

    Raises:
        UsageError: the command line makes no sense, or nothing can be compared.
    """
    with sides(wanted, start, lambda sentence: tell(0.0, sentence)) as found:
        return session.compare_calls(
            found,
            arguments(words, start),
            options,
            out,
            tell,
            tests=tests,
            # Between dependencies or interpreters, equal sources do not run the same code.
            whole=whole or not wanted.revisions,
            criteria=criteria,
            layers=layers,
            share=share,
        )
