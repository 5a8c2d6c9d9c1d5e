"""The store of a history: a folder of text files to commit, to which files are only added.

A file's name has the digest of its content, so that a file that was cut short or edited is known,
and two branches that add files merge without a conflict. The folder may be a branch's.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gradmeter.bench import git
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import branch, record_text
from gradmeter.bench.history.acceptance import Acceptance
from gradmeter.bench.history.branch import Branch
from gradmeter.bench.history.record_text import Blocks, Text, TextError
from gradmeter.bench.history.recording import Recording
from gradmeter.bench.results import files

Place = Path | Branch
DEFAULT: Final = Path("reports/history")
_SUFFIX: Final = ".txt"
_NAME: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})-(?:accepted-)?([0-9a-f]{16})\.txt")


@dataclass(frozen=True)
class History:
    """All that a store holds, by commit and time of measuring."""

    recordings: tuple[Recording, ...]
    acceptances: tuple[Acceptance, ...]
    blocks: Blocks


def place(text: str) -> Place:
    """The place of a store by its name: a folder, or branch:NAME of the repository here.

    Raises:
        UsageError: there is no repository, or no branch can have this name.
    """
    if not text.startswith(branch.PREFIX):
        return Path(text)
    top = git.top(Path.cwd(), needed_by=text)
    return branch.named(top, text.removeprefix(branch.PREFIX))


def load(folder: Place) -> History:
    """Read a store; one that does not exist is empty.

    Hidden files and those that are no .txt are not the store's, and not read.

    Raises:
        UsageError: a file cannot be read, was cut short or edited, or is of something else; or as
            `branch.files`.
    """
    if isinstance(folder, Branch):
        with branch.files(folder) as files_of_branch:
            return load(files_of_branch)
    try:
        names = sorted(name for name in os.listdir(folder) if _is_ours(name))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise UsageError(f"the store {folder} cannot be read: {error.strerror}") from None
    texts = [(folder / name, _read(folder / name)) for name in names]
    blocks = Blocks(text for _, text in texts)
    recordings = [_recording(path, text, blocks) for path, text in texts if text.head is not None]
    return History(
        tuple(sorted(recordings, key=lambda r: (r.head.commit, r.head.measured))),
        tuple(sorted((t.accepted for _, t in texts if t.accepted is not None), key=_order)),
        blocks,
    )


def add(folder: Place, recordings: Sequence[Recording]) -> list[Path]:
    """Write recordings that the store does not have yet, each file atomically.

    Those of a branch are one commit.

    Returns:
        The files that were written.

    Raises:
        UsageError: as `load`, or the folder or branch cannot be written to.
    """
    if isinstance(folder, Branch):
        commits = list(dict.fromkeys(each.head.commit for each in recordings))
        more = f" and {len(commits) - 1} more" if len(commits) > 1 else ""
        message = f"Figures of {commits[0][:12]}{more}" if commits else "Figures"
        return branch.change(folder, lambda there: add(there, recordings), message)
    files.writable(folder, "--store")
    history = load(folder)
    known = history.blocks.known
    there: dict[str, list[Recording]] = {}
    for each in history.recordings:
        there.setdefault(each.head.commit, []).append(each)
    written = []
    for recording in recordings:
        of_commit = there.setdefault(recording.head.commit, [])
        if _adds_nothing(recording, of_commit):
            continue
        of_commit.append(recording)
        content = record_text.write(recording, known)
        written.append(_write(folder, recording.head.commit, content))
        known |= record_text.read(content).known
    return written


def _adds_nothing(recording: Recording, others: Sequence[Recording]) -> bool:
    """Whether a recording is there, or says the same as the latest that is like it."""
    alike = [each for each in others if each.is_like(recording)]
    latest = max(alike, key=lambda each: each.head.measured, default=None)
    return recording in alike or (latest is not None and latest.says_the_same(recording))


def accept(folder: Place, acceptance: Acceptance) -> Path:
    """Write an acceptance.

    Raises:
        UsageError: the folder or branch cannot be written to.
    """
    if isinstance(folder, Branch):
        message = f"Accepted: {acceptance.because}"
        (path,) = branch.change(folder, lambda there: [accept(there, acceptance)], message)
        return path
    files.writable(folder, "--store")
    content = record_text.write_acceptance(acceptance)
    return _write(folder, f"{acceptance.after}-accepted", content)


def _order(acceptance: Acceptance) -> tuple[str, str]:
    return acceptance.when, acceptance.after


def _is_ours(name: str) -> bool:
    return name.endswith(_SUFFIX) and not name.startswith(".")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _write(folder: Path, start: str, content: bytes) -> Path:
    path = folder / f"{start}-{_digest(content)}{_SUFFIX}"
    try:
        files.write(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _read(path: Path) -> Text:
    """Read a file whose content is what its name says.

    Raises:
        UsageError: it is not.
    """
    files.refuse_irregular(path, "cannot be read as a part of a history")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    name = _NAME.fullmatch(path.name)
    if name is not None and name[2] != _digest(content):
        raise UsageError(
            f"{path} was cut short or edited: its content is not what its name says; restore it "
            f"(git checkout -- {path}), or remove it and record commit {name[1][:12]} anew"
        )
    try:
        text = record_text.read(content)
    except TextError as error:
        raise UsageError(_foreign(path, str(error))) from None
    if name is None:
        raise UsageError(_foreign(path, "its name is none that gradmeter gives"))
    return text


def _foreign(path: Path, why: str) -> str:
    return f"{path} is no file of a history: {why}; remove it from the store"


def _recording(path: Path, text: Text, blocks: Blocks) -> Recording:
    try:
        return blocks.recording(text)
    except TextError as error:
        raise UsageError(
            f"{path} cannot be read without another file: {error}; restore what was removed from "
            "the store, or remove this file and record its commit anew"
        ) from None
