"""The summary of a run as a value: what each candidate changes, what failed, what is undecided.

The terminal, the Markdown report and the page show this one value, each in its own layout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gradmeter.bench.laws.names import family as family_of
from gradmeter.bench.numbers import apart, arrays_text, bytes_text
from gradmeter.bench.report.laws import amount
from gradmeter.bench.report.names import short_names
from gradmeter.bench.report.sentences import surprises
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import laws, verdicts
from gradmeter.bench.verdicts.laws import FamilyLaws
from gradmeter.bench.verdicts.verdicts import Row

FIGURES = ("peak", "held", "cycle")
FEW = 200  # a number of arrays and less than a part of so many is a number of arrays and bytes
HEAP = {"peak": "heap peak", "held": "heap held"}


@dataclass(frozen=True)
class Amount:
    """A figure of a candidate beside its baseline's: a law, or what it is at a size.

    Attributes:
        before: the baseline's, as "n + 2", "14", "3.07" arrays or "3.4 MB"; empty where there is
            no baseline. It is another text than ``after`` exactly where the bytes differ, or,
            of the heap, where they do by a hundredth of an array.
        after: the candidate's.
        difference: ``after`` less ``before`` at the largest size, in arrays of the workload, or
            in bytes where it has no arrays of one size; 0 where there is no baseline.
    """

    before: str
    after: str
    difference: float

    @property
    def is_changed(self) -> bool:
        """Whether the figure is another one than the baseline's."""
        return bool(self.before) and self.before != self.after


@dataclass(frozen=True)
class Effect:
    """What a variant changes on a workload, at all sizes at which the figures have these texts.

    Attributes:
        program: the workload; or its family, as squares-n, where laws hold at several depths.
        amounts: by figure, of `FIGURES`; empty where nothing exact could be compared.
        is_law: whether the amounts are laws, which hold at every size that was measured.
        is_heap: whether they are of the whole heap, where an engine's arrays are not NumPy's.
        others: figures that differ besides `FIGURES`, such as forward.
        rows: of the cases, by depth, then by size.
    """

    program: str
    amounts: Mapping[str, Amount]
    is_law: bool
    is_heap: bool
    others: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that it holds at, ascending; 0 for a test's call."""
        return tuple(sorted({row.case.size for row in self.rows}))

    @property
    def depths(self) -> dict[int | None, tuple[Row, ...]]:
        """Its rows by depth, where it is about a family; else all of them under None."""
        by_depth: dict[int | None, list[Row]] = {}
        for row in self.rows:
            depth = None if row.case.workload == self.program else family_of(row.case.workload)[1]
            by_depth.setdefault(depth, []).append(row)
        return {depth: tuple(rows) for depth, rows in by_depth.items()}

    @property
    def has_arrays(self) -> bool:
        """Whether the amounts are in arrays, else they are in bytes."""
        return all(row.case.array_bytes > 1 for row in self.rows)

    @cached_property
    def largest(self) -> float:
        """The largest difference in a figure, without its sign."""
        return max((abs(each.difference) for each in self.amounts.values()), default=0.0)

    @cached_property
    def slowest(self) -> float:
        """How far a decided ratio of times is from 1, as a logarithm; 0 where none is."""
        decided = [row.time.ratio for row in self.rows if row.time and is_decided(row)]
        return max((abs(math.log(ratio)) for ratio in decided), default=0.0)

    @cached_property
    def is_changed(self) -> bool:
        """Whether any figure or verdict is another one than "equal" and "same"."""
        return any(each.is_changed for each in self.amounts.values()) or any(
            row.case.failure or row.baseline.failure or row.changes or row.layer_changes
            or is_decided(row)
            for row in self.rows
        )  # fmt: skip

    @cached_property
    def is_measured(self) -> bool:
        """Whether any of its cases has a figure or a time."""
        return bool(self.amounts) or any(
            row.time or row.same_code or (not row.compared and row.case.times) for row in self.rows
        )


@dataclass(frozen=True)
class Question:
    """A variant beside its baseline, on every workload that both have, the largest effect first.

    Attributes:
        short: the variant's name without what it has in common with the baseline.
        baseline: empty where the variant is compared with none.
    """

    variant: str
    baseline: str
    short: str
    effects: tuple[Effect, ...]

    @property
    def largest(self) -> tuple[float, float]:
        """The largest difference in exact bytes, in arrays, and then in the heap's."""
        exact = [each.largest for each in self.effects if not each.is_heap]
        heap = [each.largest for each in self.effects if each.is_heap]
        return max(exact, default=0.0), max(heap, default=0.0)


@dataclass(frozen=True)
class Alike:
    """Cases of which the same is to be said.

    Attributes:
        is_problem: whether they failed, and not only lack what the engine is known to lack.
    """

    text: str
    titles: tuple[str, ...]
    is_problem: bool = True


@dataclass(frozen=True)
class Summary:
    """A run in short.

    Attributes:
        questions: those with a baseline first, the largest effect first.
        failures: why cases were not measured, but for calls that are compared with none.
        surprises: what is not as predicted or as it must be.
        undecided: the rows whose time has no verdict.
        timed: how many rows have times of both sides.
    """

    questions: tuple[Question, ...]
    failures: tuple[Alike, ...]
    surprises: tuple[Alike, ...]
    undecided: tuple[Row, ...]
    timed: int
    families: tuple[FamilyLaws, ...] = field(repr=False)

    @property
    def changes(self) -> int:
        """How many workloads and calls have a change under a variant."""
        return sum(
            len({effect.program for effect in question.effects if effect.is_changed})
            for question in self.questions
        )

    @property
    def baselines(self) -> tuple[str, ...]:
        """The variants that others are compared with."""
        return tuple(dict.fromkeys(q.baseline for q in self.questions if q.baseline))


def is_decided(row: Row) -> bool:
    """Whether a candidate is faster or slower."""
    return row.time is not None and row.time.word in ("slower", "faster")


def of_run(run: Run, found: Sequence[FamilyLaws]) -> Summary:
    """Summarise a run.

    Args:
        found: the laws of the run, see verdicts/law_search.py.
    """
    rows: dict[tuple[str, str], list[Row]] = {}
    for comparison in run.comparisons:
        for row in verdicts.rows(run, comparison):
            if not row.is_baseline:
                rows.setdefault((row.case.variant, row.baseline.variant), []).append(row)
    compared = [row for of_one in rows.values() for row in of_one]
    for case in verdicts.lone(run):
        rows.setdefault((case.variant, ""), []).append(verdicts.alone(case))
    by_workload: dict[str, list[FamilyLaws]] = {}
    for family in found:
        for workload in family.workloads:
            by_workload.setdefault(workload, []).append(family)
    names = short_names(rows)
    questions = [
        Question(*pair, names[pair], tuple(_ordered([*_effects(of_one, by_workload)])))
        for pair, of_one in rows.items()
    ]
    return Summary(
        questions=tuple(sorted(questions, key=_question_order)),
        failures=tuple(_failures(run)),
        surprises=tuple(_surprises(run)),
        undecided=tuple(
            r for r in compared if r.time is not None and r.time.word == "inconclusive"
        ),
        timed=sum(row.time is not None for row in compared),
        families=tuple(found),
    )


def _ordered(effects: Sequence[Effect]) -> list[Effect]:
    """Effects, the largest first; those of one workload together, by size."""
    of_program: dict[str, tuple[bool, float, float]] = {}
    for each in effects:
        # What the heap takes cannot be ranked among exact bytes.
        place = each.is_heap, -each.largest, -each.slowest
        of_program[each.program] = min(place, of_program.get(each.program, place))
    return sorted(effects, key=lambda e: (of_program[e.program], e.program, e.sizes))


def _question_order(question: Question) -> tuple[bool, float, float]:
    exact, heap = question.largest
    return not question.baseline, -exact, -heap


def _effects(rows: Sequence[Row], families: Mapping[str, Sequence[FamilyLaws]]) -> Iterator[Effect]:
    """Group the rows of a question by what is to be said of them."""
    by_law: dict[str, tuple[FamilyLaws, list[Row]]] = {}
    by_text: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        family = _covering(row, families.get(row.case.workload, ()))
        if family is not None:
            by_law.setdefault(family.program, (family, []))[1].append(row)
        else:
            amounts = _at_size(row)
            texts = ((name, each.before, each.after) for name, each in amounts.items())
            key = (row.case.workload, bool(row.case.failure or row.baseline.failure), *texts)
            by_text.setdefault(key, []).append(row)
    for program, (family, alike) in by_law.items():
        yield _effect(program, alike, family)
    for alike in by_text.values():
        yield _effect(alike[0].case.workload, alike, None)


def _effect(program: str, rows: Sequence[Row], family: FamilyLaws | None) -> Effect:
    ordered = sorted(rows, key=lambda r: (family_of(r.case.workload)[1] or 0, r.case.size))
    largest = ordered[-1]
    changes = {change.figure for row in ordered for change in row.changes or []}
    return Effect(
        program=program,
        amounts=_at_size(largest) if family is None else _as_laws(largest, family),
        is_law=family is not None,
        is_heap=largest.case.figures is None or not (largest.exact or largest.baseline.failure),
        others=tuple(sorted(changes - {*FIGURES, *HEAP.values()})),
        rows=tuple(ordered),
    )


def _covering(row: Row, families: Sequence[FamilyLaws]) -> FamilyLaws | None:
    """The laws of all figures of a row, and of its baseline."""
    if not families or not row.exact or row.case.failure or row.baseline.failure:
        return None
    variants = dict.fromkeys((row.case.variant, row.baseline.variant))
    return laws.covering(families, row.case.workload, [*variants], FIGURES)


def _as_laws(row: Row, family: FamilyLaws) -> dict[str, Amount]:
    amounts = {}
    at_size = _at_size(row)
    for figure in FIGURES:
        after, before = (
            amount(family, law)
            for variant in (row.case.variant, row.baseline.variant)
            if (laws_of := family.of(variant)) and (law := laws_of.figures[figure].law)
        )
        amounts[figure] = Amount(before if row.compared else "", after, at_size[figure].difference)
    return amounts


def _at_size(row: Row) -> dict[str, Amount]:
    """The figures of a candidate beside its baseline's, both of the same kind; empty for none.

    Where the baseline failed, the candidate's stand alone.
    """
    after, before = verdicts.beside(row.case, row.baseline)
    if after is None and row.baseline.failure:
        after, before = verdicts.beside(row.case, row.case)
    if after is None or before is None:
        return {}
    heap = "peak" not in after
    names = {HEAP.get(name, name) if heap else name: name for name in FIGURES}
    return {
        name: _amount(after[kind], before[kind], row, is_exact=not heap)
        for kind, name in names.items()
        if kind in after and kind in before
    }


def _amount(after: int, before: int, row: Row, *, is_exact: bool) -> Amount:
    unit = row.case.array_bytes
    if unit == 1:
        new, old = apart(after, before)
    elif not is_exact:
        new, old = arrays_text(after, unit), arrays_text(before, unit)
    else:
        new, old = in_arrays(after, unit), in_arrays(before, unit)
        if new == old and after != before:
            sign = "-" if after < before else "+"
            new = f"{old} {sign} {bytes_text(abs(after - before))}"
    alone = not row.compared or row.baseline.failure
    return Amount("" if alone else old, new, (after - before) / unit)


def in_arrays(count: int, array_bytes: int) -> str:
    """Bytes in arrays: a whole number, with the few bytes beside it; else with two decimals."""
    whole = (2 * count + array_bytes) // (2 * array_bytes)
    rest = count - whole * array_bytes
    if not rest:
        return f"{whole:,}"
    if abs(rest) * FEW < array_bytes:
        return f"{whole:,} {'-' if rest < 0 else '+'} {bytes_text(abs(rest))}"
    return f"{count / array_bytes:,.2f}"


def _failures(run: Run) -> Iterator[Alike]:
    """Why cases were not measured, those of the same reason together, the most cases first."""
    found: dict[tuple[str, bool], list[str]] = {}
    alone = {case.key for case in verdicts.calls(run)}  # whose remarks say it
    for case in run.cases:
        if case.failure is not None and case.key not in alone:
            f = case.failure
            text = f.message if not case.failed else f"{f.stage}, {f.kind}: {f.message}"
            found.setdefault((text, case.failed), []).append(case.title)
    yield from _alike(found)


def _surprises(run: Run) -> Iterator[Alike]:
    found: dict[tuple[str, bool], list[str]] = {}
    for case in run.cases:
        for text in surprises(case):
            found.setdefault((text, True), []).append(case.title)
    yield from _alike(found)


def _alike(found: Mapping[tuple[str, bool], Sequence[str]]) -> Iterator[Alike]:
    for (text, problem), titles in sorted(
        found.items(), key=lambda kv: (not kv[0][1], -len(kv[1]))
    ):
        yield Alike(text, tuple(titles), problem)
