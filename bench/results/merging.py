"""Merge the runs of a plan's shards into one: what a single run of the plan would be.

What the runs have to agree in is compared first. A group is taken whole from one run, so the sides
of a comparison are of one machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import where_text
from gradmeter.bench.results import environment
from gradmeter.bench.results.agreement import differences
from gradmeter.bench.results.readings import SelfTest
from gradmeter.bench.results.run import Case, Comparison, Run
from gradmeter.bench.results.shard import Shard

Where = tuple[str, int]  # the workload and size that the cases of a group share


@dataclass(frozen=True)
class Part:
    """The run of a shard, and the path of its file."""

    path: str
    run: Run
    shard: Shard

    @property
    def name(self) -> str:
        """The file and its shard, for messages."""
        return f"{self.path} (shard {self.shard.name})"


def parts(runs: Iterable[tuple[str, Run]]) -> list[Part]:
    """The runs as parts of one, in the order of their shards.

    Raises:
        UsageError: one is not of a shard, or they are not of one plan, measured in one way.
    """
    found = []
    for path, run in runs:
        if run.shard is None:
            raise UsageError(
                f"{path} is the run of a whole plan; merged are those of its shards, which "
                "--shard K/N measures"
            )
        found.append(Part(path, run, run.shard))
    found.sort(key=lambda part: part.shard.number)
    for part in found[1:]:
        why = _unlike(found[0], part)
        if why:
            raise UsageError(f"{found[0].name} and {part.name} are not of one run: {why}")
    return found


def _unlike(one: Part, two: Part) -> str:
    """Why two runs are not of shards of one plan, measured in one way; empty where they are."""
    for what, ours, theirs in (
        ("number of shards", one.shard.count, two.shard.count),
        *environment.differences(one.run.environment, two.run.environment),
        *_fields(one.run.options, two.run.options),
        ("settings", one.shard.settings, two.shard.settings),
        ("revisions", one.run.revisions, two.run.revisions),
        *_shared("versions of", one.run.grounds, two.run.grounds),
        *_shared("file of the workload", one.run.workloads, two.run.workloads),
    ):
        if ours != theirs:
            return f"another {what}: {_shown(ours)}, and {_shown(theirs)}"
    if one.shard.plan != two.shard.plan:
        return "their plans differ, in workloads, sizes, variants, tests or files of workloads"
    if one.shard.spread != two.shard.spread:
        return "their plan was spread by other costs; give --shard-by the same run in every job"
    return ""


def _fields(one: Any, two: Any) -> list[tuple[str, object, object]]:
    return [
        (name.replace("_", " "), getattr(one, name), getattr(two, name))
        for name in one.__struct_fields__
    ]


def _shared(what: str, one: dict[str, Any], two: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(f"{what} {name}", one[name], two[name]) for name in one if name in two]


def _shown(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)


def lacking(given: Sequence[Part]) -> list[str]:
    """A sentence on each shard that is missing or was not finished."""
    by_number: dict[int, list[Part]] = {}
    for part in given:
        by_number.setdefault(part.shard.number, []).append(part)
    count = given[0].shard.count
    sentences = []
    missing = [f"{n}/{count}" for n in range(1, count + 1) if n not in by_number]
    if missing:
        plural = len(missing) > 1
        sentences.append(
            f"shard{'s' * plural} {', '.join(missing)} {'are' if plural else 'is'} missing"
        )
    sentences += [
        f"{several[-1].name} was not finished"
        for several in by_number.values()
        if not any(part.run.finished for part in several)
    ]
    return sentences


def disagreements(given: Sequence[Part]) -> list[str]:
    """A sentence on each exact figure of a case that two runs measured and that is not the same."""
    sentences = []
    first: dict[tuple[str, int, str], tuple[Part, Case]] = {}
    for part in given:
        for case in part.run.cases:
            if not case.finished:
                continue
            before, other = first.setdefault(case.key, (part, case))
            if other is case:
                continue
            for figure, one, two in differences(other, case):
                sentences.append(
                    f"{case.title}: {figure} is {one} in {before.name} and {two} in {part.name}"
                )
    return sentences


def merged(given: Sequence[Part]) -> Run:
    """Make one run of those of shards, in the order of their plan.

    Of a group that several of them measured, the first that finished it is taken.
    """
    names = _machine_names(given)
    chosen = _chosen(given)
    cases, comparisons = [], []
    for part in given:
        mine = {where for where, of in chosen.items() if of is part}
        cases += [
            msgspec.structs.replace(case, machine=names[id(part)])
            for case in part.run.cases
            if _where(case) in mine
        ]
        comparisons += [each for each in part.run.comparisons if _where(each) in mine]
    places = {name: place for part in given for name, place in part.shard.places.items()}
    cases.sort(key=partial(_place, places))
    comparisons.sort(key=partial(_place, places))
    variants = [case.variant for case in cases]
    used = {case.machine for case in cases}
    first = given[0].run
    spent = _united(part.run.spent for part in given)
    return msgspec.structs.replace(
        first,
        self_tests=_self_tests(given),
        notes=list(dict.fromkeys(note for part in given for note in part.run.notes)),
        comparisons=comparisons,
        cases=cases,
        finished=not lacking(given),
        grounds=_by_first(_united(part.run.grounds for part in given), variants),
        workloads=_by_first(
            _united(part.run.workloads for part in given), [case.workload for case in cases]
        ),
        spent=_by_first(spent, sorted(spent, key=lambda name: places.get(name, len(places)))),
        shard=None,
        machines={
            names[id(part)]: part.run.environment for part in given if names[id(part)] in used
        },
    )


def _where(of: Case | Comparison) -> Where:
    return of.workload, of.size


def _machine_names(given: Sequence[Part]) -> dict[int, str]:
    """A name for the machine of each part, by the part's identity."""
    names: dict[int, str] = {}
    for part in given:
        name, number = f"shard {part.shard.name}", 1
        while name in names.values():
            number += 1
            name = f"shard {part.shard.name}, run {number}"
        names[id(part)] = name
    return names


def _chosen(given: Sequence[Part]) -> dict[Where, Part]:
    """From which run each group is taken: the first that finished it, else that has it."""
    chosen: dict[Where, Part] = {}
    whole: set[Where] = set()
    for part in given:
        unfinished = {_where(case) for case in part.run.cases if not case.finished}
        finished = {_where(case) for case in part.run.cases} - unfinished
        for where in finished - whole:
            chosen[where] = part
        whole |= finished
        for where in (*unfinished, *map(_where, part.run.comparisons)):
            chosen.setdefault(where, part)
    return chosen


def _self_tests(given: Sequence[Part]) -> list[SelfTest]:
    """One of each name: the first that failed on any machine, else the first."""
    found: dict[str, SelfTest] = {}
    for part in given:
        for test in part.run.self_tests:
            if found.setdefault(test.name, test).passed and not test.passed:
                found[test.name] = test
    return list(found.values())


def _place(places: dict[str, int], of: Case | Comparison) -> tuple[bool, int]:
    """Where a single run has it: workloads before the tests' calls, each in the plan's order."""
    size = of.size
    return not size, places.get(where_text(of.workload, size), len(places))


def _united(dictionaries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for each in dictionaries for key, value in each.items()}


def _by_first(found: dict[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """A dictionary in the order in which its keys first occur."""
    return {key: found[key] for key in dict.fromkeys([*order, *found]) if key in found}
