"""The text of a recording: what is new in it is written out, the rest by the digest of its text.

A file has a mark, the head, what no other file of the store had when it was written, and a line for
each case: the digest of its figures, and its line numbers. ::

    gradmeter history 1
    head {"commit":"4b3c...","measured":"2026-01-01T00:00:00+00:00","versions":{...}}
    ground {"interpreter":"cpython 3.11.4"}
    case {"workload":"squares-3","size":1000000,"figures":{"peak":40000000,...}}
    at 1f0e6a55c0ffee 150 154
    missing ["squares-30",1000000,"engine","allocations: killed"]

So a commit that changes two cases of a hundred adds two lines of figures and a hundred digests.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from gradmeter.bench.errors import GradmeterError
from gradmeter.bench.history.acceptance import Acceptance
from gradmeter.bench.history.recording import (
    CaseAt,
    CaseFigures,
    Head,
    Key,
    Recording,
    digest,
    encoded,
)

MARK: Final = "gradmeter history"
VERSION: Final = 1
_MISSING: Final = tuple[str, int, str, str]


class TextError(GradmeterError):
    """A text is none of the store's; the message says why, without naming the file."""


@dataclass(frozen=True)
class Text:
    """The content of a file, of which other files may have the figures.

    Attributes:
        blocks: the texts of figures and grounds that it writes out, by their digests.
        at: the digest of each case's figures, and its line numbers.
    """

    head: Head | None
    accepted: Acceptance | None
    blocks: Mapping[str, str]
    at: tuple[tuple[str, str], ...]
    missing: Mapping[Key, str]


def write(recording: Recording, known: Container[str]) -> bytes:
    """The text of a recording.

    Args:
        known: the digests of figures and grounds that the store has already.
    """
    lines = [f"{MARK} {VERSION}", f"head {encoded(recording.head)}"]
    grounds = {name: encoded(ground) for name, ground in recording.grounds.items()}
    lines += [f"ground {grounds[name]}" for name in sorted(grounds) if name not in known]
    ends = []
    for key in sorted(recording.cases):
        case = recording.cases[key]
        text = encoded(case.figures)
        name = digest(text)
        if name not in known:
            lines.append(f"case {text}")
        ends.append(f"at {name} {case.numbers}".rstrip())
    ends += [
        f"missing {encoded([*key, recording.missing[key]])}" for key in sorted(recording.missing)
    ]
    return ("\n".join([*lines, *ends]) + "\n").encode()


def write_acceptance(acceptance: Acceptance) -> bytes:
    """The text of an acceptance."""
    return f"{MARK} {VERSION}\naccepted {encoded(acceptance)}\n".encode()


def read(content: bytes) -> Text:
    """Read a text.

    Raises:
        TextError: it is of something else, of another version, or cut short.
    """
    try:
        mark, *lines = content.decode().split("\n")
    except UnicodeDecodeError:
        raise TextError(f'it does not begin with "{MARK}"') from None
    name, _, version = mark.rpartition(" ")
    if name != MARK:
        raise TextError(f'it does not begin with "{MARK}"')
    if version != str(VERSION):
        raise TextError(f"it is of version {version}, and this gradmeter reads version {VERSION}")
    head: Head | None = None
    accepted: Acceptance | None = None
    blocks: dict[str, str] = {}
    at: list[tuple[str, str]] = []
    missing: dict[Key, str] = {}
    for number, line in enumerate(lines, 2):
        kind, _, text = line.partition(" ")
        try:
            if kind == "at":
                name, _, numbers = text.partition(" ")
                at.append((name, numbers))
            elif kind in ("case", "ground"):
                blocks[digest(text)] = text
            elif kind == "head":
                head = msgspec.json.decode(text, type=Head)
            elif kind == "missing":
                workload, size, variant, why = msgspec.json.decode(text, type=_MISSING)
                missing[workload, size, variant] = why
            elif kind == "accepted":
                accepted = msgspec.json.decode(text, type=Acceptance)
            elif line:
                raise TextError(f"line {number} is of an unknown kind, {kind[:20]!r}")
        except msgspec.MsgspecError as error:
            raise TextError(f"line {number} does not fit: {error}") from None
    if (head is None) == (accepted is None):
        raise TextError("it has neither a recording nor an acceptance, or both")
    return Text(head, accepted, blocks, tuple(at), missing)


class Blocks:
    """The figures and grounds of all texts of a store; those of one digest are one object."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self._texts: dict[str, str] = {}
        for text in texts:
            self._texts.update(text.blocks)
        self._cases: dict[str, tuple[Key, CaseFigures, tuple[str, ...]]] = {}
        self._grounds: dict[str, Mapping[str, str]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def recording(self, text: Text) -> Recording:
        """The recording of a text.

        Raises:
            TextError: figures that it names are in no text.
        """
        assert text.head is not None
        cases: dict[Key, CaseAt] = {}
        grounds: set[tuple[str, ...]] = set()
        known = self._cases
        for name, numbers in text.at:
            key, figures, named = known.get(name) or self._case(name)
            cases[key] = CaseAt(figures, numbers)
            grounds.add(named)
        return Recording(
            text.head,
            cases,
            text.missing,
            {name: self._ground(name) for names in grounds for name in names},
        )

    def _case(self, name: str) -> tuple[Key, CaseFigures, tuple[str, ...]]:
        try:
            figures = msgspec.json.decode(self._text(name), type=CaseFigures)
        except msgspec.MsgspecError as error:
            raise TextError(f"the figures {name} do not fit: {error}") from None
        self._cases[name] = figures.key, figures, tuple(figures.grounds.values())
        return self._cases[name]

    def _ground(self, name: str) -> Mapping[str, str]:
        if name not in self._grounds:
            try:
                self._grounds[name] = msgspec.json.decode(self._text(name), type=dict[str, str])
            except msgspec.MsgspecError as error:
                raise TextError(f"the ground {name} does not fit: {error}") from None
        return self._grounds[name]

    def _text(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise TextError(
                f"it names the figures {name}, which no file of the store has"
            ) from None
