"""The laws of a run as one compact table: a row for variants that have the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich import markup
from rich import table as rich
from rich.console import Console

from gradmeter.bench.laws.law import Law
from gradmeter.bench.report import sentences
from gradmeter.bench.report.text import markdown as _text
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.laws import SIZE
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import laws
from gradmeter.bench.verdicts.laws import OBJECTS, FamilyLaws, Found, VariantLaws
from gradmeter.bench.verdicts.verdicts import TELLING
from gradmeter.bench.verdicts.verdicts import Row as Compared

FIGURES = ("peak", "held", "cycle", "forward", "backward")
PREDICTED = "predicted"
NONE = "none"
MOST_VALUES = 4  # of a parameter, that are listed
WORDS = {"N": "size", "n": "depth"}
HEADS = {PREDICTED: "pre-\ndicted"}  # in a terminal
UNKNOWN = "?"


@dataclass(frozen=True)
class Cell:
    """The law of a figure in words; and whether it is another one than the baseline's."""

    text: str
    changed: bool = False


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
    """The laws of one workload or family: its name, what they count, where it was measured."""

    title: str
    unit: str
    where: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """The laws of a run: the columns after the variant, the rows in blocks, and what they mean."""

    columns: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]

    @property
    def common(self) -> str:
        """What the laws of every block count, and where these were measured, if it is the same."""
        same = [{block.unit for block in self.blocks}, {block.where for block in self.blocks}]
        return "; ".join(min(texts) for texts in same if len(texts) == 1)

    def heading(self, block: Block) -> str:
        """The title of a block, and what of it is not `common`."""
        parts = [part for part in (block.unit, block.where) if part not in self.common.split("; ")]
        return f"{block.title}: {'; '.join(parts)}" if parts else block.title


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
        Block(family.program, _unit(family), _where(family), tuple(_rows(family, columns)))
        for family in found
    )
    return Table(tuple(columns), blocks, tuple(_notes(run, found)))


def _where(family: FamilyLaws) -> str:
    """The values at which a family was measured."""
    texts = []
    for name, values in family.values.items():
        if len(values) > MOST_VALUES:
            listed = f"{len(values)} from {values[0]:,} to {values[-1]:,}"
        else:
            *first, last = (f"{value:,}" for value in values)
            listed = " and ".join(filter(None, [", ".join(first), last]))
        texts.append(f"{name} = {listed}")
    return ", ".join(texts)


def _unit(family: FamilyLaws) -> str:
    return f"in arrays of {family.item_bytes} N bytes" if family.item_bytes else "in bytes"


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
    since = ", ".join(f"{name} = {value:,}" for name, value in law.since.items())
    return text + (f" from {since} on" if since else "")


def _notes(run: Run, found: Sequence[FamilyLaws]) -> Iterator[str]:
    """Sentences on how the table is read, as far as they are needed."""
    deep = any("n" in family.values for family in found)
    yield "Each law holds, to the byte, at all that was measured; N is the elements of an array" + (
        ", n the depth." if deep else "."
    )
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


def show(run: Run, laws_of_run: Sequence[FamilyLaws], console: Console) -> None:
    """Print the table, in at most the console's width; or what to install for it."""
    if missing := laws.lacking(run):
        console.print(f"{_escape(missing)}\n", highlight=False)
    found = table(run, laws_of_run)
    if found is None:
        return
    heading = "Laws" + f" {found.common}" * bool(found.common)
    grid = rich.Table(
        title=_escape(heading), title_justify="left", title_style="bold", box=None,
        padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    grid.add_column("variant", overflow="fold", min_width=16)
    for name in found.columns:
        grid.add_column(HEADS.get(name, name), justify="right")
    for block in found.blocks:
        grid.add_row(f"[bold]{_escape(found.heading(block))}[/]")
        for row in block.rows:
            laws_of_row = [f"[bold]{c.text}[/]" if c.changed else c.text for c in row.cells]
            grid.add_row(",\n".join(f"  {_escape(name)}" for name in row.names), *laws_of_row)
    console.print(grid)
    for note in found.notes:
        console.print(f"  {_escape(note)}", highlight=False)
    console.print()


def _escape(text: str) -> str:
    return markup.escape(plain(text))


def as_markdown(run: Run, laws_of_run: Sequence[FamilyLaws]) -> str:
    """The table in Markdown, what a candidate changes bold; or what to install; empty for none."""
    found = table(run, laws_of_run)
    if found is None:
        return _text(laws.lacking(run))
    parts = []
    for block in found.blocks:
        lines = [
            f"**{_text(found.heading(block))}**",
            "",
            f"| variant | {' | '.join(found.columns)} |",
            "| --- |" + " ---: |" * len(found.columns),
        ]
        for row in block.rows:
            cells = [f"**{_text(c.text)}**" if c.changed else _text(c.text) for c in row.cells]
            lines.append(f"| {', '.join(map(_text, row.names))} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    common = [f"Exact bytes {_text(found.common)}."] if found.common else []
    return "\n\n".join([*common, *parts, *map(_text, found.notes)])


def covering(found: Sequence[FamilyLaws], row: Compared) -> FamilyLaws | None:
    """The laws that say all of what a candidate changes in memory; None where none do."""
    if not row.exact:
        return None
    variants = row.case.variant, row.baseline.variant
    figures = [change.figure for change in row.changes or []]
    return laws.covering(found, row.case.workload, variants, figures)


def sentence(family: FamilyLaws, variant: str) -> str:
    """Say what a candidate changes, as laws, in the manner of `sentences.sentence`."""
    ours = family.of(variant)
    base = family.of(ours.baseline) if ours else None
    assert ours is not None
    assert base is not None
    parts = []
    changes = laws.changed(ours, base)
    for figure, (before, after) in sorted(changes.items(), key=lambda item: item[0] != "cycle"):
        texts = amount(family, before), amount(family, after)
        if figure == "cycle" and "0" in texts:
            more, less = (ours, base) if texts[0] == "0" else (base, ours)
            objects = more.figures[OBJECTS].law
            count = f" ({_number(objects)} objects)" if objects else ""
            held = texts[1] if more is ours else texts[0]
            parts.append(
                f"{more.variant} keeps {held} in reference cycles{count}; {less.variant} keeps none"
            )
        elif figure in TELLING or not parts:
            parts.append(f"{sentences.LONG.get(figure, figure)} {texts[1]} instead of {texts[0]}")
    unit = "in arrays" if family.item_bytes else "in bytes"
    return f"{variant} on {family.program}, {unit}: {'; '.join(parts) or 'the same memory'}."


def effects(found: Sequence[FamilyLaws], rows: Iterable[Compared]) -> list[tuple[str, Compared]]:
    """A sentence on each candidate's memory, one for all sizes where laws say it; with its row."""
    texts: dict[str, Compared] = {}
    for row in rows:
        family = covering(found, row)
        text = sentence(family, row.case.variant) if family else sentences.sentence(row)
        texts.setdefault(text, row)
    return [*texts.items()]


def _number(law: Law) -> str:
    from gradmeter.bench.laws import algebra

    return algebra.number(algebra.of(law.expression))
