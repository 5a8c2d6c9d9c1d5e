"""The workflow to copy, run as a script in a repository that is not this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

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


def test_the_job_of_a_suite_fails_for_a_gate_and_writes_its_summary(tmp_path):
    top = repository(
        tmp_path / "top",
        {"src/pkg/__init__.py": CODE.format(1), "benchmarks/test_it.py": TEST},
        {"src/pkg/__init__.py": CODE.format(2)},
    )
    git(tmp_path, "clone", "--quiet", str(top), "clone")
    git(top, "branch", "old", "main~1")
    git(tmp_path / "clone", "fetch", "--quiet")
    assert "gradmeter compare --rev" in script("engine")
    # As it stands, but for the seconds that it may take.
    command = script("suite").replace("--markdown", "--markdown --sets 8 --most-sets 8 --budget 0")
    for base, code in (("old", 1), ("main", 0)):
        summary = tmp_path / base
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=tmp_path / "clone",
            env={
                **os.environ, "BASE": base, "GITHUB_STEP_SUMMARY": str(summary),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        text = summary.read_text()
        assert text == done.stdout
        assert ("Gate failed: peak&#62;0" in text) == bool(code)
        assert ("1 same code" in text) == (not code)
