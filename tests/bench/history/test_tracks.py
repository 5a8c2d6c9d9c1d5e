"""Tracks hold every recorded figure once, and each change at the commit of its step."""

from __future__ import annotations

from hypothesis import given, settings

from gradmeter.bench.history.first_parents import Commit, FirstParents
from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.steps import steps
from gradmeter.bench.history.tracks import tracks
from gradmeter.bench.report import history_data

from .histories import COMMITS
from .test_steps import compared, histories

some = settings(max_examples=150, deadline=None)


def seen(made, first=0):
    """The overview of recordings, of a range that begins at a commit."""
    line = FirstParents(
        tuple(Commit(name, "a", "2026-01-01T00:00:00+00:00", "s") for name in COMMITS),
        frozenset(COMMITS[first:]),
    )
    found = steps(made, COMMITS)
    return Overview("HEAD", line, tuple(made), found, {}, frozenset(), frozenset())


def values(made, first=0):
    """The value at each commit of every track, by case and figure."""
    found = []
    for case in tracks(seen(made, first)).cases:
        for track in case.tracks:
            at = {index: level.value for level in track.levels for index in level.commits}
            found.append((case.key, track.figure, at))
    return sorted(found, key=str)


@some
@given(histories(environments=2))
def test_tracks_are_all_that_is_compared(made):
    known = [(key, figure, values) for key, figure, values in compared(made)]
    assert values(made) == sorted(
        ((key, figure, dict(sorted(at.items()))) for key, figure, at in known), key=str
    )


@some
@given(histories())
def test_every_change_of_a_step_begins_a_level(made):
    overview = seen(made)
    told = {
        (change.key, change.figure, COMMITS.index(step.after), change.after)
        for step in overview.steps
        for change in step.changes
    }
    drawn = {
        (case.key, track.figure, level.commits[0], level.value)
        for case in tracks(overview).cases
        for track in case.tracks
        for level in track.levels
        if level.change is not None
    }
    assert drawn == told


@some
@given(histories())
def test_a_range_has_what_it_is_compared_with_and_nothing_before(made):
    first = 4
    for _, _, at in values(made, first):
        assert min(at) >= first - 1
    whole = {(k, f): {i: v for i, v in at.items() if i >= first - 1} for k, f, at in values(made)}
    part = {(k, f): at for k, f, at in values(made, first)}
    instructions = {k for k in whole if k[1] == "instructions"}  # those within what they may differ
    assert {k: v for k, v in whole.items() if v and k not in instructions} == {
        k: v for k, v in part.items() if k not in instructions
    }


@some
@given(histories(environments=2))
def test_the_data_of_the_page_says_the_same(made):
    overview = seen(made)
    found = tracks(overview)
    data = history_data.data(overview, found)
    names = [name for name, _ in data["figures"]]
    for case, item in zip(found.cases, data["cases"], strict=True):
        for number, listed in item["figures"].items():
            mine = [t for t in case.tracks if t.figure == names[number]]
            for track, (version, levels) in zip(mine, listed, strict=True):
                assert (version < 0) == (track.versions is None)
                for level, row in zip(track.levels, levels, strict=True):
                    begin, end, value, _, stretches, *_ = [*row, *[0] * 4]
                    ranges = stretches or [(begin, end)]
                    assert [i for a, b in ranges for i in range(a, b + 1)] == level.commits
                    assert value == level.value
