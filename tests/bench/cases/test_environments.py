"""Environments are kept by what they were made of, and shared by the runs that use them."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

import pytest

from gradmeter.bench.cases import environments, kept_environments
from gradmeter.bench.errors import UsageError


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


def test_an_interpreter_is_named_by_path_command_or_version():
    assert environments.interpreter(sys.executable) == sys.executable
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert environments.interpreter(version)
    with pytest.raises(UsageError, match="there is no interpreter '1"):
        environments.interpreter("1.5")
