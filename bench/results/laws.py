"""The file of laws: exact bytes as formulas, by program and variant, to commit and to gate with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import field

from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws.expression import FormulaError, parse
from gradmeter.bench.laws.law import Law
from gradmeter.bench.results import files
from gradmeter.bench.results.readings import Count, Value

FORMAT: Final = "gradmeter laws"
VERSION: Final = 1
SIZE: Final = "N"  # elements of each array of a workload
DEPTH: Final = "n"  # of a workload that has one, whose name ends with it
Key = tuple[str, int, str]


def family(workload: str) -> tuple[str, int | None]:
    """Split a workload's name into its family and its depth: squares-30 is squares at 30."""
    match = re.fullmatch(r"(.+)-([0-9]{1,9})", workload)
    return (match[1], int(match[2])) if match else (workload, None)


def parameters(workload: str, size: int) -> dict[str, int]:
    """The parameters of a case by its name: its size, and its depth; a test's call has none."""
    if not size:
        return {}
    depth = family(workload)[1]
    return {SIZE: size, **({DEPTH: depth} if depth is not None else {})}


class Formula(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A law as it is written: bytes; see gradmeter.bench.laws.law.Law for the other fields."""

    bytes: str
    since: dict[str, Count] = field(default_factory=dict)
    multiple: dict[str, Count] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    crossings: dict[str, list[Count]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not parse."""
        try:
            parse(self.bytes)
        except FormulaError as error:
            raise ValueError(str(error)) from None

    @property
    def law(self) -> Law:
        """The law itself."""
        return Law(parse(self.bytes), self.since, self.multiple, tuple(self.places), self.crossings)


class Laws(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The laws of one program under one variant.

    ``program`` is the name of a workload, with ``-n`` where its depth is a parameter, or of a
    function or a test. ``itemsize`` is that of the workload's arrays, 0 for a program without.
    ``verified`` is the largest value of each parameter that the laws were verified at.
    ``reasons`` says of each figure without a law why it has none.
    """

    program: str
    variant: str = ""
    parameters: list[str]
    itemsize: Count = 0
    figures: dict[str, Formula] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    verified: dict[str, Count] = field(default_factory=dict)

    def parameters_of(self, workload: str, size: int) -> dict[str, int] | None:
        """The values of the parameters in a case; None where the laws are not of its workload."""
        if workload == self.program:
            return {SIZE: size} if DEPTH not in self.parameters else None
        name, depth = family(workload)
        if depth is not None and self.program == f"{name}-{DEPTH}":
            return {SIZE: size, DEPTH: depth}
        return None

    def at(self, parameters: Mapping[str, int]) -> dict[str, int]:
        """The bytes of every figure whose law says something at these values."""
        laws = {figure: formula.law for figure, formula in self.figures.items()}
        return {
            figure: int(law.expression.value(parameters))
            for figure, law in laws.items()
            if law.holds_at(parameters)
        }


class LawFile(Value, frozen=True, kw_only=True):
    """The laws of several programs and variants."""

    format: Literal["gradmeter laws"] = FORMAT
    version: Literal[1] = VERSION
    laws: list[Laws]


def figures_of(laws: Iterable[Laws], key: Key) -> dict[str, int]:
    """The bytes of a case by figure, as the laws have them; none where no law speaks of it."""
    workload, size, variant = key
    for each in laws:
        parameters = each.parameters_of(workload, size)
        if parameters is not None and each.variant == variant:
            return each.at(parameters)
    return {}


def is_law_file(path: Path) -> bool:
    """Whether a file says that it is one of laws."""
    try:
        start = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(start, dict) and start.get("format") == FORMAT


def load(path: Path) -> list[Laws]:
    """Read a file of laws.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=LawFile).laws
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no file of laws: {error}") from None


def save(laws: Iterable[Laws], path: Path) -> None:
    """Write a file of laws, one figure a line.

    Raises:
        UsageError: it cannot be written.
    """
    ordered = sorted(laws, key=lambda each: (each.program, each.variant))
    text = msgspec.json.format(msgspec.json.encode(LawFile(laws=ordered)), indent=1)
    try:
        files.write(path, text + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
