"""The file of laws: exact bytes as formulas, by program and variant, to commit and to gate with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import field

from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws.expression import ARRAYS, UNITS, FormulaError, parse
from gradmeter.bench.laws.law import Law
from gradmeter.bench.laws.names import DEPTH as DEPTH
from gradmeter.bench.laws.names import SIZE as SIZE
from gradmeter.bench.laws.names import family as family
from gradmeter.bench.laws.names import parameters as parameters
from gradmeter.bench.results import files
from gradmeter.bench.results.layers import NUMBERS
from gradmeter.bench.results.readings import Count, Value

FORMAT: Final = "gradmeter laws"
VERSION: Final = 1
COMMITTED: Final = Path("reports/laws.json")
Key = tuple[str, int, str]


class Formula(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A law as it is written: bytes; see gradmeter.bench.laws.law.Law for the other fields.

    Where the laws say an itemsize, it may count in arrays: ``(n + 2) arrays + 160 B``.
    """

    bytes: str
    since: dict[str, Count] = field(default_factory=dict)
    multiple: dict[str, Count] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    crossings: dict[str, list[Count]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not parse, and multiples of nothing."""
        try:
            parse(self.bytes)
        except FormulaError as error:
            raise ValueError(str(error)) from None
        if not all(self.multiple.values()):
            raise ValueError("what a parameter is a multiple of is 1 at least")

    @property
    def law(self) -> Law:
        """The law itself."""
        return Law(parse(self.bytes), self.since, self.multiple, tuple(self.places), self.crossings)

    @property
    def domain(self) -> str:
        """Where it holds, as "from N = 32,768 on"; empty where that is everywhere."""
        least = [f"{name} = {value:,}" for name, value in self.since.items() if value > 1]
        parts = [f"from {' and '.join(least)} on"] if least else []
        steps = [(name, value) for name, value in self.multiple.items() if value > 1]
        parts += [f"where {name} is a multiple of {value:,}" for name, value in steps]
        return ", ".join(parts)


def formula_of(figure: str, law: Law) -> Formula:
    """A law as it is written into a file; that of a number, as of allocations, without a unit."""
    text = law.expression.text
    if figure in NUMBERS:
        from gradmeter.bench.laws import algebra

        text = algebra.number(algebra.of(law.expression))
    return Formula(
        bytes=text,
        since=dict(law.since),
        multiple=dict(law.multiple),
        places=list(law.places) if any(law.places) else [],
        crossings={name: list(values) for name, values in law.crossings.items()},
    )


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

    def __post_init__(self) -> None:
        """Refuse laws in other names than the parameters'."""
        known = {*self.parameters}
        in_arrays = {ARRAYS, "array"} if self.itemsize and SIZE in known else set()
        for figure, formula in self.figures.items():
            used = parse(formula.bytes).names - in_arrays - (UNITS.keys() - known)
            used |= formula.since.keys() | formula.multiple.keys()
            if used - known:
                raise ValueError(
                    f"the law of {figure} of {self.program} has {min(used - known)!r}, which is "
                    f"none of its parameters ({', '.join(self.parameters)})"
                )

    def parameters_of(self, workload: str, size: int) -> dict[str, int] | None:
        """The values of the parameters in a case; None where the laws are not of its workload."""
        values = parameters(workload, size)
        name, depth = family(workload)
        if self.program not in (workload, f"{name}-{DEPTH}" if depth is not None else workload):
            return None
        if self.program == workload:
            values.pop(DEPTH, None)
        return values if values and values.keys() == {*self.parameters} else None

    def reading(self, figure: str, parameters: Mapping[str, int]) -> tuple[int | None, str]:
        """The bytes of a figure at these values of the parameters, or the reason for none."""
        formula = self.figures.get(figure)
        if formula is None:
            reason = self.reasons.get(figure, "")
            return None, f"no law was found{f': {reason}' if reason else ''}"
        law = formula.law
        if not law.holds_at(parameters):
            return None, f"its law holds {formula.domain}"
        try:
            value = law.expression.value(parameters, self.itemsize * parameters.get(SIZE, 0))
        except FormulaError as error:
            return None, f"its law has no value: {error}"
        if value.denominator > 1 or value < 0:
            return None, f"its law is no number of bytes there, but {float(value):g}"
        return int(value), ""

    def at(self, parameters: Mapping[str, int]) -> dict[str, int]:
        """The bytes of every figure whose law says something at these values."""
        values = {figure: self.reading(figure, parameters)[0] for figure in self.figures}
        return {figure: value for figure, value in values.items() if value is not None}


class LawFile(Value, frozen=True, kw_only=True):
    """The laws of several programs and variants."""

    format: Literal["gradmeter laws"] = FORMAT
    version: Literal[1] = VERSION
    laws: list[Laws]


def figures_of(laws: Iterable[Laws], key: Key) -> dict[str, int]:
    """The bytes of a case by figure, as the laws have them; none where no law speaks of it."""
    workload, size, variant = key
    found: dict[str, int] = {}
    for each in laws:  # those in the depth, and those at one depth of figures without
        parameters = each.parameters_of(workload, size)
        if parameters is not None and each.variant == variant:
            found = {**each.at(parameters), **found}
    return found


def law_of(laws: Iterable[Laws], key: Key, figure: str) -> tuple[int, Formula] | None:
    """The bytes of a figure of a case and the law that they are of; None where none speaks of it.

    Laws at one depth go before those in the depth.
    """
    workload, size, variant = key
    for each in sorted(laws, key=lambda each: len(each.parameters)):
        at = each.parameters_of(workload, size)
        if at is not None and each.variant == variant:
            value, _ = each.reading(figure, at)
            if value is not None:
                return value, each.figures[figure]
    return None


def committed() -> list[Laws]:
    """The laws that the project in the working folder commits; none where it has no such file.

    Raises:
        UsageError: it has one, which cannot be read.
    """
    return load(COMMITTED) if is_law_file(COMMITTED) else []


def is_law_file(path: Path) -> bool:
    """Whether a file says that it is one of laws."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        start = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(start, dict) and start.get("format") == FORMAT


def load(path: Path) -> list[Laws]:
    """Read a file of laws.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    files.refuse_irregular(path, "cannot be read as a file of laws")
    remedy = f"find them anew: gradmeter law WORKLOAD --out {path}"
    try:
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read as a file of laws: {reason}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f'{path} is no file of laws: its "format" is not "{FORMAT}"; {remedy}')
    if content.get("version") != VERSION:
        raise UsageError(
            f"{path} has laws of version {content.get('version')!r}, this gradmeter reads version "
            f"{VERSION}; {remedy}"
        )
    try:
        laws = msgspec.convert(content, LawFile).laws
    except msgspec.ValidationError as error:
        raise UsageError(f"{path} is no valid file of laws: {error}; {remedy}") from None
    for key, count in Counter((each.program, each.variant) for each in laws).items():
        if count > 1:
            raise UsageError(f"{path} has two laws of {' '.join(key).rstrip()}; {remedy}")
    return laws


def encoded(laws: Iterable[Laws]) -> bytes:
    """A file of laws, one figure a line."""
    ordered = sorted(laws, key=lambda each: (each.program, each.variant))
    return msgspec.json.format(msgspec.json.encode(LawFile(laws=ordered)), indent=1) + b"\n"


def save(laws: Iterable[Laws], path: Path) -> None:
    """Write a file of laws, one figure a line.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        files.write(path, encoded(laws))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
