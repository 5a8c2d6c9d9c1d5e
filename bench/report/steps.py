"""Render the steps of a history: for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.recording import INSTRUCTIONS, Key
from gradmeter.bench.history.steps import STATUSES, Change, Step
from gradmeter.bench.lines.difference import Difference, differences
from gradmeter.bench.numbers import apart, more_arrays, title_text
from gradmeter.bench.report import line_words
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results.layers import NUMBERS

FORMAT: Final = "gradmeter steps"
VERSION: Final = 1
CASES = 6  # of a step; the others are counted
SHORT = 12  # characters of a commit's name
_REASONS = 2  # why there are no figures between two commits
FIRST: Final = ("peak", "held", "cycle")  # figures, the most telling first


@dataclass(frozen=True)
class Group:
    """Cases that moved alike in a step.

    Attributes:
        words: what changed, each figure before and after; empty for cases that are only counted.
        lines: those that did it, where they are known.
    """

    keys: list[Key]
    words: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The first case and how many more, and what changed."""
        if not self.words:
            return f"and: {_count(len(self.keys), 'more case')}"
        more = f" and {len(self.keys) - 1} more" if len(self.keys) > 1 else ""
        return f"{title_text(*self.keys[0])}{more}: {self.words}"


def lines(overview: Overview) -> list[str]:
    """Every step, the newest first; the last line counts them."""
    found = step_lines(overview)
    return [*found, *[plain(line) for line in [*notes(overview), summary(overview)]]]


def step_lines(
    overview: Overview, beside: Callable[[Step], Sequence[str]] = lambda _: ()
) -> list[str]:
    """Every step, the newest first.

    Args:
        beside: what else is said about a step.
    """
    found = []
    for step in reversed(overview.steps):
        found.append(f"{step.after[:SHORT]} {step.status}: {extent(step)}")
        found += [f"  {line}" for line in about(overview, step)]
        for group in groups(step):
            found.append(f"  {group.text}")
            found += [f"    {line}" for line in group.lines]
        found += [f"  {line}" for line in beside(step)]
    return list(map(plain, found))


def as_markdown(overview: Overview) -> str:
    """The steps as Markdown, the count first, open ones before the others."""
    parts = ["## Steps", f"**{markdown(summary(overview))}**"]
    for status in STATUSES:
        for step in reversed(overview.steps):
            if step.status == status:
                head = f"### {markdown(f'{step.after[:SHORT]} {status}: {extent(step)}')}"
                items = [f"- {markdown(line)}" for line in about(overview, step)]
                for group in groups(step):
                    items.append(f"- {markdown(group.text)}")
                    items += [f"  - {markdown(line)}" for line in group.lines]
                parts += [head, "\n".join(items)]
    said = notes(overview)
    if said:
        parts.append("\n".join(f"- {markdown(line)}" for line in said))
    return "\n\n".join(parts) + "\n"


def as_json(overview: Overview) -> str:
    """The steps as JSON, the oldest first, with exact figures."""
    return json.dumps(document(overview), indent=2)


def document(overview: Overview) -> dict[str, Any]:
    """The steps as builtin types, the oldest first, with exact figures."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "range": overview.range,
        "commits": len(overview.chosen),
        "recorded": len(overview.recorded),
        "steps": [_step(overview, step) for step in overview.steps],
        "problems": overview.problems,
        "notes": notes(overview),
    }


def summary(overview: Overview) -> str:
    """How many steps there are, of which status, in how many commits."""
    counts = Counter(step.status for step in overview.steps)
    words = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
    where = f"{_count(len(overview.chosen), 'commit')}, {len(overview.recorded):,} of them recorded"
    return f"{_count(len(overview.steps), 'step')} in {where}{f': {words}' if words else ''}"


def notes(overview: Overview) -> list[str]:
    """What was left out or is compared apart, in sentences."""
    found = []
    steps = overview.all
    if overview.vanished:
        found.append(
            f"{_count(len(overview.vanished), 'recorded commit')} not in this repository, so left "
            "out: rebased away, or in the part that a shallow clone lacks"
        )
    if overview.elsewhere:
        found.append(
            f"{_count(len(overview.elsewhere), 'recorded commit')} not among the first parents of "
            f"{overview.range.rpartition('..')[2] or 'HEAD'}, so left out: of other branches, or "
            "merged"
        )
    if overview.problems:
        name, why = next(iter(overview.problems.items()))
        more = f" and {len(overview.problems) - 1} more" if len(overview.problems) > 1 else ""
        found.append(f"could not be measured: {name[:SHORT]}{more}: {why}")
    if steps.split:
        key, figure = steps.split[0]
        more = f" and {len(steps.split) - 1} more figures" if len(steps.split) > 1 else ""
        found.append(
            f"{figure} of {title_text(*key)}{more}: environments differ at one commit, so each is "
            "compared with itself alone"
        )
    if steps.apart:
        found.append(
            f"Python's objects, heap or instructions of {_count(len(steps.apart), 'case')} were "
            "measured with several versions, and are compared within each alone"
        )
    return found


def extent(step: Step) -> str:
    """The largest change of a step, and how many cases it is of."""
    ranked = sorted(step.changes, key=rank)
    first = next((c for c in ranked if c.status == step.status), ranked[0])
    same = [c.difference for c in step.changes if c.figure == first.figure]
    largest = max(same, key=lambda d: (abs(d), d)) if same else first.difference
    sign = "+" if largest > 0 else "-"
    size = _figure_text(first.figure, abs(largest))
    most = "up to " * (len(set(same)) > 1)
    return f"{first.figure} {most}{sign}{size} in {_count(len(step.cases), 'case')}"


def about(overview: Overview, step: Step) -> list[str]:
    """Who did it, what is uncertain about it, and what became of it."""
    commit = overview.commit(step.after)
    found = [f'"{commit.subject}", {commit.author}, {commit.date[:10]}']
    if step.suspects == 2:
        found.append(f"or the commit before it, after {step.before[:SHORT]}, which has no figures")
    elif step.suspects > 2:
        found.append(
            f"or one of the {step.suspects - 1:,} commits before it, after {step.before[:SHORT]}, "
            "which have no figures"
        )
    found += [f"could not be measured there: {each}" for each in overview.reasons(step)[:_REASONS]]
    if step.dirty:
        found.append("recorded with changes that were not committed")
    for each in step.acceptances:
        by = f" by {each.by}" if each.by else ""
        found.append(f"accepted{by} on {each.when[:10]}: {each.because}")
    undone = dict.fromkeys(change.undone for change in step.changes if change.undone)
    if undone:
        part = "" if all(change.undone for change in step.changes) else "in part "
        found.append(f"{part}undone at {', '.join(name[:SHORT] for name in undone)}")
    return found


def groups(step: Step) -> list[Group]:
    """The cases that moved, those of the same changes together, `CASES` groups at most.

    The cases of all further groups are one without words.
    """
    found: dict[tuple[str, tuple[str, ...]], list[Key]] = {}
    for key, changes in step.cases.items():
        ordered = sorted(changes, key=rank)
        words = ", ".join(map(_change_text, ordered))
        explained = tuple(filter(None, (_line_text(change) for change in ordered)))
        found.setdefault((words, explained), []).append(key)
    listed = [Group(keys, words, lines) for (words, lines), keys in found.items()]
    rest = [key for group in listed[CASES:] for key in group.keys]
    return [*listed[:CASES], *([Group(rest, "", ())] if rest else [])]


def rank(change: Change) -> tuple[int, int, str]:
    """The order of changes: open ones first, then the most telling figures."""
    known = change.figure in FIRST
    place = FIRST.index(change.figure) if known else len(FIRST)
    return STATUSES.index(change.status), place, change.figure


def _change_text(change: Change) -> str:
    if is_bytes(change.figure):
        old, new = apart(change.before, change.after)
        more = more_arrays(change.difference, change.second.figures.array_bytes)
        words = f"{change.figure} {old} -> {new}{more}"
    else:
        words = f"{change.figure} {change.before:,} -> {change.after:,}"
    return f"{words} on {change.versions.text}" if change.versions is not None else words


def _figure_text(figure: str, value: int) -> str:
    """A difference of a figure, exact where it is a number of things."""
    return apart(value, value)[0] if is_bytes(figure) else f"{value:,}"


def is_bytes(figure: str) -> bool:
    """Whether a figure is of bytes, and not a number of things."""
    return figure not in (*NUMBERS, INSTRUCTIONS)


def _line_differences(change: Change) -> Sequence[Difference]:
    if change.figure not in ("peak", "held"):
        return []
    first, second = change.first.lines, change.second.lines
    return differences(first, second, change.figure) if first and second else []


def _line_text(change: Change) -> str:
    """The lines that account for a change of peak or held; empty where they are not known."""
    words = line_words.listed(_line_differences(change))
    return f"{change.figure} {words}" if words else ""


def _step(overview: Overview, step: Step) -> dict[str, Any]:
    commit = overview.commit(step.after)
    return {
        "commit": step.after,
        "author": commit.author,
        "date": commit.date,
        "subject": commit.subject,
        "before": step.before,
        "suspects": step.suspects,
        "status": step.status,
        "dirty": step.dirty,
        "accepted": [
            {"because": each.because, "by": each.by, "when": each.when} for each in step.acceptances
        ],
        "changes": [_change(change) for change in step.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    workload, size, variant = change.key
    return {
        "workload": workload,
        "size": size,
        "variant": variant,
        "figure": change.figure,
        "before": change.before,
        "after": change.after,
        "status": change.status,
        "undone": change.undone or None,
        "versions": change.versions.text if change.versions is not None else None,
        "lines": [
            {
                "file": each.place.file,
                "line": each.place.line,
                "function": each.place.function,
                "text": each.place.text,
                "bytes": each.bytes,
            }
            for each in _line_differences(change)
        ],
    }


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
