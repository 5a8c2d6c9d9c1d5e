"""The gates that a pytest session was asked to judge, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import gates, statistics, verdicts
from bench.against import judge
from bench.baseline import load_baseline
from bench.errors import UsageError
from bench.gates import Gate
from bench.report import gate as screen
from bench.results import CONFIDENCE, Run
from bench.settings import Settings


@dataclass(frozen=True)
class Asked:
    """What to judge.

    Attributes:
        against: the baseline; None where only budgets or times are asked about.
    """

    gates: Sequence[Gate]
    against: Path | None

    def judge(self, run: Run | None, out: Path) -> tuple[list[str], bool]:
        """The lines to print, and whether the session fails by them."""
        if not self.gates:
            return [], False
        if run is None:
            asks = "--benchmark-only or --bench-memory"
            return [f"gates: nothing was measured, so nothing is judged ({asks})"], False
        try:
            before = None if self.against is None else load_baseline(self.against)
        except UsageError as error:
            return [f"gates: {error}"], True
        outcome = judge(run, before, self.gates, self.against)
        slow = gates.on_time(self.gates, verdicts.candidates(run), run.options)
        outcome = replace(outcome, breaches=[*outcome.breaches, *slow])
        # Which cases there are depends on what was selected: not an error, but said.
        keys = [*(case.key for case in run.cases), *(before or {})]
        said = [
            f"gates: {gate.text} names no case of this session"
            for gate in self.gates
            if not any(map(gate.matches, keys))
        ]
        return said + screen.lines(outcome, self.gates, run, out), outcome.exit_code != 0


def read(settings: Settings) -> Asked:
    """Read the options.

    Raises:
        UsageError: a gate does not parse, or could never fail.
    """
    against, sets = settings.against, settings.sets
    texts = settings.fail_on or (gates.DEFAULT if against else ())
    try:
        found = [gates.parse(text) for text in texts]
    except UsageError as error:
        raise UsageError(str(error).replace("--fail-on", "--bench-fail-on", 1)) from None
    if against is not None:
        load_baseline(against)  # better now than when everything is measured
    needed = statistics.fewest(1 - CONFIDENCE)
    for gate in found:
        if gate.on_time and sets < needed:
            raise UsageError(
                f"--bench-fail-on {gate.text!r}: a verdict on time takes {needed} sets at least; "
                f"give --bench-sets {needed}"
            )
        if gate.grows and against is None:
            raise UsageError(
                f"--bench-fail-on {gate.text!r} compares with a baseline; name it with "
                "--bench-against FILE"
            )
    return Asked(found, against)
