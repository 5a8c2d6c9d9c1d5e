"""A gate's outcome on one screen: what, where, before, after, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import gates
from bench.against import Outcome, holders
from bench.gates import Breach, Gate
from bench.report.text import markdown, plain
from bench.results import Case, Run
from bench.verdicts import Change
from bench.wording import apart, more_arrays

MOST = 6  # of a kind; the others are counted


def breaches(found: Sequence[Breach], run: Run) -> list[str]:
    """Lines for the gates that failed, the worst first, with what the run knows of them."""
    lines = []
    for breach in found[:MOST]:
        lines.append(plain(f"gate failed: {breach.gate}: {breach.where}"))
        lines.append(plain(f"    {breach.what}"))
        known = holders(run, breach)
        if known:
            lines.append(plain(f"    {known}"))
    if len(found) > MOST:
        lines.append(f"and {len(found) - MOST} more failed")
    return lines


def lines(
    outcome: Outcome,
    criteria: Sequence[Gate],
    run: Run,
    path: Path,
) -> list[str]:
    """The whole screen, the worst first; the last line is the verdict.

    Args:
        path: the run's, for the commands that are named.
    """
    found = breaches(outcome.breaches, run)
    for key, reason in outcome.unmeasured[:MOST]:
        found.append(plain(f"not judged: {gates.title(key)}: {reason}"))
    if len(outcome.unmeasured) > MOST:
        found.append(f"and {len(outcome.unmeasured) - MOST} more not judged")
    found += [plain(f"note: {note}") for note in outcome.notes]
    found += _some("new, not in the baseline", [gates.title(key) for key in outcome.new])
    found += _some("in the baseline only", [gates.title(key) for key in outcome.vanished])
    allowed = {breach.key for breach in outcome.breaches}
    found += _changed(
        "more, within the gates", [p for p in outcome.larger if p[0].key not in allowed]
    )
    found += _changed("good news, less than before", outcome.smaller)
    if (
        outcome.file is not None
        and outcome.known
        and not outcome.problem
        and (outcome.smaller or (outcome.new and not outcome.vanished))
    ):
        found.append(f"take it over: gradmeter baseline {path} --out {outcome.file}")
    if outcome.file is not None and not outcome.known:
        found.append(
            f"there is no baseline {outcome.file} yet, so nothing is compared; make one and "
            f"commit it: gradmeter baseline {path} --out {outcome.file}"
        )
    return [*found, verdict(outcome, criteria)]


def verdict(outcome: Outcome, criteria: Sequence[Gate]) -> str:
    """The outcome in a line."""
    asked = " ".join(gate.text for gate in criteria)
    cases = _count(outcome.compared, "case") + " compared"
    if outcome.breaches:
        return f"FAILED: {_count(len(outcome.breaches), 'breach', 'es')} of {asked}; {cases}"
    if outcome.problem:
        return f"NOT JUDGED: {outcome.problem}; {cases}"
    if outcome.unmeasured:
        lost = _count(len(outcome.unmeasured), "case")
        return f"NOT JUDGED: {lost} without exact figures; {cases}"
    return f"passed: {asked}; {cases}"


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{plural * (number != 1)}"


def _some(what: str, titles: Sequence[str]) -> list[str]:
    if not titles:
        return []
    more = f" and {len(titles) - 3} more" if len(titles) > 3 else ""
    return [plain(f"{what}: {'; '.join(titles[:3])}{more}")]


def _changed(what: str, found: Sequence[tuple[Case, list[Change]]]) -> list[str]:
    shown = [plain(f"{what}: {case.title}: {changes_text(case, cs)}") for case, cs in found[:MOST]]
    more = [f"and {len(found) - MOST} more cases"] if len(found) > MOST else []
    return shown + more


def changes_text(case: Case, found: Sequence[Change]) -> str:
    """What changed in a case, before and after."""
    said = []
    for change in found:
        old, new = apart(change.before, change.after)
        more = more_arrays(change.difference, case.array_bytes)
        said.append(f"{change.figure} {old} -> {new}{more}")
    return ", ".join(said)


def as_markdown(title: str, screen: Sequence[str]) -> str:
    """A screen as Markdown: the verdict first, the rest as a list."""
    *rest, last = screen
    parts = [f"## {title}", f"**{markdown(last)}**"]
    if rest:
        parts.append("\n".join(f"- {markdown(line.strip())}" for line in rest))
    return "\n\n".join(parts) + "\n"
