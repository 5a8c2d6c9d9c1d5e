"""The text of a recording: what is new in it is written out, the rest by the digest of its text.

A file has a mark, the head, what no other file of the store had when it was written, and a line for
each case: the digest of its figures, and how far its lines have moved from those there. ::

    gradmeter history 1
    head {"commit":"4b3c...","measured":"2026-01-01T00:00:00+00:00","versions":{...}}
    ground {"interpreter":"cpython 3.11.4"}
    case 138 142 {"workload":"squares-3","size":1000000,"figures":{"peak":40000000,...}}
    at 1f0e6a55c0ffee 12
    missing ["squares-30",1000000,"engine","allocations: killed"]

So a commit that changes two cases of a hundred adds two lines of figures and a hundred digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        at: the digest of each case's block, and how far its line numbers are from those there.
    """

    head: Head | None
    accepted: Acceptance | None
    blocks: Mapping[str, str]
    at: tuple[tuple[str, str], ...]
    missing: Mapping[Key, str]

    @property
    def known(self) -> dict[str, str]:
        """The block of each text; that of figures has their line numbers before it."""
        return _known(self.blocks.values())


def _known(blocks: Iterable[str]) -> dict[str, str]:
    return {block[block.index("{") :]: block for block in blocks}


def write(recording: Recording, known: Mapping[str, str]) -> bytes:
    """The text of a recording.

    Args:
        known: what the store has already: the block of each text, see `Text.known`.
    """
    lines = [f"{MARK} {VERSION}", f"head {encoded(recording.head)}"]
    grounds = sorted(map(encoded, recording.grounds.values()))
    lines += [f"ground {text}" for text in grounds if text not in known]
    ends = []
    for key in sorted(recording.cases):
        case = recording.cases[key]
        text = encoded(case.figures)
        block = known.get(text)
        if block is None:
            block = f"{case.numbers} {text}".lstrip()
            lines.append(f"case {block}")
        ends.append(f"at {digest(block)} {_shift(case.numbers, _numbers(block))}".rstrip())
    ends += [
        f"missing {encoded([*key, recording.missing[key]])}" for key in sorted(recording.missing)
    ]
    return ("\n".join([*lines, *ends]) + "\n").encode()


def _numbers(block: str) -> str:
    """The line numbers at the beginning of a block."""
    return block[: block.index("{")].rstrip()


def _shift(numbers: str, known: str) -> str:
    """How far line numbers are from known ones: one number if all are as far, empty for not."""
    pairs = zip(numbers.split(), known.split(), strict=True)
    shifts = [int(number) - int(before) for number, before in pairs]
    if not any(shifts):
        return ""
    return " ".join(map(str, shifts[:1] if len(set(shifts)) == 1 else shifts))


def _shifted(known: str, shift: str) -> str:
    """Line numbers from known ones, the inverse of `_shift`."""
    before, shifts = known.split(), shift.split()
    if len(shifts) == 1:
        shifts *= len(before)
    return " ".join(str(int(b) + int(s)) for b, s in zip(before, shifts, strict=True))


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
                if "{" not in text:
                    raise TextError(f"line {number} does not fit: it has no figures")
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
        self._cases: dict[str, tuple[Key, CaseFigures, tuple[str, ...], str]] = {}
        self._figures: dict[str, CaseFigures] = {}
        self._grounds: dict[str, Mapping[str, str]] = {}
        self._shifted: dict[tuple[str, str], str] = {}

    @property
    def known(self) -> dict[str, str]:
        """The block of each text."""
        return _known(self._texts.values())

    def recording(self, text: Text) -> Recording:
        """The recording of a text.

        Raises:
            TextError: figures that it names are in no text.
        """
        assert text.head is not None
        cases: dict[Key, CaseAt] = {}
        grounds: set[tuple[str, ...]] = set()
        known = self._cases
        for name, shift in text.at:
            key, figures, named, numbers = known.get(name) or self._case(name)
            cases[key] = CaseAt(figures, self._moved(numbers, shift) if shift else numbers)
            grounds.add(named)
        used = {name: self._ground(name) for names in grounds for name in names}
        return Recording(text.head, cases, text.missing, used)

    def _moved(self, numbers: str, shift: str) -> str:
        """Line numbers from those of a block; the same often, so that they are kept."""
        moved = self._shifted.get((numbers, shift))
        if moved is None:
            moved = self._shifted[numbers, shift] = _shifted(numbers, shift)
        return moved

    def _case(self, name: str) -> tuple[Key, CaseFigures, tuple[str, ...], str]:
        block = self._text(name)
        text = block[block.index("{") :]
        try:
            figures = self._figures.get(text) or msgspec.json.decode(text, type=CaseFigures)
        except msgspec.MsgspecError as error:
            raise TextError(f"the figures {name} do not fit: {error}") from None
        self._figures[text] = figures
        named = tuple(figures.grounds.values())
        self._cases[name] = figures.key, figures, named, _numbers(block)
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
