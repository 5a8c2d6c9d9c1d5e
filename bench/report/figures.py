"""The figures of the page: the rows that each chart is drawn from, its title and its fact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from gradmeter.bench.numbers import (
    arrays_text,
    bytes_text,
    percent,
    ratio_digits,
    seconds_text,
    where_text,
)
from gradmeter.bench.report import sentences
from gradmeter.bench.report.tables import Column, Figure, Table, Value, exact, number
from gradmeter.bench.results import layers
from gradmeter.bench.results.readings import TimeSet
from gradmeter.bench.results.run import Case, Comparison, Run
from gradmeter.bench.verdicts import scaling, verdicts
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

SHOWN = 12  # comparisons whose memory is drawn; the others are in the table of all cases
RATIOS = 50
VIEWS = 12
SERIES = 2  # of each family: those of the largest size or depth
VARIANTS = 5  # in one chart of growth

WHERE = Column("where", "workload and size")
NAME = Column("name", "variant")
MILLISECONDS = Column("y", "milliseconds", "{:,.4g}".format)


def title(where: Case | Comparison) -> str:
    """The title of a workload and a size."""
    return where_text(where.workload, where.size)


def name(row: Row) -> str:
    """A variant's name, which marks the baseline of a comparison."""
    return row.case.variant + (" (baseline)" if row.is_baseline and row.compared else "")


def largest(run: Run) -> Figure | None:
    """The figure of the largest effect on memory, or where there is none, on time."""
    candidates = [row for _, rows in verdicts.ordered(run) for row in rows if not row.is_baseline]
    row = max((row for row in candidates if row.exact), key=lambda row: row.effect, default=None)
    if row is not None and row.effect > 0:
        return _memory(
            f"The largest effect: {title(row.case)}",
            sentences.sentence(row),
            [Row(row.baseline, row.baseline, None), row],
        )
    timed = [row for row in candidates if row.time and row.time.word in ("faster", "slower")]
    row = max(timed, key=_distance, default=None)
    if row is None:
        return None
    fact = time_sentence(row, run.options)
    return _ratios(run, [row], f"The largest effect: {title(row.case)}", fact)


def memory(run: Run) -> list[Figure]:
    """Exact memory beside predicted, of the comparisons with the largest effects."""
    groups = [rows for _, rows in verdicts.ordered(run)]
    groups += [[verdicts.alone(case)] for case in verdicts.lone(run)]
    drawn = [
        _memory(title(rows[0].case), _memory_fact(rows), rows)
        for rows in groups
        if any(row.case.figures for row in rows)
    ][:SHOWN]
    calls = _calls(run)
    return [calls, *drawn] if calls else drawn


def _calls(run: Run) -> Figure | None:
    """The exact bytes of the tests' calls, the largest peaks first; None without any."""
    calls = [case for case in verdicts.calls(run) if case.figures]
    calls.sort(key=lambda case: -(case.memory.peak if case.memory else 0))
    rows: list[tuple[Value, ...]] = [
        (case.title, part, case.figures[part], None)
        for case in calls
        if case.figures
        for part in ("peak", "held", "cycle")
    ]
    if not rows:
        return None
    columns = (
        Column("name", "test"),
        Column("part", "figure"),
        Column("value", "bytes", exact),
        Column("expected", "predicted bytes", exact),
    )
    first = calls[0]
    few = f"The {SHOWN} largest peaks of {len(calls)} are drawn. " if len(calls) > SHOWN else ""
    most = bytes_text(first.memory.peak if first.memory else 0)
    table = Table("Exact bytes of the calls of ordinary tests", columns, rows)
    heading = "The calls of ordinary tests"
    fact = f"{few}The largest peak is {most}, in {first.title}."
    return Figure("calls", heading, fact, table, {"unit": 1e3}, 3 * SHOWN)


def _memory_fact(rows: list[Row]) -> str:
    candidates = [row for row in verdicts.by_effect(rows) if not row.is_baseline]
    facts = [sentences.sentence(row) for row in candidates[:1]]
    peaks = [row.case.memory.peak for row in rows if row.case.memory]
    unit = rows[0].case.array_bytes
    return facts[0] if facts else f"The peak is {arrays_text(max(peaks), unit)} arrays."


def _memory(heading: str, fact: str, rows: list[Row]) -> Figure:
    unit = rows[0].case.array_bytes
    cells: list[tuple[Value, ...]] = []
    for row in rows:
        figures, predicted = row.case.figures, row.case.predicted
        for part in ("peak", "held", "cycle") if figures else ():
            assert figures is not None
            expected = getattr(predicted, "dropped" if part == "cycle" else part, None)
            cells.append((name(row), part, figures[part], figures[part] / unit, expected))
    columns = (
        NAME,
        Column("part", "figure"),
        Column("value", "bytes", exact),
        Column("arrays", "in arrays", "{:,.2f}".format),
        Column("expected", "predicted bytes", exact),
    )
    caption = f"Exact bytes, {title(rows[0].case)}; 1 array = {bytes_text(unit)}"
    return Figure("memory", heading, fact, Table(caption, columns, cells), {"unit": unit})


def times(run: Run) -> Figure | None:
    """Every ratio of times with its interval, the largest first."""
    rows = [row for _, rows in verdicts.ordered(run) for row in rows if row.time]
    if not rows:
        return None
    words = Counter(_word(row) for row in rows)
    counts = ", ".join(f"{count} {word}" for word, count in words.most_common())
    rows.sort(key=lambda row: (not (row.time and row.time.sure), -_distance(row)))
    compared = f"Of {len(rows)} comparison{'s' * (len(rows) != 1)} of time: {counts}."
    return _ratios(run, rows, "Time beside the baseline's", compared)


def _distance(row: Row) -> float:
    return abs(math.log(row.time.ratio)) if row.time and row.time.ratio > 0 else 0.0


def _word(row: Row) -> str:
    return row.time.word if row.time and row.time.sure else "no verdict"


def _ratios(run: Run, rows: list[Row], heading: str, fact: str) -> Figure:
    cells: list[tuple[Value, ...]] = [
        (
            title(row.case) + sentences.on_machine(row.case),
            row.case.variant,
            *(round(r, 1 + ratio_digits(t.low, t.high)) for r in (t.ratio, t.low, t.high)),
            sentences.ratio_text(row),
            _word(row),
            t.sets,
            row.baseline.variant,
        )
        for row in rows
        if (t := row.time) is not None
    ]
    columns = (
        WHERE,
        NAME,
        Column("ratio", "ratio", number),
        Column("low", "from", number),
        Column("high", "to", number),
        Column("words", "in words"),
        Column("verdict", "verdict"),
        Column("sets", "sets", number),
        Column("baseline", "baseline"),
    )
    caption = (
        f"Ratio of times with its {percent(run.options.confidence)} interval; without a "
        "verdict, the smallest and the largest ratio of too few sets"
    )
    table = Table(caption, columns, cells)
    signals = {"effect": run.options.effect}
    return Figure("ratios", heading, fact, table, signals, RATIOS, {"y_step": 54.0})


def rounds(run: Run) -> Iterator[Figure]:
    """The raw rounds of each comparison, and of each case that is in none."""
    groups = [rows for _, rows in verdicts.ordered(run)]
    groups += [[verdicts.alone(case)] for case in verdicts.lone(run)]
    columns = (
        NAME,
        Column("set", "set", number),
        Column("rounds", "milliseconds of each round"),
    )
    for rows in groups:
        cells = [
            (label, times.number, _milliseconds(times))
            for row in rows
            for label, sets in (
                (name(row), row.case.times),
                (f"{row.case.variant} (once more)", row.case.again),
            )
            for times in sets
        ]
        if cells:
            heading = title(rows[0].case) + sentences.on_machine(rows[0].case)
            fact = "; ".join(
                f"{name(row)}: median {sentences.median_text(row.case)}" for row in rows
            )
            yield Figure("rounds", heading, fact, Table(f"Rounds, {heading}", columns, cells))


def _milliseconds(times: TimeSet) -> str:
    return " ".join(f"{1000 * seconds:.4g}" for seconds in times.total)


def growth(run: Run) -> list[Figure]:
    """Time against size and depth, with its slopes."""
    groups: dict[tuple[scaling.Along, str], list[scaling.Series]] = {}
    for series in scaling.series(run):
        groups.setdefault((series.along, series.name), []).append(series)
    figures = []
    for along in ("depth", "size"):
        names = [key for key in groups if key[0] == along][-SERIES:]
        figures += [figure for key in names if (figure := _growth(groups[key]))]
    return figures


def _growth(group: list[scaling.Series]) -> Figure | None:
    along, where = group[0].along, group[0].name
    rows: list[tuple[Value, ...]] = []
    slopes = []
    for series in group[:VARIANTS]:
        points = series.milliseconds
        slope = scaling.slope(points)
        if slope is None:
            continue
        slope = round(slope, 2) + 0.0  # -0.0 becomes 0.0
        slopes.append(f"{series.variant} {slope:.2f}")
        rows += [(series.variant, x, y, slope) for x, y in points if y > 0]
    if not rows:
        return None
    two = len({x for _, x, _, _ in rows}) == scaling.FEWEST
    columns = (
        NAME,
        Column("x", along, exact),
        MILLISECONDS,
        Column("slope", "slope", number),
    )
    return Figure(
        f"time by {along}",
        f"Time against {along}: {where}",
        f"Time grows as {along} to the power of: {', '.join(slopes)}"
        + (" (a line through two points only)." if two else "."),
        Table(f"Time against {along}, {where}", columns, rows),
    )


def views(run: Run) -> Figure | None:
    """Exact, resident and sampled memory of the cases that hold most."""
    cases = [case for case in run.cases if case.memory and case.residency]
    cases.sort(key=lambda case: -case.memory.peak if case.memory else 0)
    rows: list[tuple[Value, ...]] = []
    for case in cases:
        assert case.memory is not None
        assert case.residency is not None
        parts = {
            "exact": case.memory.peak,
            "resident": case.residency.bytes,
            "sampled": case.residency.sampled,
        }
        keys = title(case), case.variant
        rows += [(*keys, part, count, None) for part, count in parts.items() if count is not None]
    if not rows:
        return None
    columns = (
        WHERE,
        NAME,
        Column("part", "figure"),
        Column("value", "bytes", exact),
        Column("expected", "predicted", exact),
    )
    residency = cases[0].residency
    assert residency is not None
    fact = (
        f"{title(cases[0])} {cases[0].variant} takes {bytes_text(residency.bytes)} of physical "
        f"memory for {bytes_text(cases[0].memory.peak if cases[0].memory else 0)} of arrays"
    )
    if residency.sampled is not None and residency.bytes > 0:
        missed = max(0.0, 1 - residency.sampled / residency.bytes)
        fact += f"; sampling from outside missed {missed:.0%} of it"
    drawn = [row[:2] for row in rows]
    most = next((i for i, _ in enumerate(rows) if len(set(drawn[: i + 1])) > VIEWS), None)
    table = Table("Exact, resident and sampled memory at the peak", columns, rows)
    heading = "Exact, resident and sampled"
    return Figure("views", heading, fact + ".", table, {"unit": 1e6}, most)


def everything(run: Run) -> Table:
    """The table of every case with its figures."""
    rows = []
    for case in run.cases:
        figures = case.figures or {}
        failed = f"{case.failure.stage}, {case.failure.kind}" if case.failure else ""
        rows.append(
            (
                case.title,
                *([case.machine] if run.machines else []),
                sentences.median_text(case),
                "-" if case.first_run is None else seconds_text(case.first_run, 2),
                *(figures.get(part) for part in ("peak", "held", "cycle", "forward", "backward")),
                *(layers.reading(case, name).value for name in ("allocations", "allocated")),
                case.predicted.peak if case.predicted else None,
                *((case.heap_figures or {}).get(f"heap {part}") for part in ("peak", "held")),
                case.residency.bytes if case.residency else None,
                failed or _outcome(case),
            )
        )
    columns = (
        Column("name", "case"),
        *([Column("machine", "machine")] if run.machines else []),
        Column("median", "median"),
        Column("first", "first run"),
        *(Column(p, p, exact) for p in ("peak", "held", "cycle", "forward", "backward")),
        Column("allocations", "allocations", exact),
        Column("allocated", "allocated", exact),
        Column("predicted", "predicted peak", exact),
        Column("heap peak", "heap peak", exact),
        Column("heap held", "heap held", exact),
        Column("resident", "resident", exact),
        Column("outcome", "outcome"),
    )
    return Table("Every case: exact bytes", columns, rows)


def _outcome(case: Case) -> str:
    if case.ordinary:
        return "; ".join(sentences.remarks(case)) or "every pass the same"
    if case.predicted is None or case.memory is None:
        return "measured"
    return "not as predicted" if sentences.surprises(case) else "as predicted"
