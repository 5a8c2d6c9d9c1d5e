"""Runs on a cluster of real processes, which are killed: the result is that of a local run.

`make cluster` has more groups, and measures them also on machines that are namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Case, Run
from tests.bench.history.planted import module
from tests.bench.machines.clusters import Cluster, agents_of, environment, wait_for
from tests.bench.machines.namespaces import Namespaces, unavailable
from tests.bench.repositories import LEAST, repository, write
from tests.bench.throwaway import adapter_of

THOROUGH = "GRADMETER_GROUPS" in os.environ
GROUPS = int(os.environ.get("GRADMETER_GROUPS", "8"))
KINDS = {"processes": Cluster} | ({"namespaces": Namespaces} if THOROUGH else {})
thorough = pytest.mark.skipif(not THOROUGH, reason="make cluster")
ADAPTER = """
import beside
from gradmeter.bench.engines.ours import ENGINE as OURS
from dataclasses import replace
ENGINE = replace(OURS, name="mine")
"""
WORKLOAD = """
import gradmeter
from factors import FACTOR

@gradmeter.workload(lambda size, generator: {"x": generator.random(size)})
def scaled(operations, x):
    print("a user's workload may print")
    return x * FACTOR * x
"""
SRC = "[tool.setuptools]\npackage-dir = {'' = 'src'}\npy-modules = ['tiny']\n"
WHAT = ["--engine", "adapter.py", "--workload", "work.py:scaled", "--exact"]
WHAT += [word for n in range(GROUPS) for word in ("--size", str(100 + n))]


SUITE = """
import gradmeter
from factors import FACTOR

@gradmeter.workload(lambda size, generator: {"x": generator.random(size)})
def declared(operations, x):
    return x * FACTOR

@gradmeter.cases(declared, [10, 20], ["engine", "engine:retain_grad=on"])
def test_cost(measure, question):
    measure(question)

def test_call(benchmark):
    benchmark(list, "ab")
"""
MORE = """
import gradmeter

@gradmeter.cases("work.py:scaled", [10], ["engine", "mine"])
def test_more(measure, question):
    measure(question)
"""
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
PYTEST += ("--benchmark-only", "--bench-engine", "adapter.py")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name, text in {
        "adapter.py": ADAPTER,
        "beside.py": "",
        "work.py": WORKLOAD,
        "factors.py": "FACTOR = 3.0\n",
        "test_suite.py": SUITE,
        "test_more.py": MORE,
    }.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def local(project):
    """The run of all groups on this machine."""
    client = start(project, "local")
    assert client.wait() == 0, said(project, "local")
    return run_file.load(project / "local" / "run.json")


@pytest.fixture(scope="module", params=KINDS)
def cluster(request, tmp_path_factory):
    """A cluster, whose kind is in the name of its folder."""
    kind = KINDS[request.param]
    if kind is Namespaces and (why := unavailable()):
        pytest.skip(why)
    cluster = kind(tmp_path_factory.mktemp(request.param))
    try:
        cluster.scheduler()
        for _ in range(4 if kind is Namespaces else 2):
            cluster.worker()
        yield cluster
    finally:
        cluster.close()


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True)


def start(project: Path, out: str, *more: str, prefix=()) -> subprocess.Popen[bytes]:
    command = [*prefix, sys.executable, "-m", "gradmeter", "run", *WHAT, "--out", out, *more]
    with (project / f"{out}.txt").open("wb") as log:
        return subprocess.Popen(
            command, cwd=project, env=environment(), stdout=subprocess.DEVNULL, stderr=log
        )


def said(project: Path, out: str) -> str:
    return (project / f"{out}.txt").read_text()


def finished(project: Path, out: str) -> int:
    path = project / out / "run.json"
    return sum(case.finished for case in run_file.load(path).cases) if path.exists() else 0


def exact(run: Run) -> list[Case]:
    """The cases without what is measured in seconds or sampled, and where."""
    noisy = {"first_run": None, "times": [], "again": [], "residency": None, "machine": ""}
    # Of a test's call: pages, of which the kernel's count is some off where a process has just
    # been on another core.
    noisy["resident"] = None
    return [msgspec.structs.replace(case, **noisy) for case in run.cases]


def test_the_cases_of_a_suite_are_measured_there_as_they_are_here(project, cluster):
    words = (*PYTEST, "--bench-exact", "--bench-memory", "--bench-out")
    runs = []
    for out, prefix, on in (("here", (), ()), ("there", cluster.prefix, (cluster.address,))):
        done = run(project, *prefix, *words, out, *(f"--bench-on={each}" for each in on))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "7 passed" in done.stdout
        runs.append(run_file.load(project / out / "run.json"))
    here, there = runs
    assert exact(there) == exact(here)
    assert len(there.cases) == 7
    assert there.finished
    measured = {case.machine for case in there.cases if not case.ordinary}
    assert measured == {*there.machines} or measured == {""}


@thorough
def test_revisions_of_an_engine_are_compared_there_as_they_are_here(tmp_path, cluster):
    top = repository(
        tmp_path / "project",
        {"src/tiny.py": module([1, 1, 1]), "adapter.py": adapter_of("tiny"), "pyproject.toml": SRC},
    )
    write(top, {"src/tiny.py": module([2, 3, 1])})
    words = ("-m", "gradmeter", "compare", "--rev", "HEAD", "--engine", "adapter.py")
    words += ("--workload", "squares-3", "--size", "10", "--size", "20", *map(str, LEAST))
    runs = []
    for out, prefix, on in (("here", (), ()), ("there", cluster.prefix, ("--on", cluster.address))):
        done = run(top, *prefix, sys.executable, *words, "--out", out, *on)
        assert done.returncode == 0, done.stdout + done.stderr
        runs.append(run_file.load(top / out / "run.json"))
    here, there = runs
    assert exact(there) == exact(here)
    assert (there.comparisons, there.revisions) == (here.comparisons, here.revisions)
    assert len({case.memory.peak for case in there.cases}) == 4
    assert all(case.times for case in there.cases)


@thorough
def test_what_is_timed_says_on_which_machine_and_each_has_a_noise_floor(project, cluster):
    out = f"timed on {cluster.folder.name}"
    sizes = [word for n in range(12) for word in ("--size", str(1000 + n))]
    done = run(
        project, *cluster.prefix, sys.executable, "-m", "gradmeter", "compare", "engine",
        "engine:retain_grad=on", *sizes, "--sets", "2", "--most-sets", "2", "--seconds", "0",
        "--budget", "0.05", "--min-rounds", "2", "--on", cluster.address, "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    timed = run_file.load(project / out / "run.json")
    names = [*timed.machines]
    assert len(names) == (4 if isinstance(cluster, Namespaces) else 0)
    assert {case.machine for case in timed.cases} == {*(names or [""])}
    for comparison in timed.comparisons:
        sides = [comparison.baseline, *comparison.candidates]
        cases = [timed.case(comparison.workload, comparison.size, name) for name in sides]
        assert len({case.machine for case in cases}) == 1
        assert all(case.times for case in cases)
    for name in names or ["this run"]:
        assert f"noise floor of {name}: the baseline against itself" in " ".join(
            done.stdout.split()
        )


def test_a_run_survives_its_worker_its_client_and_its_scheduler(project, local, cluster):
    out = f"spread on {cluster.folder.name}"
    on = ("--on", cluster.address)
    first, second, *_ = cluster.workers
    client = start(project, out, *on, prefix=cluster.prefix)
    wait_for(lambda: finished(project, out) >= 2, "the first results are there")
    agents = agents_of(first)
    cluster.kill(first)
    seen = finished(project, out)
    wait_for(lambda: finished(project, out) > seen, "another worker goes on")
    client.kill()
    client.wait()
    of_client = agents_of(second)
    wait_for(lambda: not any(agent.is_running() for agent in agents), "its agent ends")
    seen = finished(project, out)
    assert 3 <= seen < GROUPS

    cluster.worker()
    client = start(project, out, *on, "--resume", prefix=cluster.prefix)
    assert client.wait() == 0, said(project, out)
    if not isinstance(cluster, Namespaces):  # there an agent's Dask worker is its descendant, too
        # Whose client was killed: at once, or where it had just finished, after some idle time.
        wait_for(lambda: not any(agent.is_running() for agent in of_client), "its agent ends")
    spread = run_file.load(project / out / "run.json")
    assert exact(spread) == exact(local)
    assert spread.finished
    assert list(spread.spent) == [f"scaled x {100 + n}" for n in range(GROUPS)]
    if isinstance(cluster, Namespaces):
        assert {case.machine for case in spread.cases} == {*spread.machines}
        assert len(spread.machines) > 1

    out = f"lost on {cluster.folder.name}"
    client = start(project, out, *on, prefix=cluster.prefix)
    wait_for(lambda: finished(project, out) >= 1, "the first result is there")
    cluster.kill(cluster.children[0])
    assert client.wait() == 3
    last = said(project, out).strip().splitlines()[-1]
    assert last == (
        f"gradmeter: the scheduler {cluster.address} does not answer any more; what was measured "
        "is saved; continue from the finished cases with --resume"
    )
    assert finished(project, out) >= 1
