"""Jobs of the workflows to copy, run step by step as a runner of GitHub's does, without GitHub.

What is not here, such as an action or a function that the workflows do not use, is refused: then a
test fails, and says that it has to be made.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from .command import PATIENCE
from .repositories import git

WORKFLOWS = Path(__file__).parents[2] / ".github"
SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
# It records how it was called, and the comment.
GH = """#!/bin/sh
echo "$@" >> "$GH_CALLS"
for last; do :; done
cat "$last" >> "$GH_CALLS"
"""


def load(name: str) -> dict[str, Any]:
    """A workflow; YAML takes its "on" for the truth."""
    return yaml.safe_load((WORKFLOWS / name).read_text())


@dataclass
class Runner:
    """A machine that jobs run on, and what GitHub knows.

    Attributes:
        remote: the repository, bare.
        github: of the event, by dotted name.
        variables: beside those of this process.
        replaced: texts in scripts, such as options that keep a test short.
    """

    folder: Path
    remote: Path
    github: Mapping[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict)
    replaced: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Make the Python that setup-python brings: with what is installed here, and its own."""
        self.folder.mkdir()
        venv = self.folder / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        (site,) = venv.glob("lib/*/site-packages")
        ours = sysconfig.get_paths()["purelib"]
        (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        gh = self.folder / "bin/gh"
        gh.parent.mkdir()
        gh.write_text(GH)
        gh.chmod(0o755)

    @property
    def comments(self) -> str:
        """How gh was called, each with the comment."""
        path = self.folder / "gh-calls"
        return path.read_text() if path.exists() else ""

    @property
    def summary(self) -> str:
        """The summary of all jobs that ran."""
        path = self.folder / "summary"
        return path.read_text() if path.exists() else ""

    def run(
        self, workflow: Mapping[str, Any], name: str, clone: str, *, again: bool = False
    ) -> list[Any] | None:
        """Run a job in folder/clone.

        Args:
            again: it has run there, and only its last step depends on what has changed since.

        Returns:
            The steps that ran as finished processes; None where the event is not the job's.
        """
        job = workflow["jobs"][name]
        if not self._value(job.get("if", "success()"), clone, failed=False):
            return None
        done: list[Any] = []
        for step in job["steps"][-1 if again else 0 :]:
            failed = any(process.returncode for process in done)
            condition = step.get("if", "success()")
            always = "always()" in condition
            if (failed and not always) or not self._value(condition, clone, failed=failed):
                continue
            if "uses" in step:
                self._use(step, clone)
            else:
                values = {**workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
                done.append(self._script(step, values, clone))
        return done

    def _use(self, step: Mapping[str, Any], clone: str) -> None:
        action = step["uses"].partition("@")[0]
        if action == "actions/setup-python":
            return
        assert action == "actions/checkout", action
        depth = step.get("with", {}).get("fetch-depth", 1)
        folder = self.folder / clone
        git(self.folder, "init", "--quiet", str(folder))
        git(folder, "remote", "add", "origin", self.remote.as_uri())
        ref = self.github["ref"]
        branch = ref.removeprefix("refs/heads/")
        pull = branch == ref  # a merge, of which there is no branch
        there = ref.replace("refs/", "refs/remotes/") if pull else f"refs/remotes/origin/{branch}"
        # All branches for 0, and else the one commit.
        words = ["+refs/heads/*:refs/remotes/origin/*"] if depth == 0 else [f"--depth={depth}"]
        git(folder, "fetch", "--quiet", "--no-tags", "origin", *words, f"+{ref}:{there}")
        git(
            folder, "checkout", "--quiet", *["--detach"] * pull, *["-B", branch] * (not pull), there
        )

    def _script(
        self, step: Mapping[str, Any], values: Mapping[str, str], clone: str
    ) -> subprocess.CompletedProcess[str]:
        script = step["run"]
        for old, new in self.replaced:
            script = script.replace(old, new)
        path = self.folder / "step.sh"
        path.write_text(script)
        ours, here = Path(sys.executable).parent, self.folder
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "PYTEST_")) and name != "PYTHONPATH"
        }
        return subprocess.run(
            [*SHELLS[step.get("shell")], str(path)],
            cwd=self.folder / clone,
            env={
                **kept,
                **self.variables,
                **{name: self._text(value, clone) for name, value in values.items()},
                "GITHUB_STEP_SUMMARY": str(here / "summary"),
                "GH_CALLS": str(here / "gh-calls"),
                "PYTEST_ADDOPTS": "-p no:hypothesispytest",  # as where it is not installed
                "PATH": f"{here / 'bin'}:{here / 'python/bin'}:{ours}:{os.environ['PATH']}",
                "HOME": str(here),  # a user whom git does not know
                "GIT_CONFIG_NOSYSTEM": "1",
                "PIP_NO_BUILD_ISOLATION": "0",  # which means that there is none
                "PIP_NO_INDEX": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )  # fmt: skip

    def _text(self, text: str, clone: str) -> str:
        def value(match: re.Match[str]) -> str:
            return str(self._value(match[1], clone, failed=False))

        return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))

    def _value(self, expression: str, clone: str, *, failed: bool) -> Any:
        """The value of an expression, of those that mean the same in Python."""
        python = expression.strip().replace("&&", " and ").replace("||", " or ")
        functions = {
            "always": lambda: True,
            "success": lambda: not failed,
            "hashFiles": lambda name: "1" * (self.folder / clone / name).exists(),
        }
        return eval(python, {"__builtins__": {}}, {"github": _nested(self.github), **functions})


def _nested(values: Mapping[str, Any]) -> SimpleNamespace:
    """Values by dotted name as objects in each other."""
    groups: dict[str, dict[str, Any]] = {}
    plain: dict[str, Any] = {}
    for name, value in values.items():
        first, _, rest = name.partition(".")
        if rest:
            groups.setdefault(first, {})[rest] = value
        else:
            plain[first] = value
    return SimpleNamespace(**plain, **{name: _nested(each) for name, each in groups.items()})
