"""A forked process answers, and this one sees nothing else of it, whatever is done there."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import mmap
import os
import signal
import socket
import sqlite3
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.meters import forked, isolation
from gradmeter.bench.meters.forked import (
    NoAnswerError,
    NoForkError,
    RaisedError,
    VisibleActionError,
    run,
)

from ...thorough import examples

LIMIT = 30.0
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=examples(30), deadline=None)
@given(values)
def test_an_answer_comes_back_as_it_is(value):
    assert run(lambda: value, LIMIT) == value


def test_an_answer_may_be_larger_than_a_pipe():
    assert run(lambda: "x" * 10**6, LIMIT) == "x" * 10**6


class UnprintableError(Exception):
    def __str__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("no"), "ValueError", "no"),
        (SystemExit(3), "SystemExit", "3"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (GeneratorExit("so"), "GeneratorExit", "so"),
        (UnprintableError(), "UnprintableError", "(its text raised ZeroDivisionError)"),
    ],
)
def test_an_error_of_any_kind_is_told_by_its_name(error, kind, message):
    def fail():
        raise error

    with pytest.raises(RaisedError) as caught:
        run(fail, LIMIT)
    assert (caught.value.kind, caught.value.message) == (kind, message)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda: os._exit(9), "exit code 9"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
        (lambda: ctypes.string_at(0), "SIGSEGV"),
        (object, "exit code 0"),  # no value of JSON's
    ],
)
def test_a_process_without_an_answer_is_told_by_its_end(end, said, capfd):
    with pytest.raises(NoAnswerError, match=said):
        run(end, LIMIT)
    assert capfd.readouterr() == ("", "")


def test_a_process_that_hangs_is_killed_and_leaves_no_zombie():
    with pytest.raises(NoAnswerError, match=r"still running after 0 s"):
        run(lambda: time.sleep(60), 0.2)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_an_interrupt_while_it_waits_ends_the_process():
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("theirs")))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError, match="theirs"):
            run(lambda: time.sleep(60), LIMIT)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_without_fork_a_sentence_says_so(monkeypatch):
    monkeypatch.setattr(forked.sys, "platform", "win32")
    with pytest.raises(NoForkError, match="takes Linux"):
        run(lambda: 1, LIMIT)
    monkeypatch.undo()

    def refuse():
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(NoForkError, match="no more processes"):
        run(lambda: 1, LIMIT)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_no_cleanup_of_this_process_runs_there(capfd):
    def farewell():
        os.write(2, b"farewell")

    atexit.register(farewell)
    try:
        print("once", end="")  # in a buffer, which the forked process has a copy of
        run(lambda: None, LIMIT)
        with pytest.raises(RaisedError):
            run(sys.exit, LIMIT)
    finally:
        atexit.unregister(farewell)
    assert capfd.readouterr() == ("once", "")


def test_output_is_not_seen(capfd):
    run(lambda: [print("a", flush=True), os.write(1, b"b"), os.write(2, b"c")], LIMIT)
    assert capfd.readouterr() == ("", "")


def test_open_files_are_copies_at_the_same_place(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("r+b", buffering=0) as both, path.open("rb", buffering=0) as reader:
        both.seek(4)
        reader.seek(2)

        def use():
            both.write(b"xx")
            both.seek(0)
            return [both.read().decode(), reader.read(3).decode()]

        assert run(use, LIMIT) == ["0123xx6789", "234"]
        assert (both.tell(), reader.tell()) == (4, 2)
    assert path.read_bytes() == b"0123456789"


def test_a_file_too_large_to_copy_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "MOST_COPIED", 5)
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        file.write(b"0123456789")
        with pytest.raises(RaisedError, match="Bad file descriptor"):
            run(lambda: file.write(b"x"), LIMIT)
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_database_that_is_open_is_a_copy(tmp_path):
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("create table t (a)")
        database.commit()

        def insert():
            database.execute("insert into t values (1)")
            database.commit()
            return database.execute("select count(*) from t").fetchone()

        assert run(insert, LIMIT) == [1]
        assert database.execute("select count(*) from t").fetchone() == (0,)
    database.close()


def test_shared_memory_is_a_copy():
    with mmap.mmap(-1, 5000) as shared:
        shared[:2] = b"ab"
        assert run(lambda: [shared.write(b"cd"), shared[:3].decode()], LIMIT) == [2, "cd\0"]
        assert shared[:2] == b"ab"


def test_more_shared_memory_than_is_copied_is_refused(monkeypatch):
    monkeypatch.setattr(isolation, "MOST_SHARED", 5000)
    with mmap.mmap(-1, 10_000), pytest.raises(VisibleActionError, match="shares more than"):
        run(lambda: 1, LIMIT)


def test_an_event_loop_runs_there_and_goes_on_here():
    async def act(seconds):
        await asyncio.sleep(seconds)
        return 5

    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(act(0)) == 5
        assert run(lambda: loop.run_until_complete(act(0.01)), LIMIT) == 5
        assert loop.run_until_complete(act(0)) == 5
    finally:
        loop.close()


def test_a_socket_has_no_other_end_there():
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(RaisedError, match="BrokenPipeError"):
            run(lambda: one.send(b"x"), LIMIT)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(1)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"first\nTerminating: unsafe\n\n", ": Terminating: unsafe"),
        (b"\xff", ": \N{REPLACEMENT CHARACTER}"),
        (b"x" * 10**6, f": {'x' * 300}"),
    ],
)
def test_what_a_forked_process_said_last_on_standard_error_is_told(text, last):
    def function():
        os.write(2, text)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(NoAnswerError) as caught:
        run(function, LIMIT)
    assert str(caught.value) == f"the process that measured it was ended by SIGTERM{last}"


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda path: path.write_text("x"), "opens .* for writing"),
        (lambda path: path.touch(), "changes the times"),
        (lambda path: os.open(path, os.O_WRONLY), "opens .* for writing"),
        (lambda path: path.unlink(), "removes"),
        (lambda path: path.rename(f"{path}2"), "renames"),
        (lambda path: path.chmod(0), "changes the mode"),
        (lambda path: os.utime(path), "changes the times"),
        (lambda path: path.with_name("new").mkdir(), "makes the folder"),
        (lambda path: path.with_name("new").symlink_to(path), "links"),
        (lambda path: sqlite3.connect(path).close(), "opens the database"),
        (lambda path: os.system("true"), "starts another process"),
        (lambda path: os.fork(), "starts another process"),
        (lambda path: os.kill(os.getppid(), signal.SIGTERM), "sends a signal"),
        (lambda path: socket.create_connection(("127.0.0.1", 9)), "connects to"),
    ],
)
@pytest.mark.parametrize("caught", [True, False])
def test_what_would_be_seen_is_refused_also_where_the_error_is_caught(tmp_path, act, said, caught):
    path = tmp_path / "file"
    path.write_text("before")
    status = path.stat()

    def attempt():
        try:
            act(path)
        except OSError:
            if not caught:
                raise

    with pytest.raises(VisibleActionError, match=said):
        run(attempt, LIMIT)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "before"
    assert path.stat().st_mtime_ns == status.st_mtime_ns


def test_what_is_not_seen_is_allowed(tmp_path):
    def act():
        with open(os.devnull, "w") as file:
            file.write("x")
        sqlite3.connect(":memory:").close()
        (tmp_path / "file").read_text()

    (tmp_path / "file").write_text("x")
    assert run(act, LIMIT) is None
