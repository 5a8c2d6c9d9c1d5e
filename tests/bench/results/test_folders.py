"""A temporary folder is removed by its owner, or else by a later run, and by nobody earlier."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradmeter.bench.results.folders import PREFIX, stale_folders, temporary_folder, this_process

from ...thorough import examples

MAKE = """
import time
from gradmeter.bench.results.folders import temporary_folder
with temporary_folder("somewhere") as folder:
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def killed(how: signal.Signals, after=lambda folder: None) -> Path:
    """The folder of a process, which is ended after something was done."""
    with subprocess.Popen(
        [sys.executable, "-c", MAKE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        folder = Path(process.stdout.readline().strip())
        after(folder)
        process.send_signal(how)
    return folder


def test_a_folder_is_stale_when_its_owner_was_killed_and_not_before(temporary):
    folder = killed(signal.SIGKILL, lambda folder: (stale_folders() == []) or pytest.fail("early"))
    [(path, record)] = stale_folders()
    assert (path, record.repository) == (folder, "somewhere")


def test_a_folder_ends_with_its_block_even_if_it_cannot_be_read(temporary):
    with temporary_folder() as folder:
        (folder / "closed").mkdir(mode=0)
        assert folder.parent == temporary
        assert stale_folders() == []
    assert list(temporary.iterdir()) == []


def test_a_process_with_the_same_number_is_another_one(temporary):
    with temporary_folder() as folder:
        record = json.loads((folder / ".owner.json").read_text())
        record["owner"]["started"] += "0"
        (folder / ".owner.json").write_text(json.dumps(record))
        assert [path for path, _ in stale_folders()] == [folder]
        record["owner"]["place"] += "elsewhere"  # whose processes cannot be seen from here
        (folder / ".owner.json").write_text(json.dumps(record))
        assert stale_folders() == []


def test_this_process_lives():
    assert this_process().lives
    assert this_process() == this_process()


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(50),
)
@given(
    content=st.one_of(
        st.none(),
        st.binary(),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps),
        st.just("[" * 10_000),
        st.fixed_dictionaries({"owner": st.dictionaries(st.sampled_from(["pid"]), st.text())})
        .map(json.dumps),
    )
)  # fmt: skip
def test_a_folder_without_a_record_of_ours_is_left_alone(temporary, content):
    folder = temporary / f"{PREFIX}theirs"
    folder.mkdir(exist_ok=True)
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (folder / ".owner.json").write_bytes(data)
    assert stale_folders() == []


@pytest.mark.parametrize("what", ["link", "pipe", "file"])
def test_what_is_no_folder_or_no_record_is_left_alone(temporary, what):
    folder = killed(signal.SIGKILL)
    if what == "link":
        folder.rename(temporary / "elsewhere")
        folder.symlink_to(temporary / "elsewhere")
    elif what == "pipe":
        (folder / ".owner.json").unlink()
        os.mkfifo(folder / ".owner.json")
    else:
        (folder / ".owner.json").unlink()
        folder.rmdir()
        folder.touch()
    assert stale_folders() == []
