"""Gates on the steps of a history: which changes they are about, and which fail them."""

from __future__ import annotations

from collections.abc import Sequence

from gradmeter.bench.history.steps import Change, Step
from gradmeter.bench.verdicts.gates import Gate


def concern(gates: Sequence[Gate], change: Change) -> bool:
    """Whether any of the gates is on the figure of a change."""
    return any(gate.what == change.figure and gate.applies(change.key) for gate in gates)


def failed(gates: Sequence[Gate], step: Step) -> list[tuple[Gate, Change]]:
    """The gates that a step fails, each with the change; one that is accepted or undone fails none.

    A budget fails at the step that goes beyond it.
    """
    return [
        (gate, change)
        for change in step.changes
        if change.status == "open"
        for gate in gates
        if gate.what == change.figure and gate.applies(change.key) and _fails(gate, change)
    ]


def _fails(gate: Gate, change: Change) -> bool:
    array_bytes = change.second.figures.array_bytes
    if gate.grows:
        return gate.exceeded(change.after, change.before, array_bytes, change.key)
    before, after = (
        gate.exceeded(value, None, array_bytes, change.key)
        for value in (change.before, change.after)
    )
    return after and not before
