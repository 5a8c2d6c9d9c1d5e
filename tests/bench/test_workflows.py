"""The workflow to copy, run as a script in a repository that is not this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from . import throwaway
from .command import PATIENCE
from .repositories import git, repository

WORKFLOWS = Path(__file__).parents[2] / ".github"
CODE = "import numpy as np\ndef call(n): return np.ones({} * n)\n"
TEST = "import pkg\ndef test_it(benchmark): benchmark(pkg.call, 10)\n"


def script(job: str) -> str:
    """The last step's script of a job that compares."""
    text = (WORKFLOWS / "compare-to-copy.yml").read_text()
    [steps] = re.findall(rf"^  {job}:.*?(?=^  \w|\Z)", text, re.M | re.S)
    [block] = re.findall(r"^        run: \|\n((?:          .*\n)+)", steps, re.M)
    return re.sub("^ {10}", "", block, flags=re.M)


def run_job(
    job: str, folder: Path, base: str, quick: str, replaced: tuple[tuple[str, str], ...] = ()
) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run a job's script in folder/clone, as it stands but for the seconds that it may take.

    Returns:
        The process, and the summary that it wrote.
    """
    command = script(job).replace("--markdown", f"--markdown {quick}")
    for old, new in replaced:
        assert old in command
        command = command.replace(old, new)
    summary = folder / base
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        cwd=folder / "clone",
        env={
            **os.environ, "BASE": base, "GITHUB_STEP_SUMMARY": str(summary),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    text = summary.read_text()
    assert text == done.stdout
    return done, text


def test_the_job_of_a_suite_fails_for_a_gate_and_writes_its_summary(tmp_path):
    top = repository(
        tmp_path / "top",
        {"src/pkg/__init__.py": CODE.format(1), "benchmarks/test_it.py": TEST},
        {"src/pkg/__init__.py": CODE.format(2)},
    )
    git(tmp_path, "clone", "--quiet", str(top), "clone")
    git(top, "branch", "old", "main~1")
    git(tmp_path / "clone", "fetch", "--quiet")
    for base, code in (("old", 1), ("main", 0)):
        done, text = run_job("suite", tmp_path, base, "--sets 8 --most-sets 8 --budget 0")
        assert done.returncode == code, done.stderr
        assert ("Gate failed: peak&#62;0" in text) == bool(code)
        assert ("1 same code" in text) == (not code)


TAPE = throwaway.adapter_of("tinytape").replace('name="mine"', 'name="tape"')
COPYING = throwaway.PACKAGE.replace(
    throwaway.START, f"{throwaway.START}    kept = x.data.copy()\n"
).replace("2 * g * x.data", "2 * g * kept")
WORKLOAD = """
import gradmeter

def inputs(size, generator):
    return {"x": generator.uniform(-1, 1, size)}

@gradmeter.workload(inputs)
def fourth_power(operations, x):
    "x to the fourth power"
    return operations.square(operations.square(x))
"""


def test_the_job_of_an_engine_compares_it_by_a_workload_of_its_own(tmp_path):
    top = repository(
        tmp_path / "top",
        {
            "src/tinytape/__init__.py": throwaway.PACKAGE,
            "adapter.py": TAPE, "workload.py": WORKLOAD,
        },
        {"src/tinytape/__init__.py": COPYING},
    )  # fmt: skip
    git(tmp_path, "clone", "--quiet", str(top), "clone")
    git(top, "branch", "old", "main~1")
    git(tmp_path / "clone", "fetch", "--quiet")
    own = (
        ("adapter.py mine", "adapter.py tape"),
        ("--workload squares-3", "--workload workload.py:fourth_power --size 1000"),
    )
    for base, code in (("old", 1), ("main", 0)):
        quick = "--sets 8 --most-sets 8 --budget 0 --min-rounds 1"
        done, text = run_job("engine", tmp_path, base, quick, own)
        assert done.returncode == code, done.stdout + done.stderr
        assert "fourth" in text
        assert ("Gate failed: peak&#62;0" in text) == bool(code)
