"""Compare times at the two ends of a step, paired in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gradmeter.bench import session, suite_session
from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.compared import of_groups
from gradmeter.bench.cases.engine_revisions import engine_revisions
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.history.steps import Step
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.time_words import time_sentence

_SHORT = 12  # characters of a commit's name


def of_engines(
    step: Step,
    groups: Sequence[Group],
    wanted: Wanted,
    options: Options,
    out: Path,
    tell: Callable[[float, str], None],
) -> list[str]:
    """Compare the times of the cases of a step.

    Args:
        groups: of all cases.
        out: the folder of the run.

    Raises:
        UsageError: an end cannot be measured.
    """
    cases = step.cases
    engines = list(dict.fromkeys(v.engine for group in groups for v in group.variants))
    made = engine_revisions(engines, replace(wanted, revisions=_ends(step)), Path.cwd())
    with made as (revisions, known):
        chosen = [
            replace(
                group,
                variants=tuple(
                    replace(v, engine=known.get(v.engine.name, v.engine))
                    for v in group.variants
                    if group.key(v) in cases
                ),
            )
            for group in groups
        ]
        found, comparisons = of_groups(revisions, [group for group in chosen if group.variants])
        run = session.measure(found, comparisons, options, out, tell, revisions=revisions)
    return _sentences(run)


def of_suite(
    step: Step,
    words: Sequence[str],
    wanted: Wanted,
    options: Options,
    out: Path,
    tell: Teller,
    *,
    tests: str,
) -> list[str]:
    """Compare the times of a suite's calls between the ends of a step.

    Raises:
        UsageError: an end cannot be measured.
    """
    run = suite_session.compare_suite(
        words,
        replace(wanted, revisions=_ends(step)),
        Path.cwd(),
        options,
        out,
        tell,
        tests=tests,
        whole=False,
        criteria=(),
    )
    return _sentences(run, {key[0] for key in step.cases})


def _ends(step: Step) -> tuple[str, str]:
    return step.before[:_SHORT], step.after[:_SHORT]


def _sentences(run: Run, names: set[str] | None = None) -> list[str]:
    return [
        time_sentence(row, run.options)
        for row in verdicts.candidates(run)
        if names is None or row.case.workload in names
    ]
