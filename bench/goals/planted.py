"""A repository with planted changes, and whether a comparison finds them and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench.goals.releases import commit, start
from gradmeter.bench.verdicts.verdicts import Row

OLD, NEW = "old", "new"  # the commits' tags
SUITE = "benchmarks"
_BEFORE = """\
class Node:
    pass


def longer(rounds):
    total = 0.0
    for number in range(rounds * 100):
        total += number * 0.5
    return total


def with_copy(array):
    return array + 1.0


def with_cycle(array):
    node = Node()
    node.result = array * 2.0
    return node


def better_algorithm(count):
    return sum(range(count))


def unchanged(array):
    return array - 1.0


def unchanged_loop(count):
    return [number * number for number in range(count)]
"""
_CHANGES = (
    ("range(rounds * 100)", "range(rounds * 108)"),
    ("return array + 1.0", "copied = array.copy()\n    return copied + 1.0"),
    ("    return node\n", "    node.itself = node\n    return node\n"),
    ("return sum(range(count))", "return count * (count - 1) // 2"),
)
_TESTS = """\
import numpy as np
import planted

ARRAY = np.ones(100_000)


def test_longer(benchmark):
    benchmark(planted.longer, 20)


def test_with_copy(benchmark):
    benchmark(planted.with_copy, ARRAY)


def test_with_cycle(benchmark):
    benchmark(planted.with_cycle, ARRAY)


def test_better_algorithm(benchmark):
    benchmark(planted.better_algorithm, 10_000)


def test_unchanged(benchmark):
    benchmark(planted.unchanged, ARRAY)


def test_unchanged_loop(benchmark):
    benchmark(planted.unchanged_loop, 1_000)
"""
_BYTES = 800_000
_JUDGED = ("peak", "held", "cycle")  # what is left when all is dropped follows from these


@dataclass(frozen=True)
class Change:
    """A planted change.

    Attributes:
        what: it is, for a reader.
        times: the verdicts on time that are right.
        figures: the exact figures that change, with the difference in bytes.
    """

    what: str
    times: tuple[str, ...]
    figures: dict[str, int]


_OPEN = ("same", "inconclusive")
# A copy and a cycle may take time, too; how much is the machine's.
CHANGES = {
    "test_longer": Change("8% more rounds of a loop", ("slower",), {}),
    "test_with_copy": Change("a copy of the array more", (*_OPEN, "slower"), {"peak": _BYTES}),
    "test_with_cycle": Change("a reference cycle", (*_OPEN, "slower"), {"cycle": _BYTES}),
    "test_better_algorithm": Change("a formula in place of a loop", ("faster",), {}),
    "test_unchanged": Change("nothing", _OPEN, {}),
    "test_unchanged_loop": Change("nothing", _OPEN, {}),
}


def repository(folder: Path) -> Path:
    """Make the repository in a new folder; the code changes between its commits OLD and NEW."""
    top = start(folder)
    (top / SUITE).mkdir()
    (top / SUITE / "test_planted.py").write_text(_TESTS)
    after = _BEFORE
    for old, new in _CHANGES:
        assert after.count(old) == 1, old
        after = after.replace(old, new)
    for code, tag in ((_BEFORE, OLD), (after, NEW)):
        (top / "planted.py").write_text(code)
        commit(top, tag)
    return top


def missed(rows: Sequence[Row]) -> list[str]:
    """Compare what was found with what was planted: a sentence for each difference."""
    found = {row.case.workload.partition("::")[2]: row for row in rows}
    sentences = [f"{name} was not compared" for name in CHANGES if name not in found]
    for name, row in found.items():
        planted = CHANGES[name]
        word = row.time.word if row.time is not None else "not timed"
        figures = {c.figure: c.difference for c in row.changes or [] if c.figure in _JUDGED}
        if word not in planted.times:
            sentences.append(f"{name}, {planted.what}: its time is called {word}")
        if row.changes is None or figures != planted.figures:
            sentences.append(
                f"{name}, {planted.what}: its figures differ by {figures or 'nothing'}"
            )
    return sentences
