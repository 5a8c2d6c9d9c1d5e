"""Steps are what a model finds that compares every pair of commits; none is invented."""

from __future__ import annotations

import tempfile
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.acceptance import Acceptance, AcceptedChange
from gradmeter.bench.history.overview import acceptance
from gradmeter.bench.history.record_text import Blocks
from gradmeter.bench.history.renaming import renamed
from gradmeter.bench.history.steps import steps
from gradmeter.bench.history.store import History

from ...thorough import examples
from .histories import COMMITS, GROUNDS, HERE, KEYS, THERE, recording

CASE, OTHER = KEYS[:2]
ALLOWED = 1  # of instructions
some = settings(max_examples=examples(300), deadline=None)
# Few values and many commits, so that figures come back and cases are missing.
values = st.integers(0, 3)
cases = st.dictionaries(
    st.sampled_from([CASE, OTHER]),
    st.dictionaries(st.sampled_from(["peak", "python_peak", "instructions"]), values, max_size=3),
)


@st.composite
def histories(draw, *, environments=1):
    """Recordings of some commits, each with its own time."""
    made = []
    for number, commit in enumerate(draw(st.lists(st.sampled_from(COMMITS[:7]), max_size=9))):
        there = draw(st.integers(0, environments - 1))
        elsewhere = draw(st.integers(0, environments - 1))
        made.append(
            recording(
                commit,
                draw(cases),
                versions=[HERE, THERE][there],
                ground=GROUNDS[elsewhere],
                measured=f"{number:02}",
                dirty=draw(st.booleans()) if environments > 1 else False,
                allowed=ALLOWED if environments == 1 else 0,
            )
        )
    return made


def points(made):
    """Each figure by case, ground, versions and commit: the last one, clean if any is."""
    found = {}
    clean = {(r.head.commit, key) for r in made for key in r.cases if not r.head.dirty}
    for r in sorted(made, key=lambda r: r.head.measured):
        for key, case in r.cases.items():
            if r.head.dirty and (r.head.commit, key) in clean:
                continue
            for figure, value in case.figures.figures.items():
                ground = "" if figure == "peak" else case.figures.grounds.get("python", "")
                index = COMMITS.index(r.head.commit)
                found[key, figure, ground, r.head.versions, index] = value
    return found


def compared(made):
    """The values by commit of everything that is compared with itself."""
    by_ground = {}
    for (key, figure, ground, versions, index), value in points(made).items():
        by_ground.setdefault((key, figure, ground), []).append((versions, index, value))
    for (key, figure, _), values in by_ground.items():
        differ = any(i == j and a != b for (_, i, a), (_, j, b) in combinations(values, 2))
        for group in {v for v, _, _ in values} if differ else {None}:
            yield key, figure, {i: x for v, i, x in values if group in (None, v)}


def model(made, allowed_instructions=0):
    """Every change, by comparing every pair of commits that have a figure, with none between."""
    found = {}
    for key, figure, at in compared(made):
        allowed = allowed_instructions if figure == "instructions" else 0
        for one, two in combinations(sorted(at), 2):
            before, after = at[one], at[two]
            if any(one < i < two for i in at) or abs(after - before) <= allowed:
                continue
            rose = after > before
            back = [
                i
                for i in sorted(at)
                if i > two and (at[i] <= before + allowed if rose else at[i] >= before - allowed)
            ]
            change = (key, figure, before, after, COMMITS[back[0]] if back else "")
            found.setdefault((COMMITS[one], COMMITS[two]), []).append(change)
    return {ends: sorted(changes) for ends, changes in found.items()}


def told(made, order=COMMITS):
    return {
        (s.before, s.after): sorted(
            (c.key, c.figure, c.before, c.after, c.undone) for c in s.changes
        )
        for s in steps(made, order).steps
    }


@some
@given(histories())
def test_steps_are_those_of_the_model_in_one_environment(made):
    assert told(made) == model(made, ALLOWED)


@some
@given(histories(environments=2))
@example(
    [
        recording(COMMITS[0], {CASE: {"peak": 1}}),
        recording(COMMITS[0], {CASE: {"peak": 2}}, versions=THERE),
        recording(COMMITS[1], {CASE: {"peak": 1}}),
        recording(COMMITS[1], {CASE: {"peak": 2}}, versions=THERE),
    ]
)
def test_steps_are_those_of_the_model_in_two_environments(made):
    found = steps(made, COMMITS)
    assert told(made) == model(made)
    for step in found.steps:
        assert step.changes
        assert step.suspects == COMMITS.index(step.after) - COMMITS.index(step.before)
        for change in step.changes:
            assert change.first.figures.figures[change.figure] == change.before
            assert change.second.figures.figures[change.figure] == change.after
            split = (change.key, change.figure) in found.split
            if change.figure == "peak":
                assert (change.versions is not None) == split


@settings(max_examples=examples(60), deadline=None)
@given(histories(environments=2))
def test_what_a_store_reads_has_the_same_steps(made):
    with tempfile.TemporaryDirectory() as name:
        for each in made:
            store.add(Path(name), [each])
        assert told(store.load(Path(name)).recordings) == told(made)


@some
@given(histories(environments=2), st.randoms())
def test_the_order_of_recordings_changes_nothing_and_other_commits_are_left_out(made, random):
    assert told(random.sample(made, len(made))) == told(made)
    order = random.sample(COMMITS[:7], 4)
    kept = [r for r in made if r.head.commit in order]
    assert told(made, order) == told(kept, order)
    assert steps(made, order).recorded <= set(order)


@some
@given(histories())
def test_the_changes_of_a_figure_add_up_to_what_it_changed_in_all(made):
    for key in (CASE, OTHER):
        at = {
            index: value
            for (of, figure, _, _, index), value in points(made).items()
            if (of, figure) == (key, "peak")
        }
        changes = [
            c.difference
            for s in steps(made, COMMITS).steps
            for c in s.changes
            if (c.key, c.figure) == (key, "peak")
        ]
        assert sum(changes) == (at[max(at)] - at[min(at)] if at else 0)


def history(*peaks, case=CASE):
    """A recording of one peak at each commit; None for a commit without one."""
    return [
        recording(COMMITS[number], {case: {"peak": peak}})
        for number, peak in enumerate(peaks)
        if peak is not None
    ]


def statuses(made, acceptances=()):
    return [(s.after, s.status) for s in steps(made, COMMITS, acceptances).steps]


def accepted(made, number):
    return acceptance(
        steps(made, COMMITS).steps[number], "because", by="n", when="2026-01-01T00:00:00+00:00"
    )


def test_cases_that_moved_in_one_commit_are_one_step():
    both = [
        recording(commit, {CASE: {"peak": value}, OTHER: {"peak": value, "held": value}})
        for commit, value in zip(COMMITS, (1, 2, 2), strict=False)
    ]
    (step,) = steps(both, COMMITS).steps
    assert list(step.cases) == sorted([CASE, OTHER])
    assert [c.figure for c in step.cases[OTHER]] == ["peak", "held"]


def test_what_came_back_is_undone_and_what_fell_is_less():
    assert statuses(history(1, 3, 2, 1)) == [
        (COMMITS[1], "undone"),
        (COMMITS[2], "less"),
        (COMMITS[3], "less"),
    ]
    assert statuses(history(3, 1, 4)) == [(COMMITS[1], "undone"), (COMMITS[2], "open")]


def test_an_accepted_step_stays_accepted_when_commits_between_are_recorded():
    wide = history(1, None, None, None, 3)
    made = accepted(wide, 0)
    assert statuses(wide, [made]) == [(COMMITS[4], "accepted")]
    assert statuses(history(1, 1, 3, 3, 3), [made]) == [(COMMITS[2], "accepted")]
    assert statuses(history(1, 2, 2, 3, 3), [made]) == [
        (COMMITS[1], "accepted"),
        (COMMITS[3], "accepted"),
    ]


def test_more_than_what_was_accepted_is_open():
    made = accepted(history(1, None, 3), 0)
    assert statuses(history(1, 9, 3), [made])[0] == (COMMITS[1], "open")
    assert statuses(history(1, None, 4), [made]) == [(COMMITS[2], "open")]
    assert statuses(history(1, None, 3, 5), [made])[1] == (COMMITS[3], "open")
    assert statuses(history(1, None, 3, case=OTHER), [made]) == [(COMMITS[2], "open")]


def test_the_same_rise_later_is_not_accepted_with_the_first():
    made = accepted(history(1, 3), 0)
    assert statuses(history(1, 3, 1, 3), [made]) == [
        (COMMITS[1], "undone"),
        (COMMITS[2], "undone"),
        (COMMITS[3], "open"),
    ]


def test_an_acceptance_of_commits_that_are_gone_accepts_nothing():
    gone = Acceptance(
        before="f" * 40,
        after="e" * 40,
        because="b",
        by="",
        when="",
        changes=(AcceptedChange(*CASE, "peak", 1, 3),),
    )
    assert statuses(history(1, 3), [gone]) == [(COMMITS[1], "open")]


def test_a_step_is_open_as_long_as_one_of_its_cases_is():
    def at(number, one, other):
        return recording(COMMITS[number], {CASE: {"peak": one}, OTHER: {"peak": other}})

    first = [at(0, 1, 1), at(1, 2, 2)]
    half = Acceptance(
        before=COMMITS[0],
        after=COMMITS[1],
        because="b",
        by="",
        when="",
        changes=(AcceptedChange(*CASE, "peak", 1, 2),),
    )
    assert statuses(first, [half]) == [(COMMITS[1], "open")]
    assert statuses([*first, at(2, 2, 1)], [half])[0] == (COMMITS[1], "accepted")
    (step, _) = steps([*first, at(2, 2, 1)], COMMITS, [half]).steps
    assert {case: [c.status for c in changes] for case, changes in step.cases.items()} == {
        CASE: ["accepted"],
        OTHER: ["undone"],
    }


def renamed_history(acceptances=()):
    made = [
        recording(COMMITS[0], {("old=1", 0, ""): {"peak": 1}}),
        recording(COMMITS[1], {("new", 0, ""): {"peak": 2}, CASE: {"peak": 3}}),
    ]
    return History(tuple(made), tuple(acceptances), Blocks(()))


def test_a_renamed_case_is_one_case():
    before = renamed_history()
    assert steps(before.recordings, COMMITS).steps == ()
    after = renamed(before, ["old=1=new"])
    (step,) = steps(after.recordings, COMMITS).steps
    assert [(c.key, c.before, c.after) for c in step.changes] == [(("new", 0, ""), 1, 2)]
    old = AcceptedChange("old=1", 0, "", "peak", 1, 2)
    made = Acceptance(
        before=COMMITS[0], after=COMMITS[1], because="b", by="", when="", changes=(old,)
    )
    there = renamed(renamed_history([made]), ["old=1=new"])
    assert statuses(there.recordings, there.acceptances) == [(COMMITS[1], "accepted")]


@pytest.mark.parametrize("text", ["none=new", "old=1", "old=1=", "="])
def test_a_name_that_was_not_recorded_is_refused(text):
    with pytest.raises(UsageError, match="write OLD=NEW"):
        renamed(renamed_history(), [text])


def test_two_cases_that_were_there_at_once_are_not_one():
    both = [recording(COMMITS[1], {("new", 0, ""): {"peak": 2}, ("old", 0, ""): {"peak": 3}})]
    with pytest.raises(UsageError, match=r"at commit 0{11}.* both were recorded"):
        renamed(History(tuple(both), (), Blocks(())), ["old=new"])
