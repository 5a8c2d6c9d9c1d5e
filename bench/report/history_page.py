"""Render the history of a store as one page: its steps, a chart of each case, and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.recording import Key
from gradmeter.bench.history.steps import STATUSES, Step
from gradmeter.bench.history.tracks import Tracks
from gradmeter.bench.numbers import title_text
from gradmeter.bench.report import history_data, steps, template
from gradmeter.bench.report.colours import OF_STATUS
from gradmeter.bench.report.tables import Column, Table, exact

KIND = "history"


@dataclass(frozen=True)
class Moved:
    """A case of a step, and where its chart shows it."""

    title: str
    number: int
    figure: str


@dataclass(frozen=True)
class Entry:
    """A step as the page and the feed show it.

    Attributes:
        id: the same whenever the step is shown, also when more commits were recorded before it.
        position: the number of its commit on the page, from 0.
        groups: the cases that moved alike, what changed, and the lines that did it.
    """

    id: str
    step: Step
    head: str
    about: list[str]
    position: int
    groups: list[tuple[list[Moved], steps.Group]]


def entries(overview: Overview, tracks: Tracks) -> list[Entry]:
    """The steps of a range, the newest first."""
    numbers = {case.key: number for number, case in enumerate(tracks.cases)}
    position = {commit: index for index, commit in enumerate(overview.line.order)}
    known: set[str] = set()
    found = []
    for step in reversed(overview.steps):  # the one with the latest commit before it comes first
        name = f"step-{step.after}"
        name += f"-{step.before[: steps.SHORT]}" if name in known else ""
        known.add(name)
        found.append(
            Entry(
                name,
                step,
                steps.extent(step),
                steps.about(overview, step),
                position[step.after] - tracks.start,
                [(_moved(step, group, numbers), group) for group in steps.groups(step)],
            )
        )
    return found


def _moved(step: Step, group: steps.Group, numbers: Mapping[Key, int]) -> list[Moved]:
    return [
        Moved(title_text(*key), numbers[key], min(step.cases[key], key=steps.rank).figure)
        for key in group.keys
    ]


def render(
    overview: Overview, tracks: Tracks, name: str, listed: list[Entry], *, run: str, feed: str
) -> str:
    """Return the page.

    Args:
        name: of the project.
        run: the file of the newest run's page; empty for none.
        feed: the file of the feed.
    """
    counts = Counter(entry.step.status for entry in listed)
    sections = {
        "short": "In short",
        "steps": "Steps",
        "cases": "Cases",
        "newest": "Newest figures",
        "reading": "How to read this",
    }
    return template.render(
        "history.html.j2",
        [KIND],
        styles=("page.css", "history.css"),
        scripts=("page.js", "history.js"),
        heading=f"{name}: exact figures by commit",
        sections=sections.items(),
        summary=steps.summary(overview),
        notes=[note[0].upper() + note[1:] for note in steps.notes(overview)],
        entries=listed,
        statuses=OF_STATUS,
        counts={status: counts[status] for status in STATUSES if counts[status]},
        figures=history_data.figure_names(tracks.cases),
        case_count=len(tracks.cases),
        commit_count=len(overview.line.commits) - tracks.start,
        newest=newest(overview, tracks),
        run=run,
        feed=feed,
        data=history_data.data(overview, tracks),
    )


def newest(overview: Overview, tracks: Tracks) -> Table:
    """The figures of each case that were recorded last, and the commit that they are of."""
    names = history_data.figure_names(tracks.cases)
    commits = overview.line.commits
    rows = []
    for case in tracks.cases:
        index, recorded = case.last
        figures = recorded.figures.figures
        rows.append(
            (
                title_text(*case.key),
                *(figures.get(name) for name in names),
                commits[index].id[: steps.SHORT],
                commits[index].date[:10],
            )
        )
    columns = (
        Column("case", "case"),
        *(Column(name, name.replace("_", " "), exact) for name in names),
        Column("commit", "commit"),
        Column("date", "date"),
    )
    return Table("The exact figures of each case at the last commit that has them", columns, rows)
