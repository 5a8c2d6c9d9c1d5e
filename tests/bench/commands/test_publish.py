"""`gradmeter publish` in real repositories: what it writes, refuses and leaves as it is."""

from __future__ import annotations

import os
import shutil

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history.overview import overview
from gradmeter.bench.history.tracks import tracks
from gradmeter.bench.report import feed, history_page, site
from gradmeter.bench.results import files

from ..command import gradmeter
from ..report.published import ACCEPTED, publishable, repository
from ..report.test_history_page import named


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository with its store, and the names of its commits."""
    folder = tmp_path_factory.mktemp("publish") / "project"
    ids, _ = publishable(folder)
    return folder, ids


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(text):
    found = feedparser.parse(text.encode())
    assert not found.bozo, found.bozo_exception
    return found


def test_a_site_is_published_with_the_newest_run_and_again_without(project, finished, tmp_path):
    folder, ids = project
    run, _ = finished
    words = ("publish", tmp_path / "site", "--run", run, "--url", "https://example.org/h")
    done = gradmeter(*words, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(content(tmp_path / "site")) == {"index.html", "feed.xml", "run.html"}
    assert "9 steps in 60 commits, 51 of them recorded" in done.stdout
    page = (tmp_path / "site/index.html").read_text()
    assert '<a href="run.html">' in page
    found = read((tmp_path / "site/feed.xml").read_text())
    assert found.version == "atom10"
    assert found.feed.links[0].rel == "self"
    assert found.feed.links[0].href == "https://example.org/h/feed.xml"
    assert len(found.entries) == 9
    assert found.entries[0].link == (f"https://example.org/h/index.html#step-{ids[50]}")
    for entry in found.entries:
        assert f'id="{entry.link.partition("#")[2]}"' in page
    (accepted,) = (e for e in found.entries if e.title.startswith("accepted: peak +8.0 MB"))
    assert "lists are worth it" in accepted.content[0].value
    assert accepted.updated == "2026-01-01T00:00:00+00:00"
    assert accepted.published.startswith("2023-12-04T")
    (tmp_path / "site/CNAME").write_text("example.org")
    done = gradmeter("publish", tmp_path / "site", f"{ids[30]}..", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert set(content(tmp_path / "site")) == {"index.html", "feed.xml", "CNAME"}
    again = read((tmp_path / "site/feed.xml").read_text())
    known = {entry.link.rpartition("#")[2]: entry.id for entry in found.entries}
    assert {e.link.rpartition("#")[2]: e.id for e in again.entries}.items() <= known.items()
    assert len(again.entries) == 5
    assert ids[30] in (tmp_path / "site/index.html").read_text()
    assert ids[29] not in (tmp_path / "site/index.html").read_text()


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=30) | st.sampled_from(["\ufffe\uffff", "]]>", "<![CDATA[", "&#0;"]))
def test_a_feed_of_any_names_is_valid(name):
    history = named(name)
    entries = history_page.entries(history, tracks(history))
    text = feed.render(history, name, entries, page="index.html", url="")
    found = read(text)
    assert len({entry.id for entry in found.entries} | {found.feed.id}) == len(entries) + 1
    assert all(entry.title and entry.updated_parsed and entry.author for entry in found.entries)


def test_the_id_of_a_step_stays_when_more_is_recorded_before_it(project):
    folder, ids = project
    history = overview(folder, folder / "reports/history", "HEAD")
    entries = history_page.entries(history, tracks(history))
    assert f"step-{ids[ACCEPTED]}" in {entry.id for entry in entries}
    assert len({entry.id for entry in entries}) == len(entries)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--store", "none"], "the store none is empty, so there is nothing to publish"),
        (["--url", "example.org"], "--url 'example.org' is not the address of a site"),
        (["--url", "https://[x"], "is not the address of a site"),
        (["--run", "none"], "none"),
        (["none..HEAD"], "there is no revision 'none'"),
        (["FIRST"], "has figures in other, so there is nothing to publish"),
    ],
)
def test_a_wrong_call_is_refused_with_a_sentence_and_writes_nothing(project, words, why, tmp_path):
    folder, ids = project
    if words == ["FIRST"]:
        other = tmp_path / "project"
        repository(other, ["one", "two"])
        (other / "other").mkdir()
        name = min((folder / "reports/history").glob(f"{ids[0]}*"))
        shutil.copy(name, other / "other")
        folder, words = other, ["--store", "other"]
    done = gradmeter("publish", tmp_path / "site", *words, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr.replace("\n", " ")
    assert not (tmp_path / "site").exists()


def test_a_folder_that_is_not_its_own_is_left_as_it_is(project, tmp_path):
    folder, _ = project
    (tmp_path / "index.html").write_text("<!DOCTYPE html>mine")
    done = gradmeter("publish", tmp_path, cwd=folder)
    assert done.returncode == 2
    assert "holds index.html and is no site of gradmeter's" in done.stderr.replace("\n", " ")
    assert content(tmp_path) == {"index.html": b"<!DOCTYPE html>mine"}
    for path in (tmp_path / "index.html", tmp_path / "index.html/below"):
        done = gradmeter("publish", path, cwd=folder)
        assert done.returncode == 2
        assert "is no folder" in done.stderr


def test_a_hidden_file_does_not_make_a_folder_anothers(tmp_path):
    (tmp_path / ".git").touch()
    site.refuse_other(tmp_path)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_interrupted_publish_leaves_whole_files_and_can_be_made_again(
    project, tmp_path, monkeypatch, after
):
    folder, _ = project
    history = overview(folder, folder / "reports/history", "HEAD")
    write, written = files.write, []

    def full(path, text):
        if len(written) == after:
            raise OSError(28, os.strerror(28))
        written.append(path)
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", full)
        if after < 2:
            with pytest.raises(UsageError, match="cannot be written: No space left"):
                site.write(history, "p", tmp_path / "site", run=None, url="")
        else:
            site.write(history, "p", tmp_path / "site", run=None, url="")
    assert set(content(tmp_path / "site")) == {path.name for path in written}
    for text in content(tmp_path / "site").values():
        assert text.rstrip().endswith((b"</html>", b"</feed>"))
    site.refuse_other(tmp_path / "site")  # it is still ours


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(project, tmp_path):
    tmp_path.chmod(0o500)
    done = gradmeter("publish", tmp_path / "site", cwd=project[0])
    assert done.returncode == 2
    assert "nothing can be written to the folder" in done.stderr.replace("\n", " ")
