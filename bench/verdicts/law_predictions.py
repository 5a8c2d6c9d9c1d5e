"""The laws that were derived by hand for the cases of a run, where they say what was predicted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gradmeter.bench.cases.predicted_laws import predicted_laws
from gradmeter.bench.cases.variants import parse as parse_variant
from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws.expression import parse
from gradmeter.bench.laws.law import Law
from gradmeter.bench.laws.names import DEPTH, SIZE, family
from gradmeter.bench.results.run import Case
from gradmeter.bench.workloads import ours


def of_cases(cases: Sequence[Case], names: Collection[str]) -> dict[str, Law]:
    """Return the derived laws of cases of one variant, by figure, in some parameters; needs SymPy.

    Only of gradmeter's own workloads: those of others are in files that a report does not run.
    Empty where there are none, or they say anything else than was predicted in the run, as may
    those of another version.

    Args:
        cases: of one family of workloads and one variant.
        names: of the parameters, size or depth or both; the other one has the same value in all.
    """
    workload = ours.get(cases[0].workload)
    if workload is None or any(case.predicted is None for case in cases):
        return {}
    try:
        variant = parse_variant(cases[0].variant)
        derived = predicted_laws(workload, variant, in_depth=DEPTH in names)
    except UsageError:  # an engine that is not known here
        return {}
    if derived is None or not set(names) <= {*derived.parameters, SIZE}:
        return {}
    fixed = {} if SIZE in names else {SIZE: cases[0].size}
    found = {figure: formula.law for figure, formula in derived.figures.items()}
    if not all(_says(found, case, derived.itemsize) for case in cases):
        return {}
    laws = {figure: _in_bytes(law, derived.itemsize, fixed) for figure, law in found.items()}
    return {**laws, "cycle": laws["dropped"]}


def _in_bytes(law: Law, itemsize: int, fixed: Mapping[str, int]) -> Law:
    """A law in bytes instead of arrays, without polynomials that are never the largest."""
    from sympy import Max

    from gradmeter.bench.laws import algebra

    array = itemsize * algebra.symbol(SIZE)
    values = {algebra.symbol(name): value for name, value in fixed.items()}
    parts = [p.subs(values) for p in algebra.branches(algebra.of(law.expression, array))]
    least = {SIZE: 1, DEPTH: 1, **law.since}
    expression = parse(algebra.written(Max(*algebra.envelope(parts, least))))
    return Law(expression)


def _says(laws: Mapping[str, Law], case: Case, itemsize: int) -> bool:
    """Whether laws hold for a case and say of it what was predicted."""
    depth = family(case.workload)[1]
    at = {SIZE: case.size, **({} if depth is None else {DEPTH: depth})}
    return all(
        law.holds_at(at)
        and law.expression.value(at, itemsize * case.size) == getattr(case.predicted, figure)
        for figure, law in laws.items()
    )
