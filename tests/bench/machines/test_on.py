"""The command line of runs on many machines: what is refused, what is sent, what is forecast."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradmeter.bench import engines
from gradmeter.bench.cases.plan import plan
from gradmeter.bench.errors import UsageError
from gradmeter.bench.machines import cluster, extra
from gradmeter.bench.machines.shipping import lay_out, planned, shipment
from tests.bench.command import gradmeter


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--on", "local:none"], "--on local:none is no number of workers, 1 to 99"),
        (["run", "--machines", "2"], "--machines says on how many machines of --on"),
        (["compare", "--on", "local:2", "one/run.json", "two/run.json"], "files are compared here"),
        (["run", "--on", "nowhere://here", "--exact"], "no Dask scheduler answers there"),
        (["run", "--on", "tls://127.0.0.1:1", "--exact"], "no Dask scheduler answers there"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path, words, sentence):
    done = gradmeter(*words, "--size", "10", cwd=tmp_path)
    assert done.returncode == 2
    *_, last = done.stderr.strip().splitlines()
    assert sentence in last
    assert "Traceback" not in done.stderr


def test_a_scheduler_that_is_not_there_is_named_with_what_starts_one(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    with (
        pytest.raises(UsageError, match=r"tcp://127.0.0.1:1: no Dask scheduler .* dask scheduler"),
        cluster.connected("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed here: pip install distributed"):
        extra.need()


def test_a_dry_run_says_what_each_machine_would_measure(tmp_path):
    done = gradmeter(
        "run", "--exact", "--size", "10", "--size", "20", "--on", "local:2", "--dry-run",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 machine: about 0.6 s if all are as fast as each other" in done.stdout
    assert not (tmp_path / "reports").exists()


def test_what_a_file_imports_from_its_folders_is_sent_and_nothing_that_is_installed(
    tmp_path, monkeypatch
):
    home = tmp_path / "home"
    (home / "package" / "inner").mkdir(parents=True)
    for name, text in {
        "work.py": "import numpy, first\nimport gradmeter\n"
        "def late():\n    import second\n"
        "@gradmeter.workload(lambda size, generator: {'x': generator.random(size)})\n"
        "def shipped(operations, x):\n    return x * x\n",
        "first.py": "from package.inner import deep\n",
        "second.py": "",
        "unused.py": "",
        "package/__init__.py": "",
        "package/inner/__init__.py": "",
        "package/inner/deep.py": "",
    }.items():
        (home / name).write_text(text)
    monkeypatch.chdir(home)
    groups, _ = plan(["work.py:shipped"], [10], ["engine"])
    sent = shipment(groups)
    top = home.relative_to("/").as_posix()
    assert {Path(name).relative_to(top).as_posix() for name in sent.files} == {
        "work.py", "first.py", "second.py", "package/__init__.py", "package/inner/__init__.py",
        "package/inner/deep.py",
    }  # fmt: skip
    assert planned(groups[0]).workload == f"{top}/work.py:shipped"
    there = tmp_path / "there"
    assert lay_out(sent, there) == ([], [])
    assert (there / top / "first.py").read_text() == (home / "first.py").read_text()
    assert Path.cwd() == there / top
    assert "engine" in engines.names()
