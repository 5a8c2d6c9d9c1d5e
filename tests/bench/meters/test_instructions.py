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

from gradmeter.bench import engines
from gradmeter.bench.cases import compared, operations
from gradmeter.bench.cases.plan import plan
from gradmeter.bench.cases.program import END
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import instructions as meter
from gradmeter.bench.meters.instructions import ROUNDS, WARM_UP, Count, Counters, measure, totals
from gradmeter.bench.report import gate, sentences
from gradmeter.bench.results import known
from gradmeter.bench.results.baseline import write_baseline
from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import Options
from gradmeter.bench.runs import instruction_trials
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.verdicts import (
    breaches,
    gate_checks,
    gates,
    instructions,
    operation_costs,
    verdicts,
)
from gradmeter.bench.verdicts.regressions import judge
from gradmeter.bench.verdicts.verdicts import Row

from ..command import TINY, gradmeter
from ..misbehaviour import spec
from ..run_files import case, run
from ..throwaway import ADAPTER

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

    def ask(self, what: str, *, program: str, programs: int) -> dict[str, Any]:
        assert (what, program) == ("stepped", "case")
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


def counted(*forward: int, **more: Any) -> Instructions:
    zeros = [0] * len(forward)
    return Instructions(
        **more,
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


def test_a_difference_counts_where_it_is_larger_than_that_between_processes():
    base = counted(1000, 1000, again=[1003, 1004])
    for after, word in ((1008, "equal"), (1009, "more"), (992, "equal"), (991, "less")):
        assert instructions.between(counted(after, after), base).word == word


FUNCTIONS = """positions: line
events: Ir Dr
ob=(1) /usr/lib/libpython3.so
fn=(1) eval
0 5 1
cob=(2) /usr/lib/libc.so.6
cfn=(2) malloc
calls=1 0
0 1000 1

fn=(3) eval'2
+1 7 1

ob=(2)
fn=(2)
* 11 1
-3 2 1

fn=(4) 0x00001234
12 4 0
totals: 29 4
"""


def test_a_function_has_what_it_executes_itself_and_its_library():
    assert meter.functions(FUNCTIONS) == {
        "eval [libpython3.so]": 12,
        "malloc [libc.so.6]": 13,
        "no symbol [libc.so.6]": 4,
    }
    assert sum(meter.functions(FUNCTIONS).values()) == totals(FUNCTIONS).instructions


figures = st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(0, 99), min_size=1)


@given(figures, figures)
def test_the_functions_that_differ_most_are_named_and_the_rest_is_their_sum(before, after):
    found = row(counted(9, functions=before), counted(9, functions=after))
    lines = [line for lines in sentences.functions(found).values() for line in lines]
    differences = {name: after.get(name, 0) - before.get(name, 0) for name in {**before, **after}}
    assert sum(int(line.split()[0].replace(",", "")) for line in lines) == sum(differences.values())
    named = {line.split()[1] for line in lines if " in " not in line}
    others = [abs(d) for name, d in differences.items() if name not in named]
    assert all(abs(differences[name]) >= max(others, default=0) for name in named)
    assert len(lines) <= sentences.MOST_FUNCTIONS + 1


def test_a_gate_is_broken_by_more_than_its_amount_and_never_within_rounds():
    criteria = [gates.parse("instructions>1%")]
    for after, broken in ((1005, False), (1010, False), (1011, True), (900, False)):
        rows = [row(counted(1000, 1000), counted(after, after))]
        assert bool(breaches.on_instructions(criteria, rows)) == broken
    noisy = [row(counted(1000, 1100), counted(1050, 1050))]
    assert not breaches.on_instructions(criteria, noisy)


def test_a_gate_that_could_never_fail_is_refused():
    criterion = gates.parse("instructions>1%")
    options = {"collector": "on", "seed": 0, "sets": 1, "budget": 0, "min_rounds": 1, "limit": 1}
    with pytest.raises(UsageError, match="--instructions"):
        gate_checks.check_counted([criterion], Options(**options))
    with pytest.raises(UsageError, match="gated as ratios"):
        gates.parse("instructions>5MB")


GROUND = {"interpreter": "cpython 3.11.7", "NumPy": "2.4.6", "CPU features": "AVX AVX2 SSE"}


def judged(tmp_path: Path, before: Instructions | None, after: Instructions | None, **more: Any):
    """The outcome of the gate on a run, against a baseline file of another."""
    path = tmp_path / "baseline.json"
    write_baseline(run(case(instructions=before)), path)
    now = run(case(instructions=after, **more))
    criteria = [gates.parse("instructions>1%")]
    outcome = judge(now, known.load(path), criteria, path)
    return outcome, gate.lines(outcome, criteria, now, path)


def test_a_baseline_of_the_same_binaries_gates_instructions(tmp_path):
    before = counted(1000, 1000, ground=GROUND, functions={"f": 9}, calls={"g": 1})
    for after, code in ((1000, 0), (1010, 0), (1011, 1)):
        outcome, lines = judged(tmp_path, before, counted(after, after, ground=GROUND))
        assert outcome.exit_code == code, lines
    assert b'"functions":{},"calls":{}' in (tmp_path / "baseline.json").read_bytes()


@pytest.mark.parametrize("name", GROUND)
def test_a_baseline_of_other_binaries_is_refused_with_what_differs(tmp_path, name):
    before = counted(1000, ground=GROUND)
    after = counted(2000, ground=GROUND | {name: f"{GROUND[name]}, built again"})
    outcome, lines = judged(tmp_path, before, after)
    assert outcome.exit_code == 3
    assert not outcome.breaches
    assert lines[-1].startswith("NOT JUDGED")
    assert name in lines[-1]
    assert GROUND[name] in lines[-1]


def test_a_gate_on_instructions_that_were_not_counted_is_not_passed(tmp_path):
    known = counted(1000, ground=GROUND)
    for before, after, why in (
        (None, known, "the baseline has none"),
        (known, None, "the run has none"),
        (counted(1000), known, "not known with which binaries"),
    ):
        outcome, lines = judged(tmp_path, before, after)
        assert (outcome.exit_code, why in lines[-1]) == (3, True), lines
    outcome, lines = judged(tmp_path, known, None, uncounted="valgrind knows it not")
    assert "valgrind knows it not" in lines[-1]


def test_two_run_files_of_other_binaries_are_not_compared():
    old = run(case(instructions=counted(1000, ground=GROUND)))
    for ground, same in ((GROUND, True), (GROUND | {"NumPy": "9"}, False)):
        new = run(case(instructions=counted(1500, ground=ground)))
        both = compared.of_files(old, new, ("old", "new"))
        [found] = verdicts.candidates(both)
        assert (instructions.compare(found.case, found.baseline) is not None) == same
        criteria = [gates.parse("instructions>1%")]
        assert bool(breaches.on_instructions(criteria, [found])) == same
        assert bool(breaches.not_counted(criteria, [found])) != same
        if not same:
            assert "NumPy 2.4.6, now 9" in sentences.instructions_sentence(found)


@pytest.mark.parametrize(
    ("scatter", "each", "alarms", "seen"),
    [(0, 1000, 0, 3), (100, 1000, 0, 3), (2000, 1000, 0, 0), (-500, 300, 3, 0)],
    ids=["exact", "scattering", "too much to see", "the histories show nothing of it"],
)
def test_trials_tell_how_often_the_verdicts_are_wrong(monkeypatch, scatter, each, alarms, seen):
    def count(_workers: Any, _group: Any, _variant: Any, way: Any = None) -> Instructions:
        total = 100_000 + each * (way["more"] if way else 0)
        total += min(0, scatter) if way else 0
        return counted(total, total, again=[total + max(0, scatter)])

    monkeypatch.setattr(instruction_trials, "count", count)
    groups, _ = plan(["squares-100"], [10], ["engine"])
    options = Options(collector="on", seed=0, sets=1, budget=0, min_rounds=1, limit=1)
    *_, trials = instruction_trials.alternate_counts(groups, 1, 3, options, lambda *_: None)
    again, more = trials.kinds.values()
    assert (3 - again.words["equal"], more.words["more"]) == (alarms, seen)
    assert trials.largest_in_place == 0
    assert trials.largest_elsewhere == pytest.approx(-min(0, scatter) / 100_000)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=2), st.integers(0, 9000))
def test_an_operation_costs_more_beyond_what_identical_code_does(jitter, more):
    base = 50 * 1000
    now = {"y + x": [base + more, base + more], "y * x": [base, base]}
    elsewhere = {name: [counts[0] + j for j in jitter] for name, counts in now.items()}
    before = {"y + x": [base, base], "y * x": [base, base]}
    one, other = operation_costs.costs(now, elsewhere, before)
    assert other.more == 0
    assert one.more == (more if more > 2 * max(jitter) else 0)
    criterion = gates.parse("instructions>1%")
    assert one.exceeds(criterion) == (one.more > base / 100)
    assert not other.exceeds(criterion)


def test_only_the_operations_that_an_engine_has_are_counted():
    theirs: dict[str, Any] = {}
    exec(ADAPTER, theirs)
    square = ["square(y)", f"square(y){operations.BACKWARD}"]
    assert list(operations.program(theirs["Mine"]())) == ["inputs", *square, END]
    ours = list(operations.program(engines.get("engine").make()))
    assert ours[1:-1:2] == list(operations.KINDS)


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
def test_what_more_is_executed_is_reported_gated_explained_and_kept_as_a_baseline(tmp_path):
    two = ("engine", "engine:retain_grad=on")
    done = gradmeter(
        "compare", *two, "--size", "16", "--instructions", "--functions", "--sets", "1",
        "--budget", "0", "--seconds", "0", "--fail-on", "instructions>5%", "--out", tmp_path, "-v",
    )  # fmt: skip
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert "engine:retain_grad=on on squares-3 x 16: more instructions" in text
    assert "gate failed: instructions>5%" in text
    assert "_PyEval_EvalFrameDefault" in text
    assert "+5 engine/gradient.py:is_unshared" in text
    assert "others" in text
    assert "more instructions" in (tmp_path / "report.md").read_text()
    assert "child processes are not seen" in text
    baseline = tmp_path / "baseline.json"
    assert gradmeter("baseline", tmp_path, "--out", baseline).returncode == 0
    same = gradmeter("check", tmp_path, "--against", baseline, "--fail-on", "instructions>1%")
    assert (same.returncode, "passed" in same.stdout) == (0, True), same.stdout
    content = baseline.read_text()
    baseline.write_text(content.replace("AVX2", "AVX9"))
    other = gradmeter("check", tmp_path, "--against", baseline, "--fail-on", "instructions>1%")
    assert other.returncode == 3
    assert "CPU features without AVX9, with AVX2" in other.stdout
