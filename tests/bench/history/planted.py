"""Repositories with planted steps: a history of a tiny package, its suite and a tiny engine.

As a program, `python -m tests.bench.history.planted [COMMITS SEED]` plants six steps in so many
commits (two in one, one that is undone, one in a merged branch; one commit does not build) and
searches them, as a suite's and as an engine's, by bisect and by fill, which is killed at random
moments. It tells how many commits were measured, and fails if a step is missed or invented.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ..command import GRADMETER, PATIENCE
from ..throwaway import PACKAGE, START, adapter_of

FUNCTIONS = ("alpha", "beta", "gamma")
SUITE = """
import numpy as np
import pytest
import tiny

@pytest.mark.parametrize("name", ["alpha", "beta", "gamma"])
def test_call(benchmark, name):
    if name == "gamma":
        benchmark.pedantic(tiny.gamma, (np.arange(1000.0),))  # once only
    else:
        benchmark(getattr(tiny, name), np.arange(1000.0))
"""
SETTINGS = "[tool.pytest.ini_options]\npythonpath = '.'\n"
EVERY = 25  # what is undone stays for longer
BROKEN = "this is no Python\n"


def module(copies: Sequence[int]) -> str:
    """A package of three functions, each of which copies its input so often, and of an engine."""
    functions = [
        f"def {name}(x):\n    kept = [x]\n" + "    kept.append(x.copy())\n" * number
        + "    return kept\n"
        for name, number in zip(FUNCTIONS, copies, strict=True)
    ]  # fmt: skip
    more = START + f"    kept = [x.data.copy() for _ in range({sum(copies)})]\n"
    engine = PACKAGE.replace(START, more).replace("lambda g: x", "lambda g, kept=kept: x")
    return "\n".join([*functions, engine])


@dataclass
class Planted:
    """A repository, and the steps in it.

    Attributes:
        copies: of each function at each commit of main, in order; None where it does not build.
        names: of these commits.
        branch: the commit of the merged branch that has a step, and the commit that merged it.
    """

    folder: Path
    copies: list[list[int] | None] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    branch: tuple[str, str] = ("", "")

    def steps(self, *, all_parents: bool) -> dict[str, str]:
        """The commit of each step, by the last one before it that can be measured."""
        good = [i for i, copies in enumerate(self.copies) if copies is not None]
        found = {
            self.names[two]: self.names[one]
            for one, two in pairwise(good)
            if self.copies[one] != self.copies[two]
        }
        if all_parents and self.branch[0]:
            del found[self.branch[1]]
            found[self.branch[0]] = ""  # whichever commit it follows
        return found


def plant(folder: Path, commits: int, seed: int) -> Planted:
    """Make the repository of the module's docstring.

    Args:
        commits: of main; 40 at least.
    """
    chance = random.Random(seed)
    stay = min(EVERY + 5, commits // 3)
    undone = chance.randrange(2, commits - stay - 2)
    taken = {0, 1, undone, undone + stay}
    places = chance.sample([p for p in range(2, commits) if p not in taken], 5)
    two, one, other, merge, broken = places
    changes = {undone: (2, 1), undone + stay: (2, -1), one: (2, 2), other: (0, 1)}
    writer = Writer()
    now, found = [1, 1, 1], Planted(folder)
    marks = []
    for place in range(commits):
        now = list(now)
        if place in changes:
            which, more = changes[place]
            now[which] += more
        if place == two:
            now[0] += 1
            now[1] += 2
        brought = 0
        if place == merge:
            base = marks[max(0, place - 6)]
            before = found.copies[max(0, place - 6)] or now
            tip = base
            for number in range(5):
                beside = list(before)
                beside[1] += 3 * (number >= 3)
                tip = writer.commit(f"branch {number}", module(beside), tip)
                brought = tip if number == 3 else brought
            now[1] += 3
            marks.append(writer.commit("merge the branch", module(now), marks[-1], tip))
            found.branch = (f"{brought}", f"{marks[-1]}")
        else:
            text = BROKEN if place == broken else module(now)
            marks.append(writer.commit(f"commit {place}", text, *marks[-1:]))
        found.copies.append(None if place == broken else now)
    names = writer.write(folder)
    found.names = [names[mark] for mark in marks]
    found.branch = (names[int(found.branch[0])], names[int(found.branch[1])])
    return found


class Writer:
    """Writes commits as git fast-import reads them."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.mark = 0

    def commit(self, subject: str, text: str, *parents: int) -> int:
        """A commit of the package; the first one has all other files, too."""
        self.mark += 1
        who = f"n <n@example.org> {1_700_000_000 + 3600 * self.mark} +0000"
        words = [f"commit refs/heads/main\nmark :{self.mark}\nauthor {who}\ncommitter {who}"]
        words += [f"data {len(subject)}\n{subject}"]
        words += [
            f"{'merge' if number else 'from'} :{parent}" for number, parent in enumerate(parents)
        ]
        files = {"tiny.py": text}
        if not parents:
            files |= {"test_tiny.py": SUITE, "pyproject.toml": SETTINGS, "adapter.py": _ADAPTER}
            files |= {".gitignore": "__pycache__/\nreports/\n"}
        for name, content in files.items():
            words.append(f"M 644 inline {name}\ndata {len(content.encode())}\n{content}")
        self.text.append("\n".join(words) + "\n")
        return self.mark

    def write(self, folder: Path) -> dict[int, str]:
        """Make the repository; return the name of each commit."""
        folder.mkdir(parents=True)
        _git(folder, "init", "--quiet", "--initial-branch=main")
        marks = folder / ".git" / "marks"
        text = "".join(self.text)
        _git(folder, "fast-import", "--quiet", f"--export-marks={marks}", text=text)
        _git(folder, "reset", "--quiet", "--hard")
        pairs = (line.split() for line in marks.read_text().splitlines())
        return {int(mark[1:]): name for mark, name in pairs}


_ADAPTER = adapter_of("tiny")


def _git(folder: Path, *words: str, text: str = "") -> None:
    settings = {"GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *words], cwd=folder, input=text, text=True, capture_output=True,
        env={**os.environ, **settings},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


SEARCHED: Mapping[str, Sequence[str]] = {
    "suite": ("--", "pytest", "-q", "-p", "no:cacheprovider"),
    "engine": ("--engine", "adapter.py", "--size", "100"),
}


def call(planted: Planted, *words: str) -> dict[str, object]:
    """Run a command with --json to its end; return what it prints."""
    options = words[: words.index("--")] if "--" in words else words
    suite = words[len(options) :]
    done = subprocess.run(
        [GRADMETER, *options, "--json", *suite], cwd=planted.folder, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def check(planted: Planted, found: dict, *, all_parents: bool) -> None:  # type: ignore[type-arg]
    """Fail if a step is missed or invented, or is not between its commits."""
    expected = planted.steps(all_parents=all_parents)
    steps = {step["commit"]: step["before"] for step in found["steps"]}
    assert steps.keys() == expected.keys(), (steps.keys() ^ expected.keys(), planted.folder)
    for name, before in expected.items():
        assert before in ("", steps[name]), (name, before, steps[name])


def killed(planted: Planted, chance: random.Random, *words: str) -> int:
    """Run a command again and again, killed at random moments, until it ends by itself."""
    kills = 0
    while True:
        process = subprocess.Popen(
            [GRADMETER, *words], cwd=planted.folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(timeout=chance.uniform(1, 15))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=PATIENCE)
            kills += 1
        else:
            assert process.returncode in (0, 1), process.returncode
            return kills


def main(arguments: Sequence[str]) -> None:
    """Plant, search, and tell what it took."""
    commits, seed = map(int, arguments or ("200", "0"))
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        planted = plant(Path(name, "repository"), commits, seed)
        span = f"{planted.names[0]}..main"
        for what, words in SEARCHED.items():
            for all_parents in (False, True):
                how = ["--every", str(EVERY), "--store", f"reports/{what}-{all_parents}"]
                how += ["--all-parents"] * all_parents
                start = time.monotonic()
                found = call(planted, "bisect", span, *how, *words)
                check(planted, found, all_parents=all_parents)
                print(
                    f"{what}: bisect{' --all-parents' * all_parents}: {len(found['steps'])} steps "
                    f"in {len(found['measured'])} of {commits} commits, "
                    f"{time.monotonic() - start:.0f} s",
                    flush=True,
                )
            store = ["--store", f"reports/{what}-filled"]
            start = time.monotonic()
            kills = killed(planted, chance, "fill", span, "--every", str(EVERY), *store, *words)
            check(planted, call(planted, "steps", span, *store), all_parents=False)
            print(
                f"{what}: fill and steps: all found, after {kills} kills, "
                f"{time.monotonic() - start:.0f} s",
                flush=True,
            )
        worktrees = subprocess.run(
            ["git", "worktree", "list"], cwd=planted.folder, capture_output=True, text=True
        )
        assert len(worktrees.stdout.splitlines()) == 1, worktrees.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
