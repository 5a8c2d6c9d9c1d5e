"""A page, an image or a cache that fails changes nothing of what was measured."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gradmeter.bench import session
from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import cache, files
from gradmeter.bench.results import run_file

from .command import TINY, gradmeter
from .run_files import run

ONE = ("--variant", "engine")


class Panic(BaseException):
    """As native code raises it, past what handles exceptions."""


FAILURES = [
    ImportError("no such library"),
    AssertionError(),
    MemoryError(),
    RecursionError("too deep"),
    Panic("a native part failed"),
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    AttributeError("'NoneType' object has no attribute 'format'"),  # as under -OO
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_page_that_fails_is_a_note_on_a_saved_run(tmp_path, monkeypatch, failure):
    from gradmeter.bench.report import page

    def render(run):
        raise failure

    monkeypatch.setattr(page, "render", render)
    measured = run()
    shown = session.write(measured, tmp_path)
    assert [*measured.notes, *shown.notes[len(measured.notes) :]] == shown.notes
    (note,) = shown.notes[len(measured.notes) :]
    assert "report.html cannot be" in note
    assert "run.json" in note
    assert run_file.load(tmp_path / "run.json") == measured
    assert (tmp_path / "report.md").exists()
    with pytest.raises(UsageError, match=r"page\.html cannot be"):
        files.write_page(measured, tmp_path / "page.html")


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_images_that_fail_are_refused_with_a_sentence(tmp_path, monkeypatch, failure):
    from gradmeter.bench.report import images

    def write(run, folder):
        raise failure

    monkeypatch.setattr(images, "write", write)
    with pytest.raises(UsageError, match="cannot be"):
        files.write_images(run(), tmp_path)


def test_an_interruption_is_none_of_these_failures(tmp_path, monkeypatch):
    from gradmeter.bench.report import page

    def render(run):
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "render", render)
    with pytest.raises(KeyboardInterrupt):
        session.write(run(), tmp_path)


def test_an_optimized_interpreter_measures_too(finished, tmp_path):
    """After a run whose page has the charts: what makes them takes long to compile once more."""
    done = gradmeter("run", *TINY, *ONE, "--out", tmp_path, env={"PYTHONOPTIMIZE": "2"})
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert run_file.load(tmp_path / "run.json").finished
    words = " ".join(done.stdout.split())
    assert (tmp_path / "report.html").exists() or "cannot be drawn" in words


def test_a_page_that_is_a_folder_leaves_the_run_shown_and_saved(tmp_path):
    (tmp_path / "report.html").mkdir()
    done = gradmeter("run", *TINY, *ONE, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "squares-3" in done.stdout
    assert "report.htmlcannotbewritten" in "".join(done.stdout.split())  # wherever it wraps
    assert run_file.load(tmp_path / "run.json").finished


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"0" * 64 + b"\ntext"],
    ids=["empty", "cut", "bytes", "digest"],
)
def test_a_corrupt_cache_file_is_made_again(tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cached_text("key", lambda: "text") == "text"
    assert cache.cached_text("key", lambda: "not made") == "text"
    (path,) = cache.folder().iterdir()
    path.write_bytes(content)
    assert cache.cached_text("key", lambda: "again") == "again"
    assert cache.cached_text("key", lambda: "not made") == "again"


def test_a_cut_cache_file_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.cached_text("key", lambda: "a long text")
    (path,) = cache.folder().iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    assert cache.cached_text("key", lambda: "a long text") == "a long text"


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a file above it"])
def test_a_cache_that_cannot_be_used_is_ignored(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if kind == "a file above it":
        Path(tmp_path, "gradmeter").write_text("")
    else:
        cache.cached_text("key", lambda: "text")
        (path,) = cache.folder().iterdir()
        path.unlink()
        path.mkdir() if kind == "a folder" else os.mkfifo(path)
    assert cache.cached_text("key", lambda: "text") == "text"
