"""The history of every case as compact data, for the script of its page.

What is the same at many commits is named once: a level is where it begins, where it ends and its
value, and all texts are numbers of lists. Commits are numbered from the first of the page, from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.recording import CaseAt
from gradmeter.bench.history.steps import STATUSES
from gradmeter.bench.history.tracks import CaseHistory, Level, Tracks
from gradmeter.bench.numbers import title_text
from gradmeter.bench.report.colours import SERIES
from gradmeter.bench.report.line_words import place_text
from gradmeter.bench.report.steps import FIRST, is_bytes
from gradmeter.bench.report.text import plain

_LINES = 3  # at a peak, the largest
_OF_LINES = ("peak", "held")  # figures whose lines are recorded


class _Numbers:
    """Texts, each with a number of its own."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        return self._known.setdefault(plain(text), len(self._known))

    @property
    def texts(self) -> list[str]:
        return list(self._known)


def data(overview: Overview, tracks: Tracks) -> dict[str, Any]:
    """The data of the page, see history.js.

    A case has its title, its tracks by figure, and why it was not measured.
    """
    texts = {name: _Numbers() for name in ("authors", "places", "reasons", "versions")}
    commits = overview.line.commits[tracks.start :]
    position = {commit.id: index for index, commit in enumerate(commits)}
    names = figure_names(tracks.cases)
    return {
        "ids": [commit.id for commit in commits],
        "dates": [plain(commit.date[:10]) for commit in commits],
        "subjects": [plain(commit.subject) for commit in commits],
        "author": [texts["authors"][commit.author] for commit in commits],
        "statuses": STATUSES,
        "series": SERIES,
        "figures": [[name, int(is_bytes(name))] for name in map(plain, names)],
        "accepted": {
            position[step.after]: "; ".join(plain(each.because) for each in step.acceptances)
            for step in overview.steps
            if step.acceptances and step.after in position
        },
        "problems": _stretches(
            {position[c]: why for c, why in overview.problems.items()}, texts["reasons"]
        ),
        "cases": [_case(case, tracks.start, names, texts) for case in tracks.cases],
        **{name: numbers.texts for name, numbers in texts.items()},
    }


def figure_names(cases: Iterable[CaseHistory]) -> list[str]:
    """The figures that cases have, the most telling first."""
    found = dict.fromkeys(track.figure for case in cases for track in case.tracks)
    return [*(name for name in FIRST if name in found), *(n for n in found if n not in FIRST)]


def ranges(commits: Sequence[int], start: int) -> list[tuple[int, int]]:
    """The first and last of each run of neighbouring commits, numbered from ``start``.

    Args:
        commits: indexes in order; at least one.
    """
    if len(commits) == commits[-1] - commits[0] + 1:
        return [(commits[0] - start, commits[-1] - start)]
    found: list[tuple[int, int]] = []
    for index in commits:
        if found and found[-1][1] == index - start - 1:
            found[-1] = (found[-1][0], index - start)
        else:
            found.append((index - start, index - start))
    return found


def _case(
    case: CaseHistory, start: int, names: Sequence[str], texts: Mapping[str, _Numbers]
) -> dict[str, Any]:
    figures: dict[int, list[Any]] = {}
    for track in case.tracks:
        version = texts["versions"][track.versions.text] if track.versions is not None else -1
        levels = [_level(level, track.figure, start, texts["places"]) for level in track.levels]
        figures.setdefault(names.index(track.figure), []).append([version, levels])
    return {
        "title": plain(title_text(*case.key)),
        "figures": figures,
        "missing": _stretches({i - start: w for i, w in case.missing.items()}, texts["reasons"]),
    }


def _level(level: Level, figure: str, start: int, places: _Numbers) -> list[Any]:
    """A level as a list, without zeros at its end.

    Begin, end and value; the number of its status, from 1, where it is a step; what was measured,
    where that is not all between; 1 where its first commit was recorded with changed files; its
    lines.
    """
    measured = ranges(level.commits, start)
    (begin, _), (_, end) = measured[0], measured[-1]
    status = STATUSES.index(level.change.status) + 1 if level.change is not None else 0
    stretches = measured if len(measured) > 1 else 0
    lines = (_largest(level.case, figure, places) if figure in _OF_LINES else ()) or 0
    found = [begin, end, level.value, status, stretches, int(level.dirty), lines]
    while not found[-1] and len(found) > 3:
        found.pop()
    return found


def _largest(case: CaseAt, figure: str, places: _Numbers) -> list[list[int]]:
    """The largest lines of a figure, and their bytes."""
    few = case.lines
    if few is None:
        return []
    origins = sorted(few.origins(figure), key=lambda origin: -origin[1])
    return [[places[place_text(place)], size] for place, size in origins[:_LINES]]


def _stretches(reasons: Mapping[int, str], numbers: _Numbers) -> list[list[int]]:
    """Where each reason begins and ends, and its number; neighbours of the same reason are one."""
    found: list[list[int]] = []
    for index in sorted(reasons):
        number = numbers[reasons[index]]
        if found and found[-1][1] == index - 1 and found[-1][2] == number:
            found[-1][1] = index
        else:
            found.append([index, index, number])
    return found
