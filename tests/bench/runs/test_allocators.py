"""The allocator's policy decides whether pages are taken anew, and no history moves it."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.results import run_file
from gradmeter.bench.runs import allocators, histories
from gradmeter.bench.runs.histories import HISTORIES, act

from ..command import gradmeter
from ..scripted import World
from .test_runner import GROUP

PAGE = resource.getpagesize()
# Pages that a run of ten arrays takes from the system, after a history and a first run.
FAULTS = """
import resource, sys
import numpy as np
from gradmeter.bench.runs.histories import act
if sys.argv[1]:
    act(sys.argv[1])
def run():
    kept = [np.ones(100_000) for _ in range(10)]
run(), run()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
run()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
WRITTEN = 10 * 800_000 // PAGE


def faults(policy: str, history: str) -> int:
    environment = allocators.environment(policy, os.environ) | {"NUMPY_MADVISE_HUGEPAGE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, history],
        env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return int(done.stdout)


glibc = pytest.mark.skipif(
    "glibc" not in os.confstr("CS_GNU_LIBC_VERSION") if hasattr(os, "confstr") else True,
    reason="the policies are those of the GNU C library",
)


@glibc
@pytest.mark.parametrize("history", ["", "large blocks freed", "small blocks freed"])
def test_kept_memory_is_there_already_whatever_was_before(history):
    assert faults("kept", history) < WRITTEN // 20


@glibc
def test_returned_memory_is_taken_anew():
    assert faults("returned", "") >= WRITTEN


@glibc
def test_what_the_system_does_depends_on_the_history():
    """The reason for a policy: a block that was freed once changes every later run."""
    assert faults("system", "large blocks freed") < WRITTEN // 20 < faults("system", "") // 10


@given(
    st.sampled_from(["kept", "returned"]),
    st.dictionaries(
        st.sampled_from(["MALLOC_TOP_PAD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "HOME"]),
        st.text(max_size=3),
    ),
)
def test_a_policy_replaces_what_was_inherited_and_leaves_the_rest(policy, inherited):
    environment = allocators.environment(policy, inherited)
    settings = allocators.variables(policy)
    assert environment == {k: v for k, v in inherited.items() if k == "HOME"} | settings


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_the_systems_policy_leaves_the_environment_as_it_is(inherited):
    assert allocators.environment("system", inherited) == inherited


def test_what_is_timed_has_the_policy_and_resident_memory_the_systems():
    world = World()
    world.runner(allocator="kept").measure([GROUP])
    assert {spec.allocator for spec in world.meters("time")} == {"kept"}
    assert {spec.allocator for spec in world.meters("residency")} == {"system"}
    assert {case.allocator for case in world.saved[-1].cases} == {"kept"}


def test_a_variants_own_choice_holds_for_every_meter_and_for_no_other_variant():
    variants = ("engine", "engine:memory=returned", "engine:memory=kept")
    group = Group(GROUP.workload, GROUP.size, tuple(map(parse, variants)))
    world = World()
    world.runner(allocator="kept").measure([group])
    chosen = {"engine": "kept", "engine:memory=returned": "returned", "engine:memory=kept": "kept"}
    cases = {case.variant: case for case in world.saved[-1].cases}
    assert {name: case.allocator for name, case in cases.items()} == chosen
    resident = {name: case.residency.allocator for name, case in cases.items()}
    assert resident == chosen | {"engine": "system"}
    for meter in ("time", "allocations", "cycles"):
        policies = Counter(spec.allocator for spec in world.meters(meter))
        assert policies["returned"] > 0
        assert policies["kept"] >= 2 * policies["returned"]


@glibc
def test_in_one_run_what_is_kept_stays_resident_and_what_is_returned_does_not(tmp_path):
    """Real workers, whichever way they are started: nothing leaks from one to the other."""
    words = [
        "engine:memory=returned",
        "engine:memory=kept",
        "engine:memory=returned,retain_grad=on",
    ]
    done = gradmeter(
        "run", *[word for text in words for word in ("--variant", text)],
        "--workload", "squares-3", "--size", "200000", "--sets", "1", "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    run = run_file.load(tmp_path / "run.json")
    returned, kept, more = (case.residency for case in run.cases)
    assert kept.left > 0.9 * kept.bytes > 5_000_000
    assert max(returned.left, more.left) < kept.left / 5
    assert {case.memory.peak for case in run.cases[:2]} == {run.cases[0].predicted.peak}
    words = " ".join(done.stdout.split())
    assert re.search(r" kept = .*? 6\.\d MB stay resident when all is dropped; ", words), words
    assert "stay resident" in (tmp_path / "report.md").read_text()


def test_every_history_can_be_acted(monkeypatch):
    monkeypatch.setattr(histories, "COMPUTING", 0.1)
    for name in HISTORIES:
        if name != "many objects":  # which would stay alive in this process
            act(name)


def test_a_variant_is_started_with_a_history_only_where_it_is_asked_for():
    world = World()
    world.runner().measure([GROUP])
    assert {spec.history for _, spec, _ in world.log} == {""}
    assert parse("engine") in GROUP.variants
