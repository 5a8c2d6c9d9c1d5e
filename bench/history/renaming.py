"""Read a history under the names that its workloads and tests have now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history.acceptance import Acceptance
from gradmeter.bench.history.recording import Recording
from gradmeter.bench.history.store import History


def renamed(history: History, texts: Sequence[str]) -> History:
    """The history with other names.

    Args:
        texts: OLD=NEW, where OLD was recorded; a name may have signs of equality itself.

    Raises:
        UsageError: a text is none, or both of its names were recorded at one commit.
    """
    if not texts:
        return history
    known = {workload for each in history.recordings for workload, _, _ in each.cases}
    names = dict(_pair(text, known) for text in texts)
    return replace(
        history,
        recordings=tuple(_recording(each, names) for each in history.recordings),
        acceptances=tuple(_acceptance(each, names) for each in history.acceptances),
    )


def _pair(text: str, known: set[str]) -> tuple[str, str]:
    """The old and the new name of a text, divided where the first part is a known name."""
    words = text.split("=")
    for number in range(1, len(words)):
        old, new = "=".join(words[:number]), "=".join(words[number:])
        if old in known and new:
            return old, new
    raise UsageError(
        f"--renamed {text!r}: write OLD=NEW, where OLD is the name of a workload or test as it "
        "was recorded"
    )


def _recording(recording: Recording, names: Mapping[str, str]) -> Recording:
    cases = {
        (names.get(workload, workload), size, variant): case
        for (workload, size, variant), case in recording.cases.items()
    }
    if len(cases) < len(recording.cases):
        old, new = next((o, n) for o, n in names.items() if _has(recording, o))
        raise UsageError(
            f"--renamed {old}={new}: at commit {recording.head.commit[:12]} both were recorded, "
            "so they are not the same"
        )
    return replace(recording, cases=cases)


def _has(recording: Recording, name: str) -> bool:
    return any(workload == name for workload, _, _ in recording.cases)


def _acceptance(acceptance: Acceptance, names: Mapping[str, str]) -> Acceptance:
    changes = tuple(
        msgspec.structs.replace(each, workload=names.get(each.workload, each.workload))
        for each in acceptance.changes
    )
    return msgspec.structs.replace(acceptance, changes=changes)
