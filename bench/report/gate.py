"""Render the gates' outcome for one screen: what failed, where, by how much, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gradmeter.bench.numbers import apart, more_arrays
from gradmeter.bench.report import line_words
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results.known import ByLaw
from gradmeter.bench.results.laws import Key
from gradmeter.bench.results.lines import FewLines, Lines
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import gates, verdicts
from gradmeter.bench.verdicts.breaches import Breach
from gradmeter.bench.verdicts.gates import Gate
from gradmeter.bench.verdicts.regressions import Outcome, holders
from gradmeter.bench.verdicts.verdicts import Change

MOST = 6  # of a kind; the others are counted


def breaches(
    failed: Sequence[Breach],
    run: Run,
    before: Mapping[Key, FewLines] | None = None,
    by_law: ByLaw | None = None,
) -> list[str]:
    """Lines on the gates that failed, the worst first, with what holds their bytes.

    Args:
        before: the baseline's lines, by case; None where the run itself has the baseline.
        by_law: how the figures before follow from laws, where they do.
    """
    lines = []
    for breach in failed[:MOST]:
        lines.append(plain(f"gate failed: {breach.gate}: {breach.where}"))
        lines.append(plain(f"    {breach.what}"))
        lines += [
            plain(f"    {words}")
            for words in (
                _law(breach, by_law),
                holders(run, breach),
                _line_words(run, breach, before),
            )
            if words
        ]
    if len(failed) > MOST:
        lines.append(f"and {len(failed) - MOST} more failed")
    return lines


def _law(breach: Breach, by_law: ByLaw | None) -> str:
    """The law that a figure was compared with; empty where it was with none."""
    gate = gates.parse(breach.gate)
    if by_law is None or breach.key is None or gate.operator != ">":
        return ""
    formula = by_law.formulas.get(breach.key, {}).get(gate.what)
    return f"its law: {gate.what} = {formula}" if formula else ""


def _line_words(run: Run, breach: Breach, before: Mapping[Key, FewLines] | None) -> str:
    """The source lines that hold more than at the baseline; empty where they are not known."""
    figure = gates.parse(breach.gate).what
    case = run.case(*breach.key) if breach.key is not None else None
    if case is None or case.lines is None or figure not in ("peak", "held"):
        return ""
    first: Lines | FewLines | None
    if before is None:
        first = next((r.baseline.lines for r in verdicts.candidates(run) if r.case is case), None)
    else:
        first = before.get(case.key)
    if first is not None:
        return line_words.difference_text(first, case.lines, figure)
    text = line_words.peak_text(case.lines) if figure == "peak" else ""
    return f"alive at the peak: {text}" if text else ""


def _how_to_see_lines(outcome: Outcome, run: Run, before: Mapping[Key, FewLines]) -> list[str]:
    """Say what to measure anew where a gate failed whose lines are not known; mostly nothing."""
    broken = [b for b in outcome.breaches if gates.parse(b.gate).what in ("peak", "held")]
    cases = [case for b in broken if b.key is not None and (case := run.case(*b.key)) is not None]
    option = "--lines (pytest: --bench-lines)"
    if any(case.lines is None and case.array_data for case in cases):
        return [f"to see the source lines of these bytes, measure again with {option}"]
    measured = outcome.known and outcome.by_law is None
    if measured and any(case.lines is not None and case.key not in before for case in cases):
        return [f"to see which lines differ, make the baseline of a run with {option}"]
    return []


def lines(
    outcome: Outcome,
    criteria: Sequence[Gate],
    run: Run,
    path: Path,
    before: Mapping[Key, FewLines] | None = None,
    missing: str = "",
) -> list[str]:
    """The whole screen, the worst first; the last line is the verdict.

    Args:
        path: the run file's, for the commands that the lines name.
        before: the baseline's lines, by case; None where it has none.
        missing: what is missing where there are no figures from before, and the command that
            makes it; empty for the baseline's file.
    """
    if not missing:
        make = f"gradmeter baseline {path} --out {outcome.file}"
        missing = f"there is no baseline {outcome.file} yet; make one and commit it: {make}"
    screen = breaches(outcome.breaches, run, before or {}, outcome.by_law)
    screen += _how_to_see_lines(outcome, run, before or {})
    for key, reason in outcome.unmeasured[:MOST]:
        screen.append(plain(f"not judged: {gates.title(key)}: {reason}"))
    if len(outcome.unmeasured) > MOST:
        screen.append(f"and {len(outcome.unmeasured) - MOST} more not judged")
    screen += [plain(f"not judged: {reason}") for reason in outcome.refused[:MOST]]
    if len(outcome.refused) > MOST:
        screen.append(f"and {len(outcome.refused) - MOST} more not judged")
    screen += [plain(f"note: {note}") for note in outcome.notes]
    by_law = outcome.by_law is not None
    new = "no law speaks of" if by_law else "new, not in the baseline"
    only = "laws of no case of this run" if by_law else "in the baseline only"
    screen += _some_titles(new, [gates.title(key) for key in outcome.new])
    screen += _some_titles(only, [gates.title(key) for key in outcome.vanished])
    screen += _silent(outcome)
    allowed = {breach.key for breach in outcome.breaches}
    screen += _changed(
        "more, within the gates", [p for p in outcome.larger if p[0].key not in allowed]
    )
    screen += _changed("good news, less than before", outcome.smaller)
    if by_law and outcome.smaller and outcome.file is not None:
        screen.append(f"take it over: find the laws of {outcome.file} anew with gradmeter law")
    elif (
        outcome.file is not None
        and outcome.known
        and not by_law
        and not outcome.problem
        and (outcome.smaller or (outcome.new and not outcome.vanished))
    ):
        screen.append(f"take it over: gradmeter baseline {path} --out {outcome.file}")
    verdict = _verdict(outcome, [gate.text for gate in criteria], run, missing)
    if outcome.waiting and missing not in verdict:
        screen.append(missing)
    return [*screen, verdict]


def _verdict(outcome: Outcome, criteria: Sequence[str], run: Run, missing: str) -> str:
    """The outcome in one line."""
    criteria_text = " ".join(text for text in criteria if text not in outcome.waiting)
    cases = _cases(outcome)
    if outcome.breaches:
        return f"FAILED: {_count(len(outcome.breaches), 'breach', 'es')} of {criteria_text}{cases}"
    if outcome.problem:
        return f"NOT JUDGED: {outcome.problem}{cases}"
    if outcome.refused:
        return f"NOT JUDGED: {outcome.refused[0]}{cases}"
    if outcome.unmeasured:
        lost = _count(len(outcome.unmeasured), "case")
        return f"NOT JUDGED: {lost} without exact figures{cases}"
    if not run.cases:
        return "nothing was judged: the run has no cases"
    if not criteria_text:
        return f"nothing was judged: {missing}"
    return f"passed: {criteria_text}{cases}"


def _cases(outcome: Outcome) -> str:
    """How many cases were judged, and by what, for the end of a verdict."""
    if not outcome.known:
        judged = f"; {_count(outcome.budgeted, 'case')} judged" if outcome.budgeted else ""
        waiting = f"; not judged yet: {' '.join(outcome.waiting)}" if outcome.waiting else ""
        return judged + waiting
    cases = f"; {_count(outcome.compared, 'case')} compared"
    if outcome.by_law is not None:
        without = [_count(len(outcome.new), "case")] if outcome.new else []
        without += [_count(len(outcome.silent), "figure")] if outcome.silent else []
        cases += " with laws" + (f", {' and '.join(without)} without a law" if without else "")
    return cases


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{plural * (number != 1)}"


def _silent(outcome: Outcome) -> list[str]:
    """Lines on the figures of gates that no law speaks of, by reason."""
    titles: dict[tuple[str, str], list[str]] = {}
    for key, figure, reason in outcome.silent:
        titles.setdefault((figure, reason), []).append(gates.title(key))
    lines = [
        f"no law of {figure}: {names[0]}"
        f"{f' and {len(names) - 1} more' if names[1:] else ''}: {reason}"
        for (figure, reason), names in titles.items()
    ]
    more = [f"and {len(lines) - MOST} more reasons"] if len(lines) > MOST else []
    return [plain(line) for line in lines[:MOST]] + more


def _some_titles(what: str, titles: Sequence[str]) -> list[str]:
    if not titles:
        return []
    more = f" and {len(titles) - 3} more" if len(titles) > 3 else ""
    return [plain(f"{what}: {'; '.join(titles[:3])}{more}")]


def _changed(what: str, changed: Sequence[tuple[Case, list[Change]]]) -> list[str]:
    shown = [
        plain(f"{what}: {case.title}: {changes_text(case, cs)}") for case, cs in changed[:MOST]
    ]
    more = [f"and {len(changed) - MOST} more cases"] if len(changed) > MOST else []
    return shown + more


def changes_text(case: Case, changes: Sequence[Change]) -> str:
    """The changed figures of a case, before and after, in one line."""
    parts = []
    for change in changes:
        old, new = apart(change.before, change.after)
        more = more_arrays(change.difference, case.array_bytes)
        parts.append(f"{change.figure} {old} -> {new}{more}")
    return ", ".join(parts)


def as_markdown(title: str, screen: Sequence[str]) -> str:
    """A screen as Markdown: the verdict first, the rest as a list, nested as it is indented."""
    *rest, last = screen
    parts = [f"## {title}", f"**{markdown(last)}**"]
    if rest:
        parts.append(
            "\n".join(f"{'  ' * (line[:1] == ' ')}- {markdown(line.strip())}" for line in rest)
        )
    return "\n\n".join(parts) + "\n"
