"""The laws of a run's tests: what their calls' exact bytes are at all values of their parameters.

Tests that differ in parameters that are whole numbers, and in nothing else, are one program. They
are derived whenever a run is read and are no part of its file; SymPy is imported only where there
is a law to look for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from gradmeter.bench.laws import extra
from gradmeter.bench.laws.expression import is_parameter
from gradmeter.bench.laws.law import Law, Point
from gradmeter.bench.results import layers, parametrised
from gradmeter.bench.results.laws import Laws, formula_of
from gradmeter.bench.results.run import Case, Run

FIGURES = ("peak", "held", "cycle", "growth", "allocations")
FEWEST = 2  # values of a parameter, from which a formula of one term is told
MOST = 10_000  # programs whose laws are kept
Points = Mapping[Point, Case]


def lacking(run: Run) -> str:
    """What to install for the laws of a run's tests; empty where nothing is missing."""
    if not extra.is_missing() or not any(_programs(run)):
        return ""
    return extra.what_to_install("laws of tests")


def of_run(run: Run) -> list[Laws]:
    """The laws of tests that a run measures at several values of a parameter.

    Empty where that is nothing, or SymPy is not installed; see `lacking`.
    """
    if extra.is_missing():
        return []
    return [
        laws
        for template, names, points in _programs(run)
        for laws in _of_program(template, names, points)
    ]


def _programs(run: Run) -> Iterator[tuple[str, tuple[str, ...], Points]]:
    """The tests that differ in parameters alone: their template, these, and cases at points."""
    alike: dict[tuple[str, tuple[str, ...]], list[Case]] = {}
    for case in run.cases:
        if case.ordinary and case.template and case.memory is not None:
            alike.setdefault((case.template, tuple(case.parameters)), []).append(case)
    for (template, names), cases in alike.items():
        # A parameter that may be 0 or less is a choice, such as an axis, and no size.
        sizes = [
            name
            for name in names
            if is_parameter(name) and min(case.parameters[name] for case in cases) > 0
        ]
        for group in _divided(cases, [n for n in names if n not in sizes]):
            varied = _varied(sizes, group)
            if varied:
                points = {tuple(case.parameters[n] for n in varied): case for case in group}
                if len(points) == len(group):
                    yield template, varied, points


def _divided(cases: Sequence[Case], names: Sequence[str]) -> Iterator[list[Case]]:
    """Cases by their values of some parameters."""
    groups: dict[Point, list[Case]] = {}
    for case in cases:
        groups.setdefault(tuple(case.parameters[n] for n in names), []).append(case)
    yield from groups.values()


def _varied(names: Sequence[str], cases: Sequence[Case]) -> tuple[str, ...]:
    return tuple(n for n in names if len({case.parameters[n] for case in cases}) >= FEWEST)


def _of_program(template: str, names: tuple[str, ...], points: Points) -> list[Laws]:
    """The laws in all of the parameters or, where there is none of the peak, in fewer."""
    whole = _laws(template, names, points)
    if "peak" in whole.figures or len(names) < FEWEST:
        return [whole]
    for held in reversed(names):
        parts = []
        for group in _divided([*points.values()], [held]):
            rest = _varied([n for n in names if n != held], group)
            if rest:
                at = {tuple(case.parameters[n] for n in rest): case for case in group}
                parts += _of_program(template, rest, at)
        if parts and all("peak" in part.figures for part in parts):
            return parts
    return [whole]


def _laws(template: str, names: tuple[str, ...], points: Points) -> Laws:
    ordered = tuple(sorted(points))
    cases = [points[point] for point in ordered]
    figures: dict[str, tuple[int, ...]] = {}
    reasons: dict[str, str] = {}
    for figure in FIGURES:
        values = [_figure(case, figure) for case in cases]
        without = [case for case, (value, _) in zip(cases, values, strict=True) if value is None]
        if not without:
            figures[figure] = tuple(value or 0 for value, _ in values)
        elif len(without) < len(cases) or figure != "allocations":  # which not every system counts
            why = next(why for value, why in values if value is None)
            reasons[figure] = f"{why} ({without[0].workload})"
    laws, none = _told(names, ordered, tuple(figures.items()))
    values_of_others = points[ordered[0]].parameters
    return Laws(
        program=parametrised.program(template, values_of_others, names),
        parameters=list(names),
        figures={name: formula_of(name, law) for name, law in laws.items()},
        reasons={**reasons, **none},
        verified={name: max(point[i] for point in ordered) for i, name in enumerate(names)},
    )


@lru_cache(MOST)  # a session's terminal, its Markdown and its file have the same
def _told(
    names: tuple[str, ...],
    points: tuple[Point, ...],
    figures: tuple[tuple[str, tuple[int, ...]], ...],
) -> tuple[dict[str, Law], dict[str, str]]:
    from gradmeter.bench.laws import given

    return given.of_points(names, points, dict(figures))


def _figure(case: Case, figure: str) -> tuple[int | None, str]:
    """A figure of a call, or why it has none."""
    if case.failure is not None:
        return None, case.failure.kind
    if figure in layers.FIGURES:
        read = layers.reading(case, figure)
        return read.value, read.why
    passes = {
        "peak": [a.peak for a in case.allocations],
        "held": [a.held for a in case.allocations],
    }
    if len(set(values := passes.get(figure, []))) > 1:
        return None, f"its passes disagree: {', '.join(f'{value:,} B' for value in values)}"
    return (case.figures or {}).get(figure), "it was not measured"
