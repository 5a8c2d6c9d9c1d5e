"""A run's exact bytes against those of a baseline: what broke a gate, came, went, got better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import explain, gates
from bench.gates import Breach, Gate, Key
from bench.results import Case, Run
from bench.verdicts import Change, changes


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        file: the baseline's; None where only budgets were asked about.
        known: whether there is a baseline.
        compared: the number of cases on both sides.
        breaches: what failed, the largest first.
        smaller: the figures that fell, by case.
        larger: those that rose, whether a gate asked about them or not.
        new, vanished: cases on one side only.
        unmeasured: why the figures of a case are missing or not exact, by case.
        notes: what else has to be said.
        problem: why the whole run cannot be judged; empty where it can.
    """

    file: Path | None
    known: bool
    compared: int
    breaches: list[Breach]
    smaller: list[tuple[Case, list[Change]]]
    larger: list[tuple[Case, list[Change]]]
    new: list[Key]
    vanished: list[Key]
    unmeasured: list[tuple[Key, str]]
    notes: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def exit_code(self) -> int:
        """1 for a failed gate, 3 for what could not be judged, 0 for neither."""
        return 1 if self.breaches else 3 if self.unmeasured or self.problem else 0


def judge(
    run: Run,
    before: Mapping[Key, Mapping[str, int]] | None,
    criteria: Sequence[Gate],
    file: Path | None,
) -> Outcome:
    """Hold a run against figures and budgets; a pure function of both."""
    unmeasured = [(case.key, why) for case in run.cases if (why := _not_exact(case))]
    lost = {key for key, _ in unmeasured}
    exact = [case for case in run.cases if case.key not in lost and case.figures is not None]
    known = before or {}
    new = [case.key for case in exact if case.key not in known] if before is not None else []
    there = {case.key for case in run.cases}
    vanished = [key for key in known if key not in there]
    both = [case for case in exact if case.key in known]
    differing = [(c, changes(c.figures, dict(known[c.key])) or []) for c in both]
    breaches = [
        *gates.on_bytes(criteria, [(case, known.get(case.key)) for case in exact]),
        *gates.on_presence(criteria, new, vanished),
    ]
    problem = ""
    if not run.cases or not run.finished:
        problem = "the run was not finished; measure it again, or go on with run --resume"
    elif known and not both and not breaches:
        problem = "the run has no case of the baseline; is it another run's?"
    return Outcome(
        problem=problem,
        file=file,
        known=before is not None,
        compared=len(both),
        breaches=sorted(breaches, key=lambda breach: -breach.by),
        smaller=_only(differing, -1),
        larger=_only(differing, +1),
        new=new,
        vanished=vanished,
        unmeasured=unmeasured,
        notes=gates.inapplicable(criteria, [case.key for case in run.cases]),
    )


def holders(run: Run, breach: Breach) -> str:
    """What the run knows of who holds the bytes that broke a gate; empty for nothing."""
    figure = gates.parse(breach.gate).what
    case = run.case(*breach.key) if breach.key is not None else None
    if case is None or case.timeline is None:
        return ""
    return explain.holders(case.timeline, figure)


def _only(
    differing: Sequence[tuple[Case, list[Change]]], sign: int
) -> list[tuple[Case, list[Change]]]:
    """The changes in one direction, without cases that have none."""
    chosen = [(case, [c for c in found if c.difference * sign > 0]) for case, found in differing]
    return [(case, found) for case, found in chosen if found]


def _not_exact(case: Case) -> str:
    """Why a case has no exact figures; empty where it has."""
    if not case.array_data or (case.failure is not None and not case.failed):
        return ""  # there cannot be any
    if case.failure is not None:
        return f"{case.failure.stage}: {case.failure.message}"
    if case.figures is None:
        return "no exact figures, since a self-test failed or the run was not finished"
    return "" if case.deterministic else "its passes disagree, so its bytes are not exact"
