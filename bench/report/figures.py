"""The figures of time, and the table of all cases: the rows that each chart is drawn from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from gradmeter.bench.numbers import (
    bytes_text,
    percent,
    ratio_digits,
    seconds_text,
    where_text,
)
from gradmeter.bench.report import sentences
from gradmeter.bench.report.tables import Column, Figure, Signals, Table, Value, exact, number
from gradmeter.bench.results import layers
from gradmeter.bench.results.readings import TimeSet
from gradmeter.bench.results.run import Case, Comparison, Run
from gradmeter.bench.verdicts import scaling, verdicts
from gradmeter.bench.verdicts.verdicts import Row

RATIOS = 20
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


def times(run: Run) -> Figure | None:
    """Every ratio of times with its interval, the largest first."""
    rows = [row for _, rows in verdicts.ordered(run) for row in rows if row.time]
    if not rows:
        return None
    words = Counter(_word(row) for row in rows)
    counts = ", ".join(f"{count} {word}" for word, count in words.most_common())
    rows.sort(key=lambda row: (not (row.time and row.time.sure), -distance(row)))
    compared = f"Of {len(rows)} comparison{'s' * (len(rows) != 1)} of time: {counts}."
    return ratios(run, rows, "Time beside the baseline's", compared)


def distance(row: Row) -> float:
    """How far a ratio of times is from 1, as a logarithm; 0 without one."""
    return abs(math.log(row.time.ratio)) if row.time and row.time.ratio > 0 else 0.0


def _word(row: Row) -> str:
    return row.time.word if row.time and row.time.sure else "no verdict"


def ratios(run: Run, rows: list[Row], heading: str, fact: str) -> Figure:
    """The ratios of these candidates' times with their intervals."""
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
    signals: Signals = {"effect": run.options.effect}
    return Figure("ratios", heading, fact, table, signals, RATIOS, {"y_step": 54.0})


def rounds(rows: Sequence[Row]) -> Figure | None:
    """The raw rounds of the cases of a comparison; None where nothing was timed."""
    columns = (
        NAME,
        Column("set", "set", number),
        Column("rounds", "milliseconds of each round"),
    )
    cells = [
        (label, times.number, _milliseconds(times))
        for row in rows
        for label, sets in (
            (name(row), row.case.times),
            (f"{row.case.variant} (once more)", row.case.again),
        )
        for times in sets
    ]
    if not cells:
        return None
    heading = title(rows[0].case) + sentences.on_machine(rows[0].case)
    fact = "; ".join(f"{name(row)}: median {sentences.median_text(row.case)}" for row in rows)
    return Figure("rounds", heading, fact, Table(f"Rounds, {heading}", columns, cells))


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
        rows += [
            (*keys, part, count, bytes_text(int(count)), None)
            for part, count in parts.items()
            if count is not None
        ]
    if not rows:
        return None
    columns = (
        WHERE,
        NAME,
        Column("part", "figure"),
        Column("value", "bytes", exact),
        Column("text", "in short"),
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


def everything(run: Run, compared: Sequence[Row], names: Sequence[str]) -> Table:
    """The table of cases with their figures, without columns in which there is nothing.

    Args:
        names: of the cases in it.
    """
    rows = []
    for row, label in zip(compared, names, strict=True):
        case = row.case
        figures = case.figures or {}
        failed = f"{case.failure.stage}, {case.failure.kind}" if case.failure else ""
        rows.append(
            (
                label,
                *([case.machine] if run.machines else []),
                sentences.median_text(case),
                "-" if row.is_baseline else sentences.ratio_text(row),
                _word(row) if row.time else "-",
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
        Column("ratio", "ratio"),
        Column("verdict", "verdict"),
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
    kept = [i for i in range(len(columns)) if i == 0 or any(r[i] not in (None, "-") for r in rows)]
    return Table(
        "Exact bytes and times",
        tuple(columns[i] for i in kept),
        [tuple(row[i] for i in kept) for row in rows],
    )


def _outcome(case: Case) -> str:
    if case.ordinary:
        return "; ".join(sentences.remarks(case)) or "every pass the same"
    if case.predicted is None or case.memory is None:
        return "measured"
    return "not as predicted" if sentences.surprises(case) else "as predicted"
