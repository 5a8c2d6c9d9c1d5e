"""Writing a file at once: a reader sees the old content or the new, whole; a failure the old."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import files

OLD, NEW = b"old" * 100_000, b"new" * 100_000


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(OLD)
    return path


def alone(path) -> bool:
    """Whether there is nothing else beside the file: no temporary one was left."""
    return os.listdir(path.parent) == [path.name]


def test_a_reader_sees_one_whole_content_or_the_other(path):
    seen, wrong, done = set(), [], threading.Event()

    def read():
        while not done.is_set():
            content = path.read_bytes()
            seen.add(content[:3])
            if content not in (OLD, NEW):
                wrong.append(len(content))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(60):
        files.write(path, (NEW, OLD)[i % 2])
    done.set()
    reader.join()
    assert seen
    assert not wrong
    assert path.read_bytes() == OLD
    assert alone(path)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from gradmeter.bench.results import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files.write(Path(sys.argv[1]), b"new" * 100_000)
except OSError as error:
    print("refused", error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes")
def test_a_disk_that_is_full_leaves_the_old_content_and_nothing_else(path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused")
    assert path.read_bytes() == OLD
    assert alone(path)


@pytest.mark.parametrize("step", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(5, "broken"), KeyboardInterrupt()])
def test_a_failure_at_any_step_leaves_the_old_content_and_nothing_else(
    path, monkeypatch, step, error
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(os, step, fail)
    try:
        with pytest.raises(type(error)):
            files.write(path, NEW)
    finally:
        monkeypatch.undo()
    assert path.read_bytes() == OLD
    assert alone(path)


def test_what_a_killed_process_left_behind_does_not_stop_the_next(path, monkeypatch):
    """In a container, the next process may well have the number of the one that was killed."""

    def killed(*_):
        raise SystemExit

    left = []
    monkeypatch.setattr(os, "replace", killed)
    monkeypatch.setattr(os, "unlink", left.append)
    with pytest.raises(SystemExit):
        files.write(path, NEW)
    monkeypatch.undo()
    assert path.read_bytes() == OLD
    assert left
    files.write(path, NEW)
    assert path.read_bytes() == NEW


def test_threads_that_write_at_once_leave_one_whole_content(path):
    contents = [bytes([65 + i]) * 300_000 for i in range(4)]
    errors = []

    def write(content: bytes) -> None:
        try:
            for _ in range(10):
                files.write(path, content)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert not errors
    assert alone(path)


def test_where_a_folder_stands_in_the_way_nothing_is_left(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write(tmp_path / "run.json", NEW)
    assert alone(tmp_path / "run.json")


def test_a_file_in_the_current_folder_is_written(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    files.write(Path("run.json"), NEW)
    assert (tmp_path / "run.json").read_bytes() == NEW


def test_through_a_link_the_new_content_is_read(path):
    link = path.with_name("link.json")
    link.symlink_to(path)
    files.write(link, NEW)
    assert link.read_bytes() == NEW
    assert path.read_bytes() in (OLD, NEW)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o027, 0o640)])
def test_a_new_file_may_be_read_by_whom_the_user_lets_read(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        files.write(tmp_path / "run.json", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == mode


def test_a_folder_is_made_and_left_empty(tmp_path):
    files.writable(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_a_folder_that_cannot_be_made_is_refused_by_name(path):
    for folder in (path, path / "below"):
        with pytest.raises(UsageError, match="nothing can be written to the folder"):
            files.writable(folder)
    assert path.read_bytes() == OLD
