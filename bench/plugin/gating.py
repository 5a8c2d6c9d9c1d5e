"""The gates of a pytest session: read from its options, and judged at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradmeter.bench import statistics
from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin.settings import Settings
from gradmeter.bench.plugin.words import in_words_of_pytest
from gradmeter.bench.report import gate as screen
from gradmeter.bench.results import known as known_figures
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import CONFIDENCE, Run
from gradmeter.bench.verdicts import breaches, gate_checks, gates, verdicts
from gradmeter.bench.verdicts.gates import Gate
from gradmeter.bench.verdicts.regressions import judge


@dataclass(frozen=True)
class SessionGates:
    """The gates that a session judges.

    Attributes:
        against: the baseline or the file of laws; None where no gate compares with one.
    """

    gates: Sequence[Gate]
    against: Path | None

    def judge(self, run: Run | None, out: Path) -> tuple[list[str], list[str]]:
        """Judge a run; return the lines to print, and the gates for which the session fails.

        Where the gates cannot be judged, these are all of them.
        """
        if not self.gates:
            return [], []
        every = [gate.text for gate in self.gates]
        if run is None:
            options = "--benchmark-only or --bench-memory"
            return [f"gates: nothing was measured, so no gate is judged; give {options}"], []
        try:
            known = None
            if self.against is not None:
                known = known_figures.load(self.against, run.cases)
            with in_words_of_pytest():
                gate_checks.check_names(self.gates, [case.key for case in run.cases])
        except UsageError as error:
            return [f"gates: {error}"], every
        # A baseline without instructions leaves the gates on them to the comparisons of the run.
        counted = known is not None and bool(known.instructions)
        outcome = judge(run, known, self.gates, self.against, counted=counted)
        rows = verdicts.candidates(run)
        inside = breaches.on_time(self.gates, rows, run.options)
        inside += breaches.on_instructions(self.gates, rows)
        refused = list(outcome.refused)
        if not counted:
            refused += breaches.not_counted(self.gates, rows)
        outcome = replace(outcome, breaches=[*outcome.breaches, *inside], refused=refused)
        # A selection of tests can leave a gate without a case, so this is no error.
        keys = [*(case.key for case in run.cases), *(known.figures if known is not None else {})]
        messages = [
            f"gates: {gate.text} names no case of this session"
            for gate in self.gates
            if not any(map(gate.matches, keys))
        ]
        failed = sorted({breach.gate for breach in outcome.breaches}) or every
        before = known.lines if known is not None else {}
        lines = messages + screen.lines(outcome, self.gates, run, out, before)
        return lines, failed if outcome.exit_code else []


def read(settings: Settings) -> SessionGates:
    """Read the gates from the options of a session.

    Raises:
        UsageError: a gate does not parse, or could never fail.
    """
    against, sets = settings.against, settings.sets
    texts = settings.fail_on or (gates.DEFAULT if against else ())
    with in_words_of_pytest():
        criteria = [gates.parse(text) for text in texts]
    if against is not None:
        known_figures.load(against)  # a wrong file is refused before anything is measured
    needed = statistics.fewest(1 - CONFIDENCE)
    for gate in criteria:
        if gate.on_time and sets < needed:
            raise UsageError(
                f"--bench-fail-on {gate.text!r}: a verdict on time takes {needed} sets at least; "
                f"give --bench-sets {needed}"
            )
        if gate.what == gates.COUNTED and not settings.instructions:
            raise UsageError(
                f"--bench-fail-on {gate.text!r}: instructions are counted with --bench-instructions"
            )
        layer = layers.layer_of(gate.what)
        if gate.on_layer and layer != layers.ARRAYS and layer not in settings.memory:
            raise UsageError(
                f"--bench-fail-on {gate.text!r}: {layers.TITLES[layer]} are measured with "
                f"--bench-memory={layer}"
            )
        if gate.grows and gate.what != gates.COUNTED and against is None:
            raise UsageError(
                f"--bench-fail-on {gate.text!r} compares with a baseline; name it with "
                "--bench-against FILE"
            )
    return SessionGates(criteria, against)
