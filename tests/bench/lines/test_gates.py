"""What a broken gate says of lines: the difference to a baseline that keeps the few at a peak."""

from __future__ import annotations

import json

import pytest

from ..command import gradmeter
from ..throwaway import ADAPTER, START

PLANTED = "    x.copied = x.data.copy()\n"
ARRAY = 8 * 10_000
RUN = (
    *("run", "--engine", "adapter.py", "--size", "1e4", "--workload", "squares-3"),
    *("--exact", "--lines", "--out", "out"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a baseline of an engine, and a run of it with one line more."""
    path = tmp_path_factory.mktemp("engine")
    adapter = path / "adapter.py"
    adapter.write_text(ADAPTER)
    assert gradmeter(*RUN, cwd=path).returncode == 0
    assert gradmeter("baseline", "out", "--out", "baseline.json", cwd=path).returncode == 0
    adapter.write_text(ADAPTER.replace(START, f"# A comment.\n\n{START}{PLANTED}"))
    assert gradmeter(*RUN, cwd=path).returncode == 0
    return path


def test_a_failed_gate_names_the_planted_line_and_no_other(folder):
    done = gradmeter("check", "out", "--against", "baseline.json", cwd=folder)
    assert done.returncode == 1
    number = (folder / "adapter.py").read_text().split("\n").index(PLANTED.rstrip()) + 1
    line = f"adapter.py:{number} `x.copied = x.data.copy()`"
    peak, held = done.stdout.split("gate failed: ")[1:]
    assert f"+{3 * ARRAY // 1000}.0 kB at {line}\n" in peak + held
    assert peak.count(" at adapter.py:") == held.count(" at adapter.py:") == 1


def test_a_baseline_keeps_few_lines(folder):
    document = json.loads((folder / "baseline.json").read_text())
    [case] = document["cases"]
    lines = case["lines"]
    for figure in ("peak", "held"):
        assert len(lines[figure]) <= 7
        assert sum(size for _, size in lines[figure]) == case[figure]
    assert len(json.dumps(lines)) < 1000


def test_a_baseline_without_lines_is_judged_all_the_same(folder):
    document = json.loads((folder / "baseline.json").read_text())
    del document["cases"][0]["lines"]
    (folder / "old.json").write_text(json.dumps(document))
    done = gradmeter("check", "out", "--against", "old.json", cwd=folder)
    assert done.returncode == 1
    assert "alive at the peak: " in done.stdout
    assert "`x.copied = x.data.copy()`" in done.stdout
    assert "make the baseline of a run with --lines" in done.stdout


def test_a_run_without_lines_says_how_to_see_them(folder):
    run = json.loads((folder / "out/run.json").read_text())
    run["cases"][0]["lines"] = None
    (folder / "run.json").write_text(json.dumps(run))
    done = gradmeter("check", "run.json", "--against", "baseline.json", cwd=folder)
    assert done.returncode == 1
    assert "measure again with --lines (pytest: --bench-lines)" in done.stdout
    assert done.stdout.count("measure again") == 1
