"""Instructions are counted from outside, the same in every process, phase by phase."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import instructions as meter
from gradmeter.bench.meters.instructions import ROUNDS, WARM_UP, Count, Counters, measure, totals
from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import Options
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.verdicts import gates, instructions
from gradmeter.bench.verdicts.verdicts import Row

from ..command import TINY, gradmeter
from ..misbehaviour import spec
from ..run_files import case

DUMP = "version: 1\nevents: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n\nfn=(1) f\n+1 7\n"


def test_totals_are_read_from_what_callgrind_writes():
    text = DUMP + "totals: 1000 300 200 9 8 7 3 2 1\n"
    assert totals(text) == Count(instructions=1000, misses=6)
    assert totals("events: Ir\nsummary: 12\n") == Count(12, 0)


@pytest.mark.parametrize("text", ["", "events: Ir\n", "totals: 3\n", "events: Ir\ntotals: many\n"])
def test_a_file_without_totals_is_refused(text):
    with pytest.raises(ValueError, match=r"totals|invalid literal"):
        totals(text)


class Stepped:
    """A worker of the programs forward-backward, and the counters of its process."""

    def __init__(self, phases: tuple[str, ...], cost: dict[str, int], idle: int) -> None:
        self.phases, self.cost, self.idle = phases, cost, idle
        self.counted, self.left = 0, iter(())

    def ask(self, what: str, *, programs: int) -> dict[str, Any]:
        assert what == "stepped"
        self.left = iter(("nothing", *self.phases, "end") * programs)
        return self.step()

    def step(self) -> dict[str, Any]:
        current = getattr(self, "current", None)
        self.counted += self.idle + self.cost.get(current, 0)
        self.current = next(self.left, "finished")
        return {"next": self.current}

    def start(self) -> None:
        self.counted = 0

    def take(self) -> Count:
        count, self.counted = Count(self.counted, 0), 0
        return count


@given(
    st.dictionaries(st.sampled_from(["inputs", "forward", "backward"]), st.integers(0, 10**9)),
    st.integers(0, 10**6),
    st.integers(1, 3),
)
def test_a_phase_has_what_it_executed_and_nothing_of_the_stepping(cost, idle, iterations):
    worker = Stepped(("inputs", "forward", "backward") * iterations, cost, idle)
    counts = measure(worker, worker)
    assert counts == {
        name: [Count(cost.get(name, 0) * iterations, 0)] * ROUNDS
        for name in ("forward", "backward")
    }


def counted(*forward: int) -> Instructions:
    zeros = [0] * len(forward)
    return Instructions(
        valgrind="3.19.0",
        rounds={"forward": list(forward), "backward": zeros},
        misses={"forward": zeros, "backward": zeros},
    )


def row(before: Instructions, after: Instructions) -> Row:
    base = msgspec.structs.replace(case(variant="engine"), instructions=before)
    other = msgspec.structs.replace(case(variant="engine:retain_grad=on"), instructions=after)
    return Row(other, base, None)


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ((1000, 1000), (1000, 1000), "equal"),
        ((1000, 1000), (1001, 1001), "more"),
        ((1000, 1000), (999, 999), "less"),
        ((1000, 1010), (1005, 1005), "equal"),  # rounds differ by more
        ((1000, 1010), (1100, 1100), "more"),
    ],
)
def test_a_difference_counts_where_it_is_larger_than_that_between_rounds(before, after, word):
    found = row(counted(*before), counted(*after))
    assert instructions.compare(found.case, found.baseline).word == word


def test_a_gate_is_broken_by_more_than_its_amount_and_never_within_rounds():
    criteria = [gates.parse("instructions>1%")]
    for after, broken in ((1005, False), (1010, False), (1011, True), (900, False)):
        rows = [row(counted(1000, 1000), counted(after, after))]
        assert bool(gates.on_instructions(criteria, rows)) == broken
    noisy = [row(counted(1000, 1100), counted(1050, 1050))]
    assert not gates.on_instructions(criteria, noisy)


def test_a_gate_that_could_never_fail_is_refused():
    gate = gates.parse("instructions>1%")
    options = {"collector": "on", "seed": 0, "sets": 1, "budget": 0, "min_rounds": 1, "limit": 1}
    with pytest.raises(UsageError, match="--instructions"):
        gates.check_counted([gate], Options(**options))
    with pytest.raises(UsageError, match="inside one run"):
        gates.refuse_time([gate])
    with pytest.raises(UsageError, match="gated as ratios"):
        gates.parse("instructions>5MB")


@pytest.mark.parametrize(
    ("rounds", "misses"),
    [({}, {}), ({"forward": []}, {"forward": []}), ({"forward": [1]}, {"forward": [1, 2]}),
     ({"forward": [1]}, {"backward": [1]})],
)  # fmt: skip
def test_counts_that_are_not_of_the_same_rounds_are_refused(rounds, misses):
    with pytest.raises(ValueError, match="phase"):
        Instructions(valgrind="", rounds=rounds, misses=misses)


def test_without_valgrind_one_sentence_names_the_package(tmp_path):
    done = gradmeter("run", *TINY, "--instructions", env={"PATH": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 2
    assert "counting instructions takes valgrind, which is not installed" in done.stderr


needs_valgrind = pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="valgrind is not installed: apt install valgrind"
)


def count(workload: str) -> dict[str, list[Count]]:
    with tempfile.TemporaryDirectory() as folder:
        worker = Process(spec(workload=workload, counts=folder, collector="off"), 300)
        try:
            worker.ready()
            return measure(worker, Counters(Path(folder), worker.child.pid))
        finally:
            worker.close()


@needs_valgrind
def test_two_processes_execute_the_same_and_one_operation_in_a_hundred_more_is_seen():
    first, second, longer = count("squares-100"), count("squares-100"), count("squares-101")
    for name in ("forward", "backward"):
        assert first[name] == second[name]
        pairs = zip(first[name], longer[name], strict=True)
        assert all(more.instructions > each.instructions for each, more in pairs)
    assert WARM_UP > 0
    assert meter.version()


@needs_valgrind
def test_the_report_says_what_more_is_executed_and_a_gate_fails_by_it(tmp_path):
    two = ("engine", "engine:retain_grad=on")
    done = gradmeter(
        "compare", *two, "--size", "16", "--instructions", "--sets", "1", "--budget", "0",
        "--seconds", "0", "--fail-on", "instructions>5%", "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert "engine:retain_grad=on on squares-3 x 16: more instructions" in text
    assert "gate failed: instructions>5%" in text
    assert "more instructions" in (tmp_path / "report.md").read_text()
