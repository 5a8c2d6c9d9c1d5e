"""The goals: bounds against counting by hand, ratios against known times, and what is printed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from gradmeter.bench import workloads
from gradmeter.bench.goals import __main__ as goals
from gradmeter.bench.goals import bounds, means, peers
from gradmeter.bench.goals.goal import Outcome
from gradmeter.bench.goals.peers import COMPILED, EAGER, Compared
from gradmeter.bench.goals.processes import Times
from gradmeter.bench.runs import allocators
from gradmeter.engine.freed_memory import unavailable


@pytest.mark.parametrize(
    ("workload", "arrays"),
    [
        # a square: x and y; gy, x and gx.
        ("squares-3", 3 * (2 + 3)),
        # y * y reads one array; each factor gets gy * y, and the two are added.
        ("self_products-3", 3 * (2 + 3 + 3 + 3)),
        # y + c: the gradient is handed on.
        ("constant_sums-10", 10 * 2),
        # x**2, y**2 (2 each), + (3), 0.26 * (2), 0.48 * x (2), * y (3), - (3); backward: the
        # subtraction negates (2), * y reads gy and the other, twice (6), 0.48 * (2), 0.26 * (2),
        # squares (6), and x and y have two gradients each, added (6).
        ("matyas", 17 + 24),
    ],
)
def test_the_bytes_of_an_eager_program_are_those_counted_by_hand(workload, arrays):
    assert bounds.eager_bytes(workloads.get(workload), 1000) == arrays * 8000


def test_the_bytes_of_a_training_step_are_those_counted_by_hand():
    rows, features, hidden = 125, 8, 16
    x, h, t = rows * features, rows * hidden, rows
    w1, b1, w2, b2 = features * hidden, hidden, hidden, 1
    first = (x + w1 + h) + (h + x + w1)  # x is a constant
    bias = (h + b1 + h) + (h + b1)
    tanh = 2 * h + 3 * h
    second = (h + w2 + t) + (t + w2 + h) + (t + h + w2)
    error = (t + b2 + t) + (t + b2) + 3 * t
    loss = (2 * t + 9 * t) + (t + 1) + (1 + 1) + (1 + 1)  # a sum's gradient is a view
    moved = bounds.eager_bytes(workloads.get("training_step"), 1000)
    assert moved == 5 * 8 * (first + bias + tanh + second + error + loss)


def test_a_compiled_program_reads_its_inputs_and_writes_value_and_gradients():
    assert bounds.compiled_bytes(workloads.get("squares-30"), 1000) == 3 * 8000
    assert bounds.compiled_bytes(workloads.get("goldstein_price"), 1000) == 5 * 8000


def test_a_bandwidth_is_measured():
    assert 10**8 < bounds.bandwidth(10_000, 5, 0.01) < 10**13


FAULTS = """
import resource, sys
import numpy as np
from gradmeter.bench.goals import means

means.MEANS[sys.argv[1]]()

def run():
    arrays = [np.ones(100_000) for _ in range(10)]

run(), run()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
run()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(bool(unavailable()), reason="they are means of the GNU C library")
@pytest.mark.parametrize("name", sorted(means.MEANS.keys() - {"touched"}))  # which takes 3 GiB
def test_each_means_keeps_memory_and_without_one_it_is_taken_anew(name):
    if name == "pool" and shutil.which("cc") is None:
        pytest.skip("the pool takes a C compiler")
    variables = allocators.environment("returned" if name == "none" else "system", os.environ)
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, name],
        env={**variables, "NUMPY_MADVISE_HUGEPAGE": "0"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout) > 1000) == (name == "none")


def times(*seconds: float) -> Times:
    return Times(list(seconds), [2 * s for s in seconds], list(seconds))


def test_ratios_are_of_the_rounds_and_name_the_peer_with_its_version():
    results = {EAGER: times(1, 2, 4), COMPILED: times(0.5, 0.5, 0.5)}
    found = Compared(workloads.get("squares-3"), 1000, "squares-3 x 1,000", results, 1)
    outcome = found.outcome("compiled", COMPILED, EAGER, 0.3)
    assert outcome.figures == [0.125, 0.25, 0.5]
    assert outcome.met
    assert outcome.name == "squares-3 x 1,000: compiled, against our eager"
    assert 0 < outcome.bound < 0.01
    assert "24.0 kB must move" in outcome.reason


def test_a_peer_that_is_not_there_or_fails_is_not_compared(monkeypatch, capsys):
    def timed(specs, least, budget):
        return [times(1, 1) if spec.engine == "engine" else Times([], [], [], "it broke")
                for spec in specs]  # fmt: skip

    monkeypatch.setattr(peers, "timed", timed)
    monkeypatch.setattr(peers, "_peak", lambda spec: 7)
    names = [outcome.name for outcome in peers.goals(10_000)]
    assert names == [
        "training_step x 10,000: compiled, against our eager",
        "training_step x 10,000: compiled, peak bytes against our eager",
    ]
    told = capsys.readouterr().err
    assert told.count("was not timed: it broke") + told.count("is not compared; pip") == 9


def test_a_missed_goal_ends_the_command_with_1_and_has_its_bound(monkeypatch, capsys):
    outcomes = [
        Outcome("fast", 0.5, [0.3, 0.4, 0.5]),
        Outcome("slow", 0.5, [0.5, 0.6, 0.7], 0.45, "8 B must move"),
    ]
    monkeypatch.setattr(goals, "PARTS", {"some": lambda _: iter(outcomes)})
    assert goals.main(["some"], 1) == 1
    out = capsys.readouterr().out
    assert "| slow | 0.5 | 0.6 | 0.5 to 0.7 | 0.45 | missed |" in out
    assert "- slow: 8 B must move." in out
    monkeypatch.setattr(goals, "PARTS", {"some": lambda _: iter(outcomes[:1])})
    assert goals.main(["some"], 1) == 0
