"""The store gives back what was recorded, merges by git, stays small, and says what is broken."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.acceptance import Acceptance, AcceptedChange

from ...thorough import examples
from ..repositories import git, repository
from .histories import COMMITS, GROUNDS, KEYS, large, recording, recordings, written

some = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
ACCEPTANCE = Acceptance(
    before=COMMITS[0],
    after=COMMITS[1],
    because="it is worth it",
    by="n",
    when="2026-01-01T00:00:00+00:00",
    changes=(AcceptedChange(*KEYS[0], "peak", 8000, 16000),),
)


def same(one, two) -> bool:
    """Whether two lists of recordings have the same ones, whenever these were measured."""
    return all(any(a.says_the_same(b) for b in two) for a in one) and all(
        any(a.says_the_same(b) for a in one) for b in two
    )


@some
@given(st.lists(recordings(), min_size=1, max_size=4), st.randoms())
def test_what_was_recorded_is_read_in_whatever_order_it_came(made, random):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "here", "history")
        for each in random.sample(made, len(made)):
            store.add(folder, [each])
        read = store.load(folder).recordings
        assert same(made, read)
        assert len(read) == len(list(folder.iterdir()))
        assert list(read) == sorted(read, key=lambda r: (r.head.commit, r.head.measured))
        for each in read:
            used = {g for case in each.cases.values() for g in case.figures.grounds.values()}
            assert each.grounds.keys() == used, "it has what its figures depend on, and no more"
        assert store.add(folder, made) == [], "what is there already is not written once more"


def test_what_was_measured_again_is_written_only_if_it_says_something_else(tmp_path):
    def at(second, peak):
        figures = {KEYS[0]: {"peak": peak}}
        return recording(COMMITS[0], figures, measured=f"2026-01-01T00:00:0{second}+00:00")

    assert len(store.add(tmp_path, [at(1, 8)])) == 1
    assert store.add(tmp_path, [at(2, 8), at(0, 8)]) == []
    assert len(store.add(tmp_path, [at(3, 9), at(3, 9), at(4, 9)])) == 1
    assert store.add(tmp_path, [at(1, 8), at(3, 9)]) == []
    assert len(store.add(tmp_path, [at(5, 8)])) == 1, "the last one counts"


@some
@given(st.lists(recordings(), max_size=3), st.lists(recordings(), max_size=3))
def test_the_files_of_two_stores_together_are_a_store_of_both(mine, theirs):
    with tempfile.TemporaryDirectory() as name:
        one, two, both = (Path(name, each) for each in ("one", "two", "both"))
        store.add(one, mine)
        store.add(two, theirs)
        both.mkdir()
        for path in [*one.iterdir(), *two.iterdir()]:
            target = both / path.name
            assert not target.exists() or target.read_bytes() == path.read_bytes()
            target.write_bytes(path.read_bytes())
        assert same([*mine, *theirs], store.load(both).recordings)


def test_two_clones_that_record_merge_without_a_conflict(tmp_path):
    first = repository(tmp_path / "first", {"code.py": ""})
    shared = recording(COMMITS[0], {KEYS[0]: {"peak": 1}}, ground=GROUNDS[0])
    store.add(first / "h", [shared])
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message", "the history")
    git(tmp_path, "clone", "--quiet", str(first), "second")
    second = tmp_path / "second"
    both = recording(COMMITS[1], {KEYS[0]: {"peak": 2}, KEYS[1]: {"peak": 3}})
    mine = recording(COMMITS[2], {KEYS[1]: {"peak": 3}})
    theirs = recording(COMMITS[2], {KEYS[1]: {"peak": 4}})
    store.add(first / "h", [mine, both])
    store.add(second / "h", [both, theirs])  # of one commit, with and without what is known by then
    store.accept(first / "h", ACCEPTANCE)
    store.accept(second / "h", ACCEPTANCE)
    for folder in (first, second):
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "more history")
    git(second, "pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
    read = store.load(second / "h")
    assert same(read.recordings, [shared, both, mine, theirs])
    assert set(read.acceptances) == {ACCEPTANCE}
    assert git(second, "status", "--porcelain") == ""


def test_a_hundred_cases_and_a_thousand_commits_take_less_than_5_mb():
    sizes = written(large(100, 1000))
    assert sum(sizes.values()) < 5_000_000
    assert len(sizes) == 1000


def test_a_commit_that_changes_nothing_adds_a_digest_and_line_numbers_for_each_case():
    sizes = list(written(large(50, 4, changed=0.0)).values())
    assert sizes[0] > 50 * 400
    assert all(size < 50 * 60 + 400 for size in sizes[1:])


@some
@given(recordings(), st.data())
def test_a_file_that_was_cut_short_or_edited_is_refused_by_name(made, data):
    with tempfile.TemporaryDirectory() as name:
        (path,) = store.add(Path(name), [made])
        content = path.read_bytes()
        at = data.draw(st.integers(0, len(content) - 1))
        edit = data.draw(st.sampled_from([b"", b"\0", b"\n", b"x"]))
        broken = content[:at] + edit
        if broken == content:
            return
        path.write_bytes(broken)
        with pytest.raises(UsageError) as error:
            store.load(Path(name))
        assert str(error.value).startswith(f"{path} was cut short or edited")
        assert made.head.commit[:12] in str(error.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a shopping list", 'it does not begin with "gradmeter history"'),
        (b"\xff\xfe", 'it does not begin with "gradmeter history"'),
        (b"gradmeter history 2\n", "it is of version 2, and this gradmeter reads version 1"),
        (b"gradmeter history 1\n", "it has neither a recording nor an acceptance"),
        (b'gradmeter history 1\nhead {"commit":3}\n', "line 2 does not fit"),
        (b"gradmeter history 1\nwhat is this\n", "line 2 is of an unknown kind, 'what'"),
        (b'gradmeter history 1\nmissing ["a",1]\n', "line 2 does not fit"),
    ],
)
def test_a_foreign_file_is_refused_with_a_sentence(tmp_path, content, why):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(UsageError, match=r"list\.txt is no file of a history") as error:
        store.load(tmp_path)
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    digest = store._digest(content)
    (tmp_path / "list.txt").rename(tmp_path / f"{COMMITS[0]}-{digest}.txt")
    with pytest.raises(UsageError, match="is no file of a history"):
        store.load(tmp_path)


def test_a_file_of_another_name_is_refused_and_other_kinds_of_files_are_left_alone(tmp_path):
    (path,) = store.add(tmp_path, [recording(COMMITS[0], {KEYS[0]: {"peak": 1}})])
    (tmp_path / "README.md").write_text("the history of this project")
    (tmp_path / ".left-by-a-killed-writer.txt").write_text("gradm")
    assert len(store.load(tmp_path).recordings) == 1
    path.rename(tmp_path / "copy.txt")
    with pytest.raises(UsageError, match="its name is none that gradmeter gives"):
        store.load(tmp_path)


def test_a_file_whose_figures_were_removed_says_what_is_missing(tmp_path):
    first = recording(COMMITS[0], {KEYS[0]: {"peak": 1}})
    second = recording(COMMITS[1], {KEYS[0]: {"peak": 1}})
    removed, left = store.add(tmp_path, [first, second])
    removed.unlink()
    with pytest.raises(UsageError, match="cannot be read without another file") as error:
        store.load(tmp_path)
    assert str(left) in str(error.value)
    assert "which no file of the store has" in str(error.value)


def test_what_is_no_folder_or_cannot_be_written_to_is_refused(tmp_path):
    made = [recording(COMMITS[0], {KEYS[0]: {"peak": 1}})]
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another with --store"):
        store.add(tmp_path / "file", made)
    with pytest.raises(UsageError, match="cannot be read: Not a directory"):
        store.load(tmp_path / "file")
    assert store.load(tmp_path / "none").recordings == ()
    if os.geteuid():
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        with pytest.raises(UsageError, match="choose another with --store"):
            store.add(closed, made)
        assert list(closed.iterdir()) == []
    os.mkfifo(tmp_path / f"{COMMITS[0]}-{'0' * 16}.txt")
    with pytest.raises(UsageError, match="it is a pipe"):
        store.load(tmp_path)


def test_a_writer_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    store.add(tmp_path, [recording(COMMITS[0], {KEYS[0]: {"peak": 1}})])
    before = sorted(tmp_path.iterdir())

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        store.add(tmp_path, [recording(COMMITS[1], {KEYS[0]: {"peak": 1}})])
    assert sorted(tmp_path.iterdir()) == before
