"""Two run files as one run: the part of `gradmeter compare` that measures nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gradmeter.bench.cases import compared
from gradmeter.bench.commands.reading import read_run, run_path
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.laws import is_law_file
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import gate_checks, gates

NOTE = (
    "times are shown without a verdict: two runs differ by more than their code; for a verdict, "
    "measure both sides in one run with gradmeter compare"
)


def is_run(word: str) -> bool:
    """Whether a word names a run file or its folder."""
    return word.endswith(".json") or os.path.isfile(run_path(Path(word)))


def pair(targets: Sequence[str], criteria: Sequence[gates.Gate]) -> Run:
    """Read two runs, and compare the second with the first.

    Raises:
        UsageError: they are not two run files, or a gate could never fail.
    """
    if len(targets) != 2 or not all(map(is_run, targets)):
        raise UsageError(
            "run files are compared two at a time, and with nothing else: "
            "gradmeter compare RUN.json RUN.json"
        )
    gate_checks.refuse_time(criteria)
    for word, other in (targets, targets[::-1]):
        if is_law_file(Path(word)):
            raise UsageError(
                f"{word} is a file of laws; hold a run against it: gradmeter check {other} "
                f"--against {word}"
            )
    before, after = (read_run(Path(word)) for word in targets)
    run = compared.of_files(before, after, (targets[0], targets[1]))
    keys = [(c.workload, c.size, name) for c in run.comparisons for name in c.candidates]
    gate_checks.check_terms(criteria, keys)
    gate_checks.check_names(criteria, keys)
    return run
