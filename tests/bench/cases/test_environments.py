"""Environments are kept by what they were made of, and shared by the runs that use them."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import ExitStack

import psutil
import pytest

from gradmeter.bench.cases import environments, kept_environments
from gradmeter.bench.errors import UsageError

from ..misbehaviour import within


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def build(folder):
    (folder / "file").write_text("x" * 1000)


def refuse(folder):
    (folder / "half").touch()
    raise environments.BuildError("no", ["last"])


def test_a_key_is_built_once_and_used_by_several_at_once():
    with ExitStack() as stack:
        one = stack.enter_context(kept_environments.kept(("a", "b"), build))
        two = stack.enter_context(kept_environments.kept(("a", "b"), refuse))
        other = stack.enter_context(kept_environments.kept(("ab",), build))
        assert one == two != other
    [first, second] = kept_environments.listed()
    assert {first.key, second.key} == {("a", "b"), ("ab",)}
    assert first.bytes >= 1000


def test_what_was_not_completed_is_built_again():
    with pytest.raises(environments.BuildError), kept_environments.kept(("a",), refuse):
        pass
    assert kept_environments.listed() == []
    with kept_environments.kept(("a",), build) as folder:
        done = folder / "built.json"
        assert json.loads(done.read_text()) == ["a"]
    done.unlink()  # as after a kill in the middle
    (folder / "half").touch()
    with kept_environments.kept(("a",), build) as folder:
        assert not (folder / "half").exists()


def test_clearing_leaves_what_is_in_use():
    with kept_environments.kept(("a",), build) as used:
        with kept_environments.kept(("b",), build) as unused:
            pass
        assert kept_environments.clear() == [used]
        assert used.is_dir()
        assert not unused.exists()
    assert kept_environments.clear() == []
    assert list(kept_environments.cache().iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with (
        pytest.raises(environments.BuildError, match="cannot be written: Not a directory"),
        kept_environments.kept(("a",), build),
    ):
        pass


def test_a_command_that_fails_shows_its_last_lines(tmp_path):
    environment = environments.Environment(tmp_path / "venv")
    command = "for i in $(seq 50); do echo line $i; done; echo wrong >&2; exit 7"
    with pytest.raises(environments.BuildError) as caught:
        environments.run_in(environment, command, tmp_path)
    assert "failed with exit code 7" in caught.value.message
    assert caught.value.lines[-2:] == ["line 50", "wrong"]
    assert len(caught.value.lines) == 12


def test_an_interrupted_build_leaves_no_process(tmp_path):
    path = tmp_path / "pid"
    command = f"sleep 1000 & echo $! > {path}.new && mv {path}.new {path}; wait"

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    threading.Thread(
        target=lambda: (within(path.exists), os.kill(os.getpid(), signal.SIGALRM))
    ).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            environments.run_in(environments.Environment(tmp_path / "venv"), command, tmp_path)
    finally:
        signal.signal(signal.SIGALRM, before)
    pid = int(path.read_text())
    assert within(lambda: not psutil.pid_exists(pid) or ended(pid))


def ended(pid):
    """Whether a process has ended, though nobody has waited for it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_requirements_are_words_of_a_shell_without_options():
    assert environments.requirements_of("a==1 'b >= 2'") == ["a==1", "b >= 2"]
    for wrong in ("", "  ", "-r a.txt", "a -U", "'a"):
        with pytest.raises(UsageError, match="--with "):
            environments.requirements_of(wrong)


@pytest.mark.parametrize(
    ("requirement", "pinned"),
    [("a==1", True), ("a[b,c]==1.2.post1", True), ("a===1", True), ("a", False), ("a>=1", False),
     ("a==1.*", False), ("a==1,<2", False), ("./a", False), ("a @ https://b", False)],
)  # fmt: skip
def test_what_is_the_same_the_next_time_is_pinned(requirement, pinned):
    assert environments.pinned([requirement]) == pinned
    assert environments.pinned(["z==1", requirement]) == pinned


def test_an_interpreter_is_named_by_path_command_or_version():
    assert environments.interpreter(sys.executable) == sys.executable
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert environments.interpreter(version)
    with pytest.raises(UsageError, match="there is no interpreter '1"):
        environments.interpreter("1.5")
