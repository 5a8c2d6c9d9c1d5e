"""Find the laws of a run: of what it measures exactly at several sizes or depths.

SymPy is imported only where there is a law to look for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gradmeter.bench.laws import extra
from gradmeter.bench.laws.law import Law, Point
from gradmeter.bench.laws.names import DEPTH, SIZE, family
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import law_predictions
from gradmeter.bench.verdicts.laws import FIGURES, OBJECTS, FamilyLaws, Found, VariantLaws

FEWEST = 2  # values of a parameter, from which a formula of one term is told

Points = Mapping[Point, Case]  # exact cases by size and depth
Measured = Mapping[str, Points]  # by variant
Baselines = Mapping[tuple[str, str], str]  # by workload and variant


def lacking(run: Run) -> str:
    """What to install for the laws of a run; empty where nothing is missing, or it has none."""
    if not extra.is_missing() or not _several(_measured(run)):
        return ""
    return extra.what_to_install("laws of what was measured at several sizes")


def of_run(run: Run) -> list[FamilyLaws]:
    """The laws of what a run measures exactly at several sizes or depths.

    Empty where that is nothing, or SymPy is not installed; see `lacking`.
    """
    measured = _measured(run)
    if not _several(measured) or extra.is_missing():
        return []
    baselines = _baselines(run)
    return [
        laws
        for (name, deep), variants in measured.items()
        for laws in _of_family(f"{name}-{DEPTH}" if deep else name, variants, baselines)
    ]


def _measured(run: Run) -> dict[tuple[str, bool], dict[str, dict[Point, Case]]]:
    """The exact cases by family of workloads, and whether its workloads have depths."""
    families: dict[tuple[str, bool], dict[str, dict[Point, Case]]] = {}
    for case in run.cases:
        if _is_exact(case):
            name, depth = family(case.workload)
            variants = families.setdefault((name, depth is not None), {})
            variants.setdefault(case.variant, {})[case.size, depth or 0] = case
    return families


def _is_exact(case: Case) -> bool:
    """Whether a case is one of a workload, with the same bytes in every pass."""
    if case.ordinary or case.failure is not None or case.figures is None:
        return False
    return len({each.alive for each in case.allocations}) == 1


def _several(measured: Mapping[tuple[str, bool], Measured]) -> bool:
    return any(len(p) >= FEWEST for variants in measured.values() for p in variants.values())


def _baselines(run: Run) -> Baselines:
    """The baseline of each variant on each workload; of a baseline, itself."""
    found: dict[tuple[str, str], str] = {}
    for comparison in run.comparisons:
        found[comparison.workload, comparison.baseline] = comparison.baseline
        for variant in comparison.candidates:
            found.setdefault((comparison.workload, variant), comparison.baseline)
    return found


def _of_family(program: str, measured: Measured, baselines: Baselines) -> Iterator[FamilyLaws]:
    """The laws with the depth as a parameter; of variants without, those at each depth."""
    deep = {v: points for v, points in measured.items() if len(_column(points, 1)) >= FEWEST}
    whole = _search(deep, baselines)
    told = {v for v, laws in whole.items() if laws.are_complete}
    apart: list[tuple[Measured, Mapping[str, VariantLaws]]] = []
    if told != measured.keys():
        for depth in sorted({depth for points in measured.values() for _, depth in points}):
            level: Measured = {
                variant: {at: case for at, case in points.items() if at[1] == depth}
                for variant, points in measured.items()
            }
            apart.append((level, _search(level, baselines)))
    told |= {
        v for v, laws in whole.items() if all(_tells(laws, level.get(v)) for _, level in apart)
    }
    told = {v for v in told if not whole[v].is_candidate or whole[v].baseline in told}
    yield from _families(program, {v: deep[v] for v in deep if v in told}, whole)
    rest = measured.keys() - told
    for level, at_depth in apart:
        shown = {v for v in rest if v in at_depth}
        shown |= {at_depth[v].baseline for v in shown}
        yield from _families("", {v: level[v] for v in level if v in shown}, at_depth)


def _column(points: Iterable[Point], at: int) -> tuple[int, ...]:
    return tuple(sorted({point[at] for point in points}))


def _tells(laws: VariantLaws, at_depth: VariantLaws | None) -> bool:
    """Whether every figure that has a law at one depth has one for all depths."""
    return at_depth is None or all(
        laws.figures[figure].law for figure in FIGURES if at_depth.figures[figure].law
    )


def _families(
    program: str, measured: Measured, laws: Mapping[str, VariantLaws]
) -> Iterator[FamilyLaws]:
    """Put variants with the same parameters side by side, each baseline before its candidates."""
    alike: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for variant, points in measured.items():
        sizes = _column(points, 0)
        if variant in laws:
            alike.setdefault((_names(points), sizes[0] * (len(sizes) == 1)), []).append(variant)
    for variants in alike.values():
        cases = [case for v in variants for case in measured[v].values()]
        of_all = [point for v in variants for point in measured[v]]
        items = {(case.array_bytes // case.size, case.array_bytes % case.size) for case in cases}
        [(item, odd)] = items if len(items) == 1 else [(0, 0)]
        values = {name: _column(of_all, at) for at, name in enumerate((SIZE, DEPTH))}
        first = {v: i for i, v in enumerate(variants)}
        yield FamilyLaws(
            program=program or cases[0].workload,
            values=values if program else {SIZE: values[SIZE]},
            item_bytes=0 if odd else item,
            variants=tuple(
                sorted(
                    (laws[v] for v in variants),
                    key=lambda each: (first.get(each.baseline, -1), each.is_candidate),
                )
            ),
            workloads=frozenset(case.workload for case in cases),
        )


def _names(points: Iterable[Point]) -> tuple[str, ...]:
    """The parameters that have several values."""
    columns = [tuple(sorted(set(column))) for column in zip(*points, strict=True)]
    return tuple(n for n, c in zip((SIZE, DEPTH), columns, strict=True) if len(c) >= FEWEST)


def _search(measured: Measured, baselines: Baselines) -> dict[str, VariantLaws]:
    """Look for the laws of each variant that has a parameter."""
    alike: dict[tuple[Point, ...], list[str]] = {}
    for variant, of_variant in measured.items():
        if len(of_variant) >= FEWEST:
            alike.setdefault(tuple(sorted(of_variant)), []).append(variant)
    found: dict[str, VariantLaws] = {}
    for points, variants in alike.items():
        columns: dict[tuple[str, str, bool], list[int]] = {}
        for variant in variants:
            cases = [measured[variant][point] for point in points]
            columns |= {
                (variant, figure, False): [(case.figures or {})[figure] for case in cases]
                for figure in FIGURES
            }
            columns[variant, OBJECTS, False] = [c.cycles.objects if c.cycles else 0 for c in cases]
            predictions = [case.predicted for case in cases if case.predicted]
            for figure in FIGURES if len(predictions) == len(cases) else ():
                field = "dropped" if figure == "cycle" else figure
                columns[variant, figure, True] = [getattr(each, field) for each in predictions]
        told = _told(points, columns)
        for variant in variants:
            cases = [measured[variant][point] for point in points]
            figures = {f: told[variant, f, False] for f in (*FIGURES, OBJECTS)}
            differing = [
                f
                for f in FIGURES
                if columns.get((variant, f, True)) not in (None, columns[variant, f, False])
            ]
            is_predicted = (variant, "peak", True) in columns
            unknown = [f for f in FIGURES if not figures[f].law and f not in differing]
            derived: Mapping[str, Law] = {}
            if is_predicted and (differing or unknown):
                derived = law_predictions.of_cases(cases, _names(points))
            figures |= {f: Found(derived[f]) for f in unknown if f in derived}
            predicted = {
                f: Found(derived[f]) if f in derived else told[variant, f, True] for f in differing
            }
            workloads = {case.workload for case in cases}
            of = [baselines[w, variant] for w in sorted(workloads) if (w, variant) in baselines]
            found[variant] = VariantLaws(
                variant=variant,
                baseline=of[0] if of else "",
                figures=figures,
                predicted=predicted,
                as_predicted=not differing if is_predicted else None,
            )
    return found


def _told(
    points: Sequence[Point], columns: Mapping[tuple[str, str, bool], Sequence[int]]
) -> dict[tuple[str, str, bool], Found]:
    """Look for the law of each column of figures at points of sizes and depths."""
    from gradmeter.bench.laws import given

    names = _names(points)
    at = [(SIZE, DEPTH).index(name) for name in names]
    values = [tuple(point[i] for i in at) for point in points]
    distinct = {tuple(column): str(i) for i, column in enumerate(columns.values())}
    laws, _ = given.of_points(names, values, {name: list(c) for c, name in distinct.items()})
    few = [name for i, name in enumerate(names) if len({v[i] for v in values}) == FEWEST]
    none = Found(more=few[0] if few else "")
    return {
        key: Found(laws[number]) if (number := distinct[tuple(column)]) in laws else none
        for key, column in columns.items()
    }
