"""Turn names into groups of cases and comparisons, and check that they fit in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradmeter.bench import workloads
from gradmeter.bench.cases.variants import Variant, parse
from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import where_text
from gradmeter.bench.results.readings import Predicted
from gradmeter.bench.results.run import Allocator, Case, Comparison
from gradmeter.bench.workloads import Workload


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
    """Create a case with its predicted memory and nothing measured yet."""
    workload = group.workload
    array_bytes = group.size * 8
    predicted = None
    # Predictions are derived for this engine, not for another revision of it.
    if workload.predict is not None and variant.engine.name == "engine" and not variant.label:
        arrays = workload.predict(variant.all_settings)
        if arrays is not None:
            predicted = Predicted(
                forward=arrays.forward * array_bytes + arrays.scalars,
                backward=arrays.backward * array_bytes,
                peak=arrays.peak(array_bytes),
                held=arrays.held * array_bytes,
                dropped=arrays.dropped * array_bytes,
            )
    return Case(
        workload=workload.name,
        size=group.size,
        variant=str(variant),
        collector=collector,
        allocator=allocator,
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

    Raises:
        UsageError: a workload, a size or a variant does not exist or makes no sense.
    """
    parsed = list(dict.fromkeys(parse(text) for text in variants))
    if baseline is not None:
        base = parse(baseline)
        parsed = [base, *[v for v in parsed if v != base]]
    for size in sizes:
        if size < 1:
            raise UsageError(f"size {size} is not positive; a size is a number of elements")
    groups, comparisons = [], []
    for name in dict.fromkeys(names):
        workload = workloads.get(name)
        for size in dict.fromkeys(sizes):
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


def check_fits(groups: Sequence[Group], available: int) -> None:
    """Refuse cases that would not fit in memory.

    Args:
        available: free memory, in bytes.

    Raises:
        UsageError: a case's estimated peak is more than that.
    """
    for group in groups:
        workload = group.workload
        for variant in group.variants:
            case = new_case(group, variant, "on")
            # In timing, one worker per variant holds its inputs while another one computes.
            peak = case.predicted.peak if case.predicted else workload.estimate * case.array_bytes
            copies = workload.iterations if workload.fresh else 2
            needed = peak + copies * case.array_bytes * len(group.variants)
            if needed > available:
                raise UsageError(
                    f"{case.title} would need about {-(-needed // 10**9):,} GB and "
                    f"{available / 1e9:,.1f} GB are free; choose a smaller --size"
                )
