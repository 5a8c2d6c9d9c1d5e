"""The sections of the cases: one for each comparison, each lone workload and each file of tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gradmeter.bench.report import causes, figures, memory_figures, sentences
from gradmeter.bench.report.figures import name, title
from gradmeter.bench.report.matrix_cells import differences
from gradmeter.bench.report.names import short_names
from gradmeter.bench.report.tables import Figure, Table
from gradmeter.bench.report.timelines import Panel
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

Key = tuple[str, int, str]
MOST_FACTS = 20  # of a file of tests


@dataclass(frozen=True)
class Section:
    """All that is known of some cases.

    Attributes:
        summary: the largest change, in a few words.
        facts: sentences on what no figure of the section shows.
        anchors: of the rows of the table.
        panel: the timelines of a comparison; None where they are not drawn.
    """

    title: str
    summary: str
    facts: list[str]
    table: Table
    anchors: list[str]
    memory: Figure | None
    rounds: Figure | None
    panel: Panel | None


def anchors(run: Run) -> dict[Key, str]:
    """A name for the place of each case in the page."""
    return {case.key: f"case-{number}" for number, case in enumerate(run.cases, 1)}


def sections(
    run: Run, places: Mapping[Key, str], panels: Mapping[tuple[str, int], Panel]
) -> Iterator[Section]:
    """The sections, those with the largest effects first, and then tests by file.

    Args:
        places: the anchors of the cases; each is in one section.
        panels: timelines by workload and size.
    """
    seen: set[Key] = set()
    calls: dict[str, list[Row]] = {}
    for comparison, rows in verdicts.ordered(run):
        if not comparison.size:
            calls.setdefault(_file(rows[0].case), []).extend(rows)
        else:
            yield _compared(run, rows, places, seen, panels.get(comparison_key(rows)))
    lone: dict[tuple[str, int], list[Row]] = {}
    for case in verdicts.lone(run):
        lone.setdefault((case.workload, case.size), []).append(verdicts.alone(case))
    for key, rows in lone.items():
        yield _compared(run, rows, places, seen, panels.get(key))
    for case in verdicts.calls(run):
        calls.setdefault(_file(case), []).append(verdicts.alone(case))
    for file, rows in calls.items():
        yield _of_file(run, file, rows, places, seen)


def comparison_key(rows: Sequence[Row]) -> tuple[str, int]:
    """The workload and size of a comparison."""
    return rows[0].case.workload, rows[0].case.size


def _file(case: Case) -> str:
    return case.workload.partition("::")[0]


def _anchors(rows: Sequence[Row], places: Mapping[Key, str], seen: set[Key]) -> list[str]:
    """The anchors of the rows' cases; a case that has its place already has none here."""
    names = []
    for row in rows:
        names.append("" if row.case.key in seen else places[row.case.key])
        seen.add(row.case.key)
    return names


def _compared(
    run: Run,
    rows: Sequence[Row],
    places: Mapping[Key, str],
    seen: set[Key],
    panel: Panel | None,
) -> Section:
    candidates = verdicts.by_effect([row for row in rows if not row.is_baseline])
    first = candidates[0] if candidates else None
    changed = differences(first) if first else ""
    short = short_names([(first.case.variant, first.baseline.variant)]) if first else {}
    return Section(
        title=title(rows[0].case) + sentences.on_machine(rows[0].case),
        summary=f"{', '.join(short.values())}: {changed}" if changed else "",
        facts=[fact for row in rows for fact in _facts(row, run)],
        table=figures.everything(run, rows, [name(row) for row in rows]),
        anchors=_anchors(rows, places, seen),
        memory=memory_figures.memory(rows, "Memory"),
        rounds=figures.rounds(rows),
        panel=panel,
    )


def _facts(row: Row, run: Run) -> Iterator[str]:
    if not row.is_baseline:
        yield from causes.lines(row)
        yield from filter(
            None, (sentences.left_sentence(row), sentences.instructions_sentence(row))
        )
        for what, each in sentences.functions(row).items():
            yield f"{what}: {'; '.join(each)}."
        if row.time is not None and row.time.word == "inconclusive":
            yield time_sentence(row, run.options)
    for surprise in sentences.surprises(row.case):
        yield f"{row.case.variant}: {surprise}."


def _of_file(
    run: Run, file: str, rows: Sequence[Row], places: Mapping[Key, str], seen: set[Key]
) -> Section:
    cases = [row.case for row in rows]
    names = [_test(case, file) for case in cases]
    changed = [row for row in rows if row.changes or row.layer_changes]
    count = f"{len(cases):,} case{'s' * (len(cases) != 1)}"
    if any(not row.is_baseline for row in rows):
        count += f", {len(changed) or 'none'} with other memory"
    facts = [sentences.sentence(row) for row in changed]
    return Section(
        title=file,
        summary=count,
        facts=facts[:MOST_FACTS]
        + [f"And {len(facts) - MOST_FACTS} more."] * (len(facts) > MOST_FACTS),
        table=figures.everything(run, rows, names),
        anchors=_anchors(rows, places, seen),
        memory=memory_figures.calls(cases, names),
        rounds=None,
        panel=None,
    )


def _test(case: Case, file: str) -> str:
    """The name of a test in its file, and the variant."""
    return f"{case.workload.removeprefix(f'{file}::')} {case.variant}".rstrip()
