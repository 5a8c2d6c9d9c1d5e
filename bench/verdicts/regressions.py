"""Compare a run's exact bytes with a baseline's: breached gates, changed figures and cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradmeter.bench.numbers import where_text
from gradmeter.bench.results import grounds, layers
from gradmeter.bench.results.baseline import LayerFigures
from gradmeter.bench.results.known import ByLaw, Known
from gradmeter.bench.results.layers import Reading
from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.timelines import explain
from gradmeter.bench.verdicts import breaches, gate_checks, gates
from gradmeter.bench.verdicts.breaches import Breach
from gradmeter.bench.verdicts.gates import Gate, Key
from gradmeter.bench.verdicts.verdicts import Change, changes


@dataclass(frozen=True)
class Outcome:
    """The outcome of comparing a run with a baseline.

    Attributes:
        file: the baseline's; None where only budgets are judged.
        known: whether there is a baseline.
        compared: the number of cases on both sides; of laws, of those that one speaks of.
        budgeted: the number of cases that a budget was held against.
        waiting: the gates that compare with figures from before, where there are none yet.
        breaches: the gates that failed, the largest breach first.
        smaller: the figures that fell, by case.
        larger: the figures that rose, by case, with or without a gate on them.
        new, vanished: cases on one side only.
        unmeasured: why the figures of a case are missing or not exact, by case.
        notes: sentences about gates that do not apply.
        refused: why gates on instructions or on layers of memory cannot be judged, in sentences.
        problem: why the whole run cannot be judged; empty where it can.
        by_law: how the figures before follow from laws; None where they were measured.
        silent: figures of a gate that no law speaks of, with the reason, by case; of cases that
            have other laws.
    """

    file: Path | None
    known: bool
    compared: int
    budgeted: int
    waiting: list[str]
    breaches: list[Breach]
    smaller: list[tuple[Case, list[Change]]]
    larger: list[tuple[Case, list[Change]]]
    new: list[Key]
    vanished: list[Key]
    unmeasured: list[tuple[Key, str]]
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    problem: str = ""
    by_law: ByLaw | None = None
    silent: list[tuple[Key, str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 for a failed gate, 3 for cases that could not be judged, 0 for neither."""
        return 1 if self.breaches else 3 if self.unmeasured or self.refused or self.problem else 0


def judge(
    run: Run,
    known: Known | None,
    criteria: Sequence[Gate],
    file: Path | None,
    *,
    counted: bool = True,
) -> Outcome:
    """Compare a run with what is known of its cases, and with budgets; a pure function.

    Args:
        known: the figures of a baseline, or of laws at the run's cases.
        counted: whether gates on instructions are on these.
    """
    unmeasured = [(case.key, why) for case in run.cases if (why := reason_not_exact(case))]
    inexact = {key for key, _ in unmeasured}
    exact = [case for case in run.cases if case.key not in inexact and case.figures is not None]
    baseline = known.figures if known is not None else {}
    by_law = known.by_law if known is not None else None
    new = [case.key for case in exact if case.key not in baseline] if known is not None else []
    measured_keys = {case.key for case in run.cases}
    vanished = [key for key in baseline if key not in measured_keys and _planned(key, run)]
    vanished += by_law.unused if by_law is not None and run.shard is None else []
    common = [case for case in exact if case.key in baseline]
    compared = [case for case in common if by_law is None or by_law.formulas[case.key]]
    differing = [(c, changes(c.figures, dict(baseline[c.key])) or []) for c in common]
    failed = [
        *breaches.on_bytes(criteria, [(case, baseline.get(case.key)) for case in exact]),
        *breaches.on_presence(criteria, new, vanished),
    ]
    refused: list[str] = []
    if known is not None and counted:
        on_counts = [gate for gate in criteria if gate.what == gates.COUNTED]
        pairs, refused = _comparable(run, known.instructions, on_counts)
        failed += breaches.on_counts(criteria, pairs)
    layered, not_judged = breaches.on_layers(
        criteria,
        [(case, _layers_before(case, known)) for case in run.cases],
    )
    failed += layered
    refused = [*refused, *not_judged]
    silent: list[tuple[Key, str, str]] = []
    if by_law is not None:
        silent = _silent(criteria, [case.key for case in common], by_law)
        refused += [*by_law.refused, *_never_judged(criteria, common, silent)]
    budgets = [gate for gate in criteria if gate.operator == "<="]
    problem = ""
    empty = not run.cases and (run.shard is None or bool(run.shard.places))
    if empty or not run.finished:
        problem = "the run was not finished; measure it again, or continue it with run --resume"
    elif by_law is not None and run.cases and not compared and not failed:
        problem = "no law of the file speaks of a case of the run"
    elif baseline and run.cases and not common and not failed:
        problem = "the run has no case of the baseline; is the baseline of another run?"
    return Outcome(
        problem=problem,
        refused=refused,
        file=file,
        known=known is not None,
        compared=len(compared),
        budgeted=sum(any(gate.applies(case.key) for gate in budgets) for case in exact),
        waiting=[gate.text for gate in criteria if known is None and _waits(gate, counted)],
        breaches=sorted(failed, key=lambda breach: -breach.by),
        smaller=_changes_in_direction(differing, -1),
        larger=_changes_in_direction(differing, +1),
        new=new,
        vanished=vanished,
        unmeasured=unmeasured,
        by_law=by_law,
        silent=silent,
        notes=gate_checks.inapplicable(criteria, [case.key for case in run.cases]),
    )


def _waits(gate: Gate, counted: bool) -> bool:
    """Whether a gate takes figures from before; instructions may be compared inside the run."""
    return gate.grows and (counted or gate.what != gates.COUNTED)


def _planned(key: Key, run: Run) -> bool:
    """Whether a case was to be measured by this run, and not by another shard."""
    return run.shard is None or where_text(key[0], key[1]) in run.shard.places


def _silent(
    criteria: Sequence[Gate], keys: Sequence[Key], by_law: ByLaw
) -> list[tuple[Key, str, str]]:
    """The figures of gates that no law speaks of, with the reason, by case."""
    return [
        (key, figure, by_law.reasons.get(key, {}).get(figure, "no law was found"))
        for figure in dict.fromkeys(gate.what for gate in criteria if gate.operator == ">")
        for key in keys
        if figure not in by_law.formulas[key]
        and any(gate.what == figure and gate.applies(key) for gate in criteria)
    ]


def _never_judged(
    criteria: Sequence[Gate], cases: Sequence[Case], silent: Sequence[tuple[Key, str, str]]
) -> list[str]:
    """Sentences on gates that no law speaks of in any of their cases."""
    without = {(key, figure) for key, figure, _ in silent}
    sentences = []
    for gate in criteria:
        keys = [case.key for case in cases if gate.applies(case.key)]
        if gate.operator == ">" and keys and all((key, gate.what) in without for key in keys):
            sentences.append(f"{gate.text}: no law speaks of {gate.what} in any of its cases")
    return sentences


def _comparable(
    run: Run, before: Mapping[Key, Instructions], criteria: Sequence[Gate]
) -> tuple[list[tuple[Case, Instructions]], list[str]]:
    """Pair the counts that can be compared; and say, once for each reason, why others cannot."""
    pairs: list[tuple[Case, Instructions]] = []
    reasons: dict[str, list[str]] = {}
    for case in run.cases:
        old = before.get(case.key)
        if not any(gate.matches(case.key) for gate in criteria):
            continue
        if case.instructions is None:
            why = case.uncounted or "the run has none; measure it with --instructions"
        elif old is None:
            why = "the baseline has none; make it anew of a run with --instructions"
        else:
            why = grounds.difference(case.instructions, old)
            why = f"the baseline's were counted with other binaries: {why}" if why else ""
            if not why:
                pairs.append((case, old))
        if why:
            reasons.setdefault(why, []).append(case.title)
    return pairs, [
        f"instructions of {titles[0]}{f' and {len(titles) - 1} more' if titles[1:] else ''}: {why}"
        for why, titles in reasons.items()
    ]


def _layers_before(case: Case, known: Known | None) -> dict[str, Reading] | None:
    """The figures of a case by name, as they are known; None where it is new.

    Those that were made with other versions are none, and say what differs.
    """
    before = known.layers.get(case.key) if known is not None else None
    if before is None or known is None:
        return None
    if known.by_law is not None:
        figures = {name: value for each in before.values() for name, value in each.figures.items()}
        return {name: Reading(value) for name, value in figures.items()}
    return {figure: _before(case, figure, before) for figure in layers.FIGURES}


def _before(case: Case, figure: str, baseline: Mapping[str, LayerFigures]) -> Reading:
    layer = layers.layer_of(figure)
    read = baseline.get(layer)
    if read is None or figure not in read.figures:
        return Reading(None, f"the baseline has none; make it anew of a run with {figure}")
    if layer in case.layers:
        differs = layers.difference(case.layers[layer].ground, read.ground)
        if differs:
            return Reading(None, f"the baseline's were made with other versions: {differs}")
    return Reading(read.figures[figure])


def holders(run: Run, breach: Breach) -> str:
    """Explain what holds the bytes that broke a gate; empty where the run does not say."""
    figure = gates.parse(breach.gate).what
    case = run.case(*breach.key) if breach.key is not None else None
    if case is None or case.timeline is None:
        return ""
    return explain.holders(case.timeline, figure)


def _changes_in_direction(
    differing: Sequence[tuple[Case, list[Change]]], sign: int
) -> list[tuple[Case, list[Change]]]:
    """Return the changes in one direction, without cases that have none."""
    selected = [
        (case, [c for c in differences if c.difference * sign > 0])
        for case, differences in differing
    ]
    return [(case, differences) for case, differences in selected if differences]


def reason_not_exact(case: Case) -> str:
    """Return why a case has no exact figures; empty where it has them."""
    if not case.array_data or (case.failure is not None and not case.failed):
        return ""  # such a case has no exact figures by its nature
    if case.failure is not None:
        return f"{case.failure.stage}: {case.failure.message}"
    if case.figures is None:
        return "no exact figures, since a self-test failed or the run was not finished"
    return "" if case.deterministic else "its passes disagree, so its bytes are not exact"
