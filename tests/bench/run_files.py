"""Run files for tests: one of plausible figures to change, and any that there can be."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st

from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.lines import LineTimeline, Moment, Place
from gradmeter.bench.results.readings import (
    Allocations,
    ArrayLife,
    Cycles,
    Instructions,
    Operation,
    Predicted,
    Residency,
    SelfTest,
    Timeline,
    TimeSet,
)
from gradmeter.bench.results.run import ORDINARY, Case, Comparison, Options, Run
from gradmeter.bench.results.shard import Shard

from ..thorough import examples

WEAK, STRONG = "engine", "engine:output_references=strong"
MB = 1_000_000


def times(forward: list[float], backward: list[float], number: int = 0) -> TimeSet:
    """A set of rounds that took so long."""
    rest = [0.0] * len(forward)
    return TimeSet(
        number=number, core=0, loops=1, forward=forward, backward=backward, step=rest, cpu=rest
    )


def case(**changes: Any) -> Case:
    """A case that was measured completely, or what these changes make of it."""
    figures = Allocations(forward=32 * MB, backward=40 * MB, peak=40 * MB, held=24 * MB)
    plain = Case(
        workload="squares-3",
        size=MB,
        variant=WEAK,
        collector="on",
        array_bytes=8 * MB,
        predicted=Predicted(
            forward=32 * MB, backward=40 * MB, peak=40 * MB, held=24 * MB, dropped=0
        ),
        checked="the exact gradient",
        allocations=[figures] * 3,
        cycles=Cycles(dropped=0, bytes=0, objects=0, types={}, leaked=0),
        residency=Residency(
            method="reset peak",
            bytes=41 * MB,
            before=60 * MB,
            sampled=30 * MB,
            samples=7,
            interval=0.005,
        ),
        times=[times([0.01, 0.02], [0.03, 0.01])],
        finished=True,
    )
    return msgspec.structs.replace(plain, **changes)


def strong(**changes: Any) -> Case:
    """The same with strong references: more is held, in a cycle."""
    figures = Allocations(forward=32 * MB, backward=48 * MB, peak=48 * MB, held=40 * MB)
    found = {
        "variant": STRONG,
        "allocations": [figures] * 3,
        "cycles": Cycles(
            dropped=40 * MB, bytes=40 * MB, objects=9, types={"Square": 3, "Variable": 6}, leaked=0
        ),
        "predicted": Predicted(
            forward=32 * MB, backward=48 * MB, peak=48 * MB, held=40 * MB, dropped=40 * MB
        ),
    }
    return case(**{**found, **changes})


def ordinary(name: str = "tests/test_theirs.py::test_it[8 MB]", **changes: Any) -> Case:
    """The call of an ordinary test, which makes an array of 1 MB and leaves 8 bytes in a cycle."""
    plain = {
        "workload": name,
        "size": ORDINARY,
        "variant": "",
        "collector": "off",
        "array_bytes": 1,
        "predicted": None,
        "checked": "",
        "allocations": [Allocations(forward=0, backward=0, peak=3 * MB, held=MB)] * 3,
        "cycles": Cycles(dropped=8, bytes=8, objects=2, types={"Ring": 1, "dict": 1}, leaked=0),
        "residency": None,
        "times": [],
    }
    return case(**{**plain, **changes})


def run(*cases: Case, **changes: Any) -> Run:
    """A finished run of these cases, the first the baseline of the others."""
    cases = cases or (case(), strong())
    comparisons = [
        Comparison(
            workload=cases[0].workload,
            size=cases[0].size,
            baseline=cases[0].variant,
            candidates=[c.variant for c in cases[1:]],
        )
    ]
    plain = Run(
        environment=Environment(
            started="2026-01-01T00:00:00+00:00",
            gradmeter="0.1.0",
            python="3.11.4",
            implementation="cpython",
            versions={"numpy": "2.4.6"},
            system="Linux x86_64",
            cpu="A CPU",
            cores=2,
            memory_bytes=8_000_000_000,
            collector_thresholds=[700, 10, 10],
            blas_threads=1,
            pinned=True,
            commit="0123abcd",
            dirty=False,
        ),
        options=Options(collector="on", seed=0, sets=5, budget=1.0, min_rounds=5, limit=60.0),
        self_tests=[SelfTest(name="an array of 5 bytes", expected=5, measured=5, tolerance=0)],
        comparisons=comparisons if len(cases) > 1 else [],
        cases=list(cases),
        finished=True,
    )
    return msgspec.structs.replace(plain, **changes)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
counts = st.integers(0, 2**62)
positive = st.integers(1, 2**62)
seconds = st.floats(0, 1e9)
# What a run file takes less of than its type does.
NARROW = {
    "size": positive | st.just(ORDINARY),
    **dict.fromkeys(("array_bytes", "cores", "loops"), positive),
    **dict.fromkeys(("sets", "most_sets"), st.integers(0, 2000)),
    "min_rounds": st.integers(1, 1_000_000),
    **dict.fromkeys(("budget", "limit"), st.floats(0.001, 86_400)),
    "effect": st.floats(0.001, 10),
    "confidence": st.floats(0.5, 0.9999),
    "parameters": st.dictionaries(st.sampled_from("nmkB") | texts, counts, max_size=3),
    "template": texts | st.just("test[{n}-{m}]"),
    "machine": st.just(""),  # see `runs`
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that run files are made of."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return any_of(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is UnionType or origin is Union:
        return st.one_of(*map(any_of, arguments))
    if origin is list:
        return st.lists(any_of(arguments[0]), max_size=3)
    if origin is tuple and Ellipsis in arguments:
        return st.lists(any_of(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(any_of, arguments))
    if origin is dict:
        return st.dictionaries(any_of(arguments[0]), any_of(arguments[1]), max_size=2)
    if kind is TimeSet:
        return time_sets()
    if kind is Timeline:
        return timelines()
    if kind is LineTimeline:
        return line_timelines()
    if kind is Instructions:
        return instructions()
    if kind is Shard:
        return shards()
    if kind is Run:
        cases = st.lists(any_of(Case), max_size=3, unique_by=lambda case: case.key)
        return st.builds(Run, **{**parts_of(Run), "cases": cases})
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.builds(kind, **parts_of(kind))
    plain = {int: counts, float: seconds, str: texts, bool: st.booleans(), NoneType: st.none()}
    return plain[kind]


def parts_of(kind: type[msgspec.Struct]) -> dict[str, st.SearchStrategy[Any]]:
    """Any value for each field, the marks of the file apart."""
    narrow = {**NARROW, "seconds": st.floats(0, 86_400)} if kind is Options else NARROW
    return {
        f.name: narrow[f.name] if f.name in narrow else any_of(f.type)
        for f in msgspec.structs.fields(kind)
        if f.name not in ("format", "version")
    }


@st.composite
def time_sets(draw: Any) -> TimeSet:
    """Any set: of every round there are all phases."""
    rounds = draw(st.integers(0, 3))
    parts = {
        **parts_of(TimeSet),
        **{
            f.name: st.lists(seconds, min_size=rounds, max_size=rounds)
            for f in msgspec.structs.fields(TimeSet)
            if f.type == list[float]
        },
    }
    found = {name: draw(part) for name, part in parts.items()}
    return TimeSet(**found)


@st.composite
def instructions(draw: Any) -> Instructions:
    """Any counts: of every phase there are all rounds."""
    number = draw(st.integers(1, 3))
    phases = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    executed = st.lists(positive, min_size=number, max_size=number)
    missed = st.lists(counts, min_size=number, max_size=number)
    return Instructions(
        valgrind=draw(texts),
        again=draw(executed | st.just([])),
        ground=draw(any_of(dict[str, str])),
        functions=draw(any_of(dict[str, int])),
        calls=draw(any_of(dict[str, int])),
        rounds={name: draw(executed) for name in phases},
        misses={name: draw(missed) for name in phases},
    )


@st.composite
def timelines(draw: Any) -> Timeline:
    """Any timeline: operations that overlap, arrays that die before they are born."""
    ticks = draw(st.integers(1, 9))
    tick = st.integers(0, ticks - 1)
    figures = st.lists(counts, min_size=ticks, max_size=ticks)
    spans = st.tuples(tick, tick).map(sorted)
    operations = [
        msgspec.structs.replace(draw(any_of(Operation)), begin=begin, end=end)
        for begin, end in draw(st.lists(spans, max_size=4))
    ]
    lives = [
        msgspec.structs.replace(draw(any_of(ArrayLife)), born=born, died=died)
        for born, died in draw(
            st.lists(st.tuples(tick | st.just(-1), tick | st.none()), max_size=4)
        )
    ]
    return Timeline(
        operations=operations,
        arrays=lives,
        levels=draw(figures),
        peaks=draw(figures),
        dropped=draw(counts),
        leaked=draw(counts),
        loop=draw(st.lists(texts, max_size=5)),
    )


@st.composite
def line_timelines(draw: Any) -> LineTimeline:
    """Any timeline by lines: moments of lines that it has."""
    places = draw(st.lists(any_of(Place), min_size=1, max_size=3))
    line = st.integers(0, len(places) - 1)
    moments = st.builds(
        Moment,
        st.none() | line,
        st.sampled_from(["", "forward", "backward"]) | texts,
        counts,
        counts,
        st.lists(st.tuples(line, counts), max_size=3),
    )
    return LineTimeline(
        places=places,
        moments=draw(st.lists(moments, max_size=4)),
        peak=draw(counts),
        held=draw(counts),
        merged=draw(positive),
        problem=draw(texts),
    )


@st.composite
def shards(draw: Any) -> Shard:
    """Any shard that there can be."""
    count, total = draw(positive), draw(positive)
    return Shard(
        number=draw(st.integers(1, count)),
        count=count,
        plan=draw(texts),
        settings=draw(texts),
        spread=draw(texts),
        total=total,
        places=draw(st.dictionaries(texts, st.integers(0, total - 1), max_size=2)),
    )


# Making a run smaller takes minutes, and tells little.
any_runs = settings(
    max_examples=examples(40), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)


@st.composite
def runs(draw: Any) -> Run:
    """Any run: hostile names, missing meters, comparisons of cases that are there and are not."""
    found = draw(any_of(Run))
    keys = [c.key for c in found.cases] + [("gone", 1, "gone")]
    keys += [(c.workload, c.size, "gone") for c in found.cases]
    comparisons = [
        Comparison(workload=w, size=s, baseline=b, candidates=[v for *_, v in keys if v != b])
        for w, s, b in draw(st.lists(st.sampled_from(keys), max_size=2))
    ]
    machines = st.sampled_from(["", *found.machines])
    cases = [msgspec.structs.replace(case, machine=draw(machines)) for case in found.cases]
    return msgspec.structs.replace(found, cases=cases, comparisons=comparisons)
