"""Turn names into groups of cases and comparisons, and check that they fit in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.predicted_laws import predicted_laws
from gradmeter.bench.cases.variants import Variant, parse
from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import title_text, where_text
from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.laws import Laws
from gradmeter.bench.results.readings import Allocator, Predicted
from gradmeter.bench.results.run import Case, Comparison
from gradmeter.bench.workloads import Workload, checking


@dataclass(frozen=True)
class Group:
    """A workload at a size and its variants, the baseline first."""

    workload: Workload
    size: int
    variants: tuple[Variant, ...]

    @property
    def title(self) -> str:
        """The group's name in reports."""
        return where_text(self.workload.name, self.size)

    def key(self, variant: Variant) -> tuple[str, int, str]:
        """The key of a variant's case, unique in a run."""
        return (self.workload.name, self.size, str(variant))


def new_case(
    group: Group, variant: Variant, collector: str, allocator: Allocator = "system"
) -> Case:
    """Create a case with its predicted memory and nothing measured yet.

    Args:
        allocator: the policy of the run, which that of the variant replaces.

    Raises:
        UsageError: the prediction raises, or is none.
    """
    workload = group.workload
    array_bytes = group.size * checking.item_bytes(workload)
    predicted = None
    # Predictions are derived for one engine, not for another revision of it.
    if variant.engine.name == workload.predicted_engine and not variant.label:
        figures = checking.predicted_bytes(workload, variant.all_settings, group.size)
        predicted = Predicted(**figures) if figures is not None else None
    return Case(
        workload=workload.name,
        size=group.size,
        variant=str(variant),
        collector=collector,
        allocator=variant.memory or allocator,
        array_bytes=array_bytes,
        array_data=variant.engine.memory == "arrays",
        predicted=predicted,
    )


def plan(
    names: Sequence[str],
    sizes: Sequence[int],
    variants: Sequence[str],
    baseline: str | None = None,
) -> tuple[list[Group], list[Comparison]]:
    """Turn names into groups to measure and comparisons to report.

    Args:
        names: of workloads, or FILE.py:NAME.

    Raises:
        UsageError: a workload, a size or a variant does not exist or makes no sense, or two
            workloads have one name.
    """
    parsed = list(dict.fromkeys(parse(text) for text in variants))
    if baseline is not None:
        base = parse(baseline)
        parsed = [base, *[v for v in parsed if v != base]]
    for size in sizes:
        if size < 1:
            raise UsageError(f"size {size} is not positive; a size is a number of elements")
    groups, comparisons = [], []
    for workload in distinct(map(workloads.get, names)):
        for size in dict.fromkeys(sizes):
            check(workload, size)
            groups.append(Group(workload, size, tuple(parsed)))
            if len(parsed) > 1:
                comparisons.append(
                    Comparison(
                        workload=workload.name,
                        size=size,
                        baseline=str(parsed[0]),
                        candidates=[str(v) for v in parsed[1:]],
                    )
                )
    return groups, comparisons


def distinct(chosen: Iterable[Workload]) -> list[Workload]:
    """Return workloads without those that are named twice.

    Raises:
        UsageError: two workloads have one name, which would be one case.
    """
    by_name: dict[str, Workload] = {}
    for workload in chosen:
        other = by_name.setdefault(workload.name, workload)
        if other is not workload and (other.source != workload.source or not other.source):
            both = " and ".join(w.source or f"an installed {w.name}" for w in (other, workload))
            raise UsageError(
                f"two workloads are called {workload.name!r}: {both}; in one run each needs a name "
                "of its own, which name= gives it"
            )
    return list(by_name.values())


def check(workload: Workload, size: int) -> None:
    """Check a workload before anything is measured.

    Raises:
        UsageError: its inputs, its sizes or what its function returns are not as they must be.
    """
    checking.check(workload, size)
    if not workloads.is_ours(workload):
        _check_returned(workload)


@cache
def _check_returned(workload: Workload) -> None:
    """Run the function once on a few elements, with our engine."""
    inputs = workloads.arrays(workload, workload.small(workload.least), 0)
    adapter = engines.get("engine").make()
    values = [
        (adapter.constant if name in workload.constants else adapter.variable)(array)
        for name, array in inputs.items()
    ]

    def run(function: Callable[..., Any]) -> Any:
        return function(adapter.operations, *values)

    with adapter.using(), warnings.catch_warnings(action="ignore"):
        checking.returned(workload, run)


def check_fits(groups: Sequence[Group], available: int) -> None:
    """Refuse cases that would not fit in memory, by their laws where they have any.

    Args:
        available: free memory, in bytes.

    Raises:
        UsageError: a case's peak is more than that, as predicted, by a law of the file that is
            committed, or as its workload estimates it.
    """
    laws = law_file.committed()
    for group in groups:
        for variant in group.variants:
            needed, source = memory(group, variant, laws)
            if needed > available:
                title = title_text(*group.key(variant))
                raise UsageError(
                    f"{title} would need about {-(-needed // 10**9):,} GB ({source}) and "
                    f"{available / 1e9:,.1f} GB are free; choose a smaller --size"
                )


def memory(group: Group, variant: Variant, laws: Sequence[Laws]) -> tuple[int, str]:
    """The bytes that measuring a case takes at most, and where that figure is from.

    Args:
        laws: those of the file that is committed.
    """
    workload, case = group.workload, new_case(group, variant, "on")
    peak, source = _peak(workload, variant, case, laws)
    # In timing, one worker per variant holds its inputs while another one computes.
    copies = workload.iterations if workload.fresh else 2
    return peak + copies * case.array_bytes * len(group.variants), source


def _peak(
    workload: Workload, variant: Variant, case: Case, laws: Sequence[Laws]
) -> tuple[int, str]:
    """The peak of a case in bytes, and where that figure is from."""
    predicted = predicted_laws(workload, variant)
    if case.predicted is not None and predicted is not None:
        return case.predicted.peak, f"predicted: peak = {predicted.figures['peak'].bytes}"
    width = case.array_bytes // case.size
    found = law_file.law_of([e for e in laws if e.itemsize in (0, width)], case.key, "peak")
    if found is not None:
        return found[0], f"by the law peak = {found[1].bytes} of {law_file.COMMITTED}"
    estimate = workload.estimate
    return estimate * case.array_bytes, f"an estimate: {estimate:,} array{'s' * (estimate != 1)}"
