"""Histories for tests: recordings of any kind, and large ones of plausible figures.

As a program, `python -m tests.bench.history.histories [CASES COMMITS]` writes a large one and tells
its size, and the processor seconds of recording, reading and finding its steps.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from gradmeter.bench.history import record_text, store
from gradmeter.bench.history.recording import (
    CaseAt,
    CaseFigures,
    Head,
    Recording,
    Versions,
    digest,
    encoded,
)
from gradmeter.bench.history.steps import steps
from gradmeter.bench.results.lines import FewLines

from ..run_files import counts, texts

HERE = Versions(gradmeter="0.1.0", python="cpython 3.11.4", numpy="2.4.6", platform="Linux x86_64")
THERE = Versions(gradmeter="0.1.0", python="cpython 3.13.1", numpy="2.5.0", platform="Linux x86_64")
COMMITS = [f"{number:040x}" for number in range(0xA0, 0xB0)]
GROUNDS = [{"interpreter": "cpython 3.11.4"}, {"interpreter": "cpython 3.13.1"}]
KEYS = [("squares-3", 1000, "engine"), ("squares-3", 1000, "dezero"), ("t.py::test[é\n]", 0, "")]


def recording(
    commit: str,
    cases: dict[Any, dict[str, int]],
    *,
    versions: Versions = HERE,
    ground: dict[str, str] | None = None,
    allowed: int = 0,
    measured: str = "2026-01-01T00:00:00+00:00",
    dirty: bool = False,
) -> Recording:
    """A recording of figures by case and name."""
    name = digest(encoded(ground)) if ground else ""
    layers = ("python", "heap", "instructions") if ground else ()
    return Recording(
        Head(commit=commit, measured=measured, versions=versions, dirty=dirty),
        {
            key: CaseAt(
                CaseFigures(
                    workload=key[0],
                    size=key[1],
                    variant=key[2],
                    array_bytes=max(8 * key[1], 1),
                    figures=figures,
                    allowed=allowed,
                    grounds=dict.fromkeys(layers, name),
                )
            )
            for key, figures in cases.items()
        },
        grounds={name: ground} if ground else {},
    )


@st.composite
def few_lines(draw: Any) -> tuple[FewLines, str]:
    """Any lines of a peak, without their numbers, and these."""
    places = draw(st.lists(st.tuples(texts, st.just(0), texts, texts), min_size=1, max_size=3))
    sizes = st.lists(st.tuples(st.integers(0, len(places) - 1), counts), max_size=3).map(tuple)
    numbers = draw(st.lists(counts, min_size=len(places), max_size=len(places)))
    few = FewLines(places=places, peak=draw(sizes), held=draw(sizes))
    return few, " ".join(map(str, numbers))


@st.composite
def recordings(draw: Any) -> Recording:
    """Any recording of the commits and cases above, with or without lines and grounds."""
    grounds = {digest(encoded(each)): each for each in GROUNDS[: draw(st.integers(0, 2))]}
    names = st.sampled_from(["peak", "held", "python_peak", "instructions"]) | texts
    layers = st.sampled_from(["python", "heap"])
    cases = {}
    for workload, size, variant in draw(st.sets(st.sampled_from(KEYS))):
        lines, numbers = draw(few_lines()) if draw(st.booleans()) else (None, "")
        named = st.sampled_from(sorted(grounds)) if grounds else st.nothing()
        figures = CaseFigures(
            workload=workload,
            size=size,
            variant=variant,
            array_bytes=draw(st.integers(1, 2**40)),
            figures=draw(st.dictionaries(names, counts, max_size=3)),
            allowed=draw(st.sampled_from([0, 5])),
            grounds=draw(st.dictionaries(layers, named, max_size=2 if grounds else 0)),
            lines=lines,
        )
        cases[figures.key] = CaseAt(figures, numbers)
    head = Head(
        commit=draw(st.sampled_from(COMMITS[:3])),
        measured=draw(texts),
        versions=draw(st.sampled_from([HERE, THERE])),
        dirty=draw(st.booleans()),
        problem=draw(st.just("") | texts),
    )
    used = {name for case in cases.values() for name in case.figures.grounds.values()}
    return Recording(
        head,
        cases,
        draw(st.dictionaries(st.sampled_from(KEYS), texts, max_size=2)),
        {name: ground for name, ground in grounds.items() if name in used},
    )


def large(cases: int, commits: int, *, changed: float = 0.01, seed: int = 0) -> Iterator[Recording]:
    """A history as a busy project has it, a recording for each commit.

    Every case has bytes of all three layers, counts, instructions and eight lines, of which every
    commit moves some. At each commit some of the cases have other figures.
    """
    chance = random.Random(seed)
    ground = {"interpreter": "cpython 3.11.4", "NumPy": "2.4.6", "C library": "glibc 2.36"}
    ground["CPU features"] = " ".join(f"FEATURE{number}" for number in range(60))
    name = digest(encoded(ground))
    known = [_case(number, chance, name) for number in range(cases)]
    numbers = [[chance.randrange(40, 900) for _ in range(8)] for _ in range(cases)]
    for commit in range(commits):
        moved = chance.randrange(-6, 7)
        for number in range(cases):
            if commit and chance.random() < changed:
                known[number] = _case(number, chance, name)
            if chance.random() < 0.5:
                numbers[number] = [max(line + moved, 1) for line in numbers[number]]
        cases_at = [
            CaseAt(figures, " ".join(map(str, at)))
            for figures, at in zip(known, numbers, strict=True)
        ]
        yield Recording(
            Head(commit=f"{commit:040x}", measured=f"{commit:08}", versions=HERE),
            {case.figures.key: case for case in cases_at},
            grounds={name: ground},
        )


def _case(number: int, chance: random.Random, ground: str) -> CaseFigures:
    array = 8_000_000
    figures = {
        each: array * chance.randrange(3, 60)
        for each in ("peak", "held", "cycle", "forward", "backward", "dropped", "allocated")
    }
    figures |= {each: chance.randrange(10**4, 10**8) for each in ("python_peak", "python_held")}
    figures |= {each: chance.randrange(10**6, 10**9) for each in ("heap_peak", "heap_held")}
    figures |= {"allocations": chance.randrange(500), "python_allocations": chance.randrange(9999)}
    figures |= {"growth": 0, "instructions": chance.randrange(10**7, 10**9)}
    places = [
        (f"package/module_{number % 9}.py", 0, f"Class{number % 7}.method_{i}", f"y = x{i} * x")
        for i in range(8)
    ]
    return CaseFigures(
        workload=f"tests/test_module_{number % 11}.py::test_of_something[{number}]",
        size=0,
        variant="",
        figures=figures,
        allowed=chance.randrange(10**5),
        grounds=dict.fromkeys(("python", "heap", "instructions"), ground),
        lines=FewLines(
            places=places,
            peak=tuple((i, array * chance.randrange(1, 9)) for i in range(5)),
            held=tuple((i, array) for i in range(5, 8)),
        ),
    )


def written(recordings: Iterator[Recording]) -> dict[str, int]:
    """The bytes that each commit takes in a store, one recorded after the other."""
    known: dict[str, str] = {}
    sizes = {}
    for each in recordings:
        content = record_text.write(each, known)
        known |= record_text.read(content).known
        sizes[each.head.commit] = len(content)
    return sizes


def main(arguments: Sequence[str]) -> None:
    """Write a large history and tell how large it is, and how long it takes."""
    cases, commits = map(int, arguments or ("200", "1000"))
    made = list(large(cases, commits))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "history")
        start = time.process_time()
        store.add(folder, made)
        print(f"{time.process_time() - start:.2f} s: {commits:,} commits x {cases:,} recorded")
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{size:,} bytes")
        start = time.process_time()
        history = store.load(folder)
        print(f"{time.process_time() - start:.2f} s: read")
        start = time.process_time()
        found = steps(history.recordings, [each.head.commit for each in made])
        print(f"{time.process_time() - start:.2f} s: {len(found.steps):,} steps found")
        start = time.process_time()
        store.add(folder, [Recording(made[0].head, {})])
        print(f"{time.process_time() - start:.2f} s: one commit more recorded")


if __name__ == "__main__":
    main(sys.argv[1:])
