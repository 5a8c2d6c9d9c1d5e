"""The laws of a run as one compact table: a row for variants that have the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gradmeter.bench.laws.law import Law
from gradmeter.bench.laws.names import SIZE, values_text
from gradmeter.bench.report import sentences
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import laws
from gradmeter.bench.verdicts.laws import OBJECTS, FamilyLaws, Found, VariantLaws
from gradmeter.bench.verdicts.verdicts import TELLING
from gradmeter.bench.verdicts.verdicts import Row as Compared

FIGURES = ("peak", "held", "cycle", "forward", "backward")
PREDICTED = "predicted"
NONE = "none"
NOTHING = ("0", "0 B")
MOST_VALUES = 4  # of a parameter, that are listed
WORDS = {"N": "size", "n": "depth"}
HOLDS = "Exact at all that was measured; N is the elements of an array"
UNKNOWN = "?"
LONGEST_LINE = 8  # characters of a law in a terminal
_PIECES = re.compile(r"(?<=,) |(?<=\w) (?=[+-] [\d,]+ B)|(?<=\d) (?=from )")


@dataclass(frozen=True)
class Cell:
    """The law of a figure in words; and whether it is another one than the baseline's."""

    text: str
    changed: bool = False

    @property
    def pieces(self) -> list[str]:
        """What stays on a line: bytes beside arrays, and each of what a maximum is of."""
        return _PIECES.split(self.text)

    @property
    def lines(self) -> list[str]:
        """Its lines in a terminal, which has no room for long ones."""
        return [self.text] if len(self.text) <= LONGEST_LINE else self.pieces


@dataclass(frozen=True)
class Row:
    """Variants that have the same laws, of which the first may be a baseline."""

    variants: tuple[str, ...]
    is_baseline: bool
    cells: tuple[Cell, ...]

    @property
    def names(self) -> list[str]:
        """The variants, the baseline marked."""
        mark = " (baseline)" if self.is_baseline else ""
        return [self.variants[0] + mark, *self.variants[1:]]


@dataclass(frozen=True)
class Block:
    """The laws of one workload or family: its name, what they count and hold for, its variants."""

    title: str
    facts: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """The laws of a run: the columns after the variant, the rows in blocks, and what they mean."""

    columns: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]

    @property
    def common(self) -> str:
        """The facts that every block has."""
        return ", ".join(fact for fact in self.blocks[0].facts if self._is_common(fact))

    def heading(self, block: Block) -> str:
        """The title of a block, with the facts that others do not have."""
        own = ", ".join(fact for fact in block.facts if not self._is_common(fact))
        return f"{block.title}: {own}" if own else block.title

    def _is_common(self, fact: str) -> bool:
        return all(fact in block.facts for block in self.blocks)


def table(run: Run, found: Sequence[FamilyLaws]) -> Table | None:
    """Put laws into a table; None where there are none."""
    if not found:
        return None
    every = [variant for family in found for variant in family.variants]
    columns = [*FIGURES]
    if any(each.figures["dropped"] != each.figures["cycle"] for each in every):
        columns.append("dropped")
    if any(each.as_predicted is not None for each in every):
        columns.append(PREDICTED)
    blocks = tuple(
        Block(family.program, tuple(_facts(family)), tuple(_rows(family, columns)))
        for family in found
    )
    return Table(tuple(columns), blocks, tuple(_notes(run, found)))


def _facts(family: FamilyLaws) -> Iterator[str]:
    """What the laws of a family count, and the values that they were measured at."""
    yield f"in arrays of {family.item_bytes} N bytes" if family.item_bytes else "in bytes"
    for name, values in family.values.items():
        if len(values) > MOST_VALUES:
            yield f"{name} = {values[0]:,} to {values[-1]:,} ({len(values)} values)"
        else:
            *first, last = (f"{value:,}" for value in values)
            yield f"{name} = {' and '.join(filter(None, [', '.join(first), last]))}"


def _rows(family: FamilyLaws, columns: Sequence[str]) -> Iterator[Row]:
    alike: dict[tuple[str, ...], list[VariantLaws]] = {}
    of = {e.variant: tuple(_cell(family, e, c) for c in columns) for e in family.variants}
    for each in family.variants:
        unlike = "" if each.are_complete else each.variant
        texts = (cell.text for cell in of[each.variant])
        alike.setdefault((each.baseline, unlike, *texts), []).append(each)
    for variants in alike.values():
        first = variants[0]
        names = tuple(each.variant for each in variants)
        yield Row(names, first.variant == first.baseline, of[first.variant])


def _cell(family: FamilyLaws, each: VariantLaws, column: str) -> Cell:
    if column == PREDICTED:
        return Cell(_predicted(family, each))
    found = each.figures[column]
    baseline = family.of(each.baseline) if each.is_candidate else None
    before = baseline.figures[column].law if baseline else None
    return Cell(_found(family, found), bool(before and found.law and before != found.law))


def _predicted(family: FamilyLaws, each: VariantLaws) -> str:
    if each.as_predicted is None:
        return "-"
    texts = [
        f"{figure} {amount(family, found.law)}"
        for figure, found in each.predicted.items()
        if found.law
    ]
    return "equal" if each.as_predicted else ", ".join(texts) or "differs"


def _found(family: FamilyLaws, found: Found) -> str:
    if found.law:
        return amount(family, found.law)
    return UNKNOWN if found.more else NONE


def amount(family: FamilyLaws, law: Law) -> str:
    """A law in arrays, or in bytes where the workload has no arrays of one size."""
    import sympy

    from gradmeter.bench.laws import algebra

    expression = algebra.of(law.expression)
    if family.item_bytes:
        sizes = family.values[SIZE]
        size = sympy.Integer(sizes[0]) if len(sizes) == 1 else algebra.symbol(SIZE)
        text = algebra.in_arrays(expression, family.item_bytes * size)
    else:
        text = algebra.written(expression)
    since = values_text(law.since)
    return text + (f" from {since} on" if since else "")


def _notes(run: Run, found: Sequence[FamilyLaws]) -> Iterator[str]:
    """Sentences on how the table is read, as far as they are needed."""
    deep = any("n" in family.values for family in found)
    yield HOLDS + (", n the depth." if deep else ".")
    unknown = [
        (family, each.variant, each.figures[name].more)
        for family in found
        for each in family.variants
        for name in FIGURES
        if not each.figures[name].law
    ]
    for name in dict.fromkeys(more for *_, more in unknown if more):
        yield (
            f"{UNKNOWN}: two {WORDS[name]}s tell no formula of more than one term; one more "
            f"{WORDS[name]} may."
        )
    none = next(((family, variant) for family, variant, more in unknown if not more), None)
    if none is not None:
        family, variant = none
        workload = min(family.workloads)
        where = run.workloads[workload].where if workload in run.workloads else workload
        yield (
            f"{NONE}: the figures follow no one formula; "
            f"gradmeter law {where} --variant {variant} looks for where it changes."
        )


def covering(found: Sequence[FamilyLaws], row: Compared) -> FamilyLaws | None:
    """The laws of what a sentence on a candidate's memory is about; None where there are none."""
    if not row.exact:
        return None
    variants = row.case.variant, row.baseline.variant
    figures = [change.figure for change in row.changes or []]
    telling = [figure for figure in figures if figure in TELLING]
    return laws.covering(found, row.case.workload, variants, telling or figures or laws.FIGURES)


def sentence(family: FamilyLaws, variant: str) -> str:
    """Say what a candidate changes, as laws, in the manner of `sentences.sentence`."""
    ours = family.of(variant)
    base = family.of(ours.baseline) if ours else None
    assert ours is not None
    assert base is not None
    kept = ""
    parts: list[str] = []
    changes = laws.changed(ours, base)
    for figure, (before, after) in sorted(changes.items(), key=lambda item: item[0] != "cycle"):
        old, new = amount(family, before), amount(family, after)
        if figure == "cycle":
            kept = sentences.kept_text(
                "" if new in NOTHING else new,
                "" if old in NOTHING else old,
                base.variant,
                (_objects(ours), _objects(base)),
            )
        elif figure in TELLING or not (kept or parts):
            parts.append(f"{sentences.LONG.get(figure, figure)} {new} instead of {old}")
    unit = "in arrays" if family.item_bytes else "in bytes"
    said = "; ".join(filter(None, [kept, *parts])) or "the same memory to the byte"
    return f"{variant} on {family.program}, {unit}: {said}."


def effects(found: Sequence[FamilyLaws], rows: Iterable[Compared]) -> list[tuple[str, Compared]]:
    """A sentence on each candidate's memory, one for all sizes where laws say it; with its row."""
    texts: dict[str, Compared] = {}
    for row in rows:
        family = covering(found, row)
        text = sentence(family, row.case.variant) if family else sentences.sentence(row)
        texts.setdefault(text, row)
    return [*texts.items()]


def _objects(each: VariantLaws) -> str:
    """How many objects are in reference cycles, as a law; a sign where none is known."""
    from gradmeter.bench.laws import algebra

    law = each.figures[OBJECTS].law
    return algebra.number(algebra.of(law.expression)) if law else UNKNOWN
