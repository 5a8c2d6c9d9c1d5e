"""Acceptances of what has not come yet: of a run's figures that are more than at its ancestor."""

from __future__ import annotations

from dataclasses import replace

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import recording
from gradmeter.bench.history.acceptance import Acceptance, AcceptedChange, reason
from gradmeter.bench.history.ancestor import Ancestor
from gradmeter.bench.history.recording import INSTRUCTIONS
from gradmeter.bench.history.store import History
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import gates
from gradmeter.bench.verdicts.breaches import Breach
from gradmeter.bench.verdicts.regressions import Outcome


def rises(run: Run, ancestor: Ancestor) -> list[AcceptedChange]:
    """Every figure of the run that is more than before, of those that can be compared."""
    return [
        AcceptedChange(*key, figure, before.figures[figure], value)
        for key, case in recording.of_figures(run, ancestor.run_commit).cases.items()
        if (before := ancestor.cases.get(key)) is not None
        for figure, value in case.figures.figures.items()
        if figure in before.figures
        and value - before.figures[figure] > case.figures.allowed * (figure == INSTRUCTIONS)
    ]


def acceptance(run: Run, ancestor: Ancestor, because: str, *, by: str, when: str) -> Acceptance:
    """The acceptance of all that a run has more than its ancestor.

    Raises:
        UsageError: it has no more, no ancestor, or there is no reason.
    """
    changes = rises(run, ancestor)
    if ancestor.commit is None or not changes:
        what = "it has no more than before" if ancestor.commit else "no ancestor is recorded"
        raise UsageError(f"there is nothing to accept in the run: {what}")
    return Acceptance(
        before=ancestor.commit.id,
        after=ancestor.run_commit,
        because=reason(because),
        by=by,
        when=when,
        changes=tuple(changes),
    )


def accepted(
    run: Run, outcome: Outcome, ancestor: Ancestor, history: History
) -> tuple[Outcome, list[tuple[Breach, Acceptance]]]:
    """Divide the breaches of an outcome: an outcome with those that count, and the accepted."""
    by_change = {
        (change.workload, change.size, change.variant, change.figure): _pending(
            change, ancestor, history
        )
        for change in rises(run, ancestor)
    }
    breaches, found = [], []
    for breach in outcome.breaches:
        gate = gates.parse(breach.gate)
        case = run.case(*breach.key) if breach.key is not None else None
        of: list[Acceptance | None] = []
        if case is not None and gate.operator == ">":
            names = [(*case.key, name) for name in layers.expanded(gate.what, case)]
            of = [by_change[name] for name in names if name in by_change]
        if of and of[0] is not None and None not in of:
            found.append((breach, of[0]))
        else:
            breaches.append(breach)
    return replace(outcome, breaches=breaches), found


def _pending(change: AcceptedChange, ancestor: Ancestor, history: History) -> Acceptance | None:
    """The acceptance of a change that has not come yet to the commits before the run's.

    It is of the same figure, up to no less, and since it was accepted no commit of this line has
    recorded another value than before.
    """
    key = change.workload, change.size, change.variant
    places = {name: index for index, name in enumerate(ancestor.line)}
    for acceptance in reversed(history.acceptances):
        since = places.get(acceptance.before)
        if since is None or not any(_covers(each, change) for each in acceptance.changes):
            continue
        recorded = {
            figures[change.figure]
            for each in history.recordings
            if places.get(each.head.commit, since) < since and key in each.cases
            if change.figure in (figures := each.cases[key].figures.figures)
        }
        if recorded <= {change.before}:
            return acceptance
    return None


def _covers(known: AcceptedChange, change: AcceptedChange) -> bool:
    """Whether a change is of the same figure and from the same value, to no more."""
    names = ("workload", "size", "variant", "figure", "before")
    same = all(getattr(known, name) == getattr(change, name) for name in names)
    return same and change.after <= known.after
