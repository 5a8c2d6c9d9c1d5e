"""Build comparisons: of revisions as variants, and of two run files as one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from gradmeter.bench.cases.plan import Group, plan
from gradmeter.bench.cases.revisions import Revision
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import grounds, layers
from gradmeter.bench.results.readings import Layer
from gradmeter.bench.results.run import Case, Comparison, Run

BEFORE, AFTER = "before", "after"

change = msgspec.structs.replace


def of_revisions(
    revisions: Sequence[Revision],
    names: Sequence[str],
    sizes: Sequence[int],
    variants: Sequence[Variant],
) -> tuple[list[Group], list[Comparison]]:
    """Compare each variant at every revision with the same variant at the first one.

    Raises:
        UsageError: a workload or a size does not exist or makes no sense.
    """
    plain, _ = plan(names, sizes, [])
    return of_groups(revisions, [replace(group, variants=tuple(variants)) for group in plain])


def of_groups(
    revisions: Sequence[Revision], plain: Sequence[Group]
) -> tuple[list[Group], list[Comparison]]:
    """Compare each variant of some groups at every revision with the same one at the first."""
    groups, comparisons = [], []
    for group in plain:
        labelled = [[replace(v, label=r.label) for r in revisions] for v in group.variants]
        groups.append(replace(group, variants=tuple(v for row in labelled for v in row)))
        comparisons += [
            Comparison(
                workload=group.workload.name,
                size=group.size,
                baseline=str(base),
                candidates=[str(v) for v in candidates],
            )
            for base, *candidates in labelled
        ]
    return groups, comparisons


def _with_comparable_layers(case: Case, before: Case) -> Case:
    """A case without the layers of memory whose figures depend on other versions than before."""
    read = dict(case.layers)
    for layer, after in case.layers.items():
        old = before.layers.get(layer)
        why = layers.difference(after.ground, old.ground) if old is not None else ""
        if why:
            read[layer] = Layer(missing=f"the two files have those of other versions: {why}")
    return change(case, layers=read)


def of_files(before: Run, after: Run, names: tuple[str, str]) -> Run:
    """Combine two runs into one that compares each case with the same case of the earlier run.

    Both keep their times; but they share no set, so there is no ratio of times.

    Args:
        names: the names of the two files.

    Raises:
        UsageError: they have no case in common.
    """
    shared = [case for case in after.cases if before.case(*case.key) is not None]
    if not shared:
        examples = [run.cases[0].title if run.cases else "no case" for run in (before, after)]
        raise UsageError(
            f"{names[0]} and {names[1]} share no case: the first has {examples[0]}, the "
            f"second has {examples[1]}"
        )
    first = 1 + max((t.number for case in after.cases for t in case.times), default=0)
    cases: list[Case] = []
    comparisons = []
    for case in shared:
        old = before.case(*case.key)
        assert old is not None
        times = [change(t, number=t.number + first) for t in old.times]
        pair = (
            change(old, variant=_labelled(old.variant, BEFORE), times=times, again=[]),
            change(case, variant=_labelled(case.variant, AFTER), again=[]),
        )
        if case.instructions is not None and old.instructions is not None:
            why = grounds.difference(case.instructions, old.instructions)
            if why:
                why = f"the two files have those of other binaries: {why}"
                pair = (pair[0], change(pair[1], instructions=None, uncounted=why))
        pair = (pair[0], _with_comparable_layers(pair[1], old))
        cases += pair
        comparisons.append(
            Comparison(
                workload=case.workload,
                size=case.size,
                baseline=pair[0].variant,
                candidates=[pair[1].variant],
            )
        )
    meaning = {
        label: f"{name}, {run.environment.code}, Python {run.environment.python}"
        for label, name, run in zip((BEFORE, AFTER), names, (before, after), strict=True)
    }
    differing = [
        f"{name} is not the same workload in both: its file has changed, or is another one"
        for name in sorted(before.workloads.keys() & after.workloads.keys())
        if before.workloads[name].digest != after.workloads[name].digest
    ]
    return change(
        after,
        notes=[*after.notes, *differing],
        self_tests=[*before.self_tests, *after.self_tests],
        comparisons=comparisons,
        cases=cases,
        finished=before.finished and after.finished,
        revisions=meaning,
    )


def _labelled(variant: str, label: str) -> str:
    engine, colon, settings = variant.partition(":")
    return f"{engine}@{label}{colon}{settings}" if engine else label  # a call has no engine
