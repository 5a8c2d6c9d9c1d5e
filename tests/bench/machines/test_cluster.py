"""Runs on a cluster of real processes, which are killed: the result is that of a local run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Case, Run
from tests.bench.machines.clusters import Cluster, agents_of, environment, kill, wait_for

GROUPS = int(os.environ.get("GRADMETER_GROUPS", "8"))
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
WHAT = ["--engine", "adapter.py", "--workload", "work.py:scaled", "--exact"]
WHAT += [word for n in range(GROUPS) for word in ("--size", str(100 + n))]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "adapter.py").write_text(ADAPTER)
    (folder / "beside.py").write_text("")
    (folder / "work.py").write_text(WORKLOAD)
    (folder / "factors.py").write_text("FACTOR = 3.0\n")
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.scheduler()
        yield cluster
    finally:
        cluster.close()


def start(project: Path, out: str, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gradmeter", "run", *WHAT, "--out", out, *more]
    with (project / f"{out}.txt").open("wb") as log:
        return subprocess.Popen(
            command, cwd=project, env=environment(project), stdout=subprocess.DEVNULL, stderr=log
        )


def said(project: Path, out: str) -> str:
    return (project / f"{out}.txt").read_text()


def finished(project: Path, out: str) -> int:
    path = project / out / "run.json"
    return sum(case.finished for case in run_file.load(path).cases) if path.exists() else 0


def exact(run: Run) -> list[Case]:
    """The cases without what is measured in seconds."""
    return [msgspec.structs.replace(case, first_run=None) for case in run.cases]


def test_a_run_survives_its_worker_its_client_and_its_scheduler(project, cluster):
    local = start(project, "local")
    workers = [cluster.worker(), cluster.worker()]
    assert local.wait() == 0, said(project, "local")

    client = start(project, "spread", "--on", cluster.address)
    wait_for(lambda: finished(project, "spread") >= 2, "the first results are there")
    agents = agents_of(workers[0])
    kill(workers[0])
    seen = finished(project, "spread")
    wait_for(lambda: finished(project, "spread") > seen, "the other worker goes on")
    kill(client)
    of_client = agents_of(workers[1])
    wait_for(lambda: not any(agent.is_running() for agent in agents), "its agent ends")
    seen = finished(project, "spread")
    assert 3 <= seen < GROUPS

    cluster.worker()
    client = start(project, "spread", "--on", cluster.address, "--resume")
    assert client.wait() == 0, said(project, "spread")
    assert not any(agent.is_running() for agent in of_client)  # whose client was killed
    spread = run_file.load(project / "spread" / "run.json")
    assert exact(spread) == exact(run_file.load(project / "local" / "run.json"))
    assert spread.finished
    assert list(spread.spent) == [f"scaled x {100 + n}" for n in range(GROUPS)]

    client = start(project, "lost", "--on", cluster.address)
    wait_for(lambda: finished(project, "lost") >= 1, "the first result is there")
    kill(cluster.children[0])
    assert client.wait() == 3
    last = said(project, "lost").strip().splitlines()[-1]
    assert last == (
        f"gradmeter: the scheduler {cluster.address} does not answer any more; what was measured "
        "is saved: go on with --resume when it is there again"
    )
    assert finished(project, "lost") >= 1
