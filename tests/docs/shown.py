"""Run the commands that the pages show, and write their output anew where it is another.

    python -m tests.docs.shown            every page, and what else is made from the code
    python -m tests.docs.shown README.md  these pages alone

What is before a block of a console says where its output is from:

    <!-- shown: exact -->               the same in every run: run here, and by a test
    <!-- shown: exact, slow -->         the same; the test is one of make test-thorough
    <!-- shown: exact, with dezero -->  the same, where these packages are installed
    <!-- shown: by hand: WHY -->        not run: times, a network, another repository

Times are shown by gradmeter show, of runs that are kept in reports/ and docs/runs/, and so exact.
A line of three dots stands for any lines. Commands run in a folder of the page's own, which has
copies of reports/ and docs/runs/. A block after ``<!-- file: NAME -->`` is written into it, and
``<!-- run: COMMAND -->`` runs there, before the next block, without being shown; $TOP is the top of
the repository. What lies in the folder python/ is imported before what is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from . import house, reference, tutorial
from .pages import DOCS, TOP, Block, blocks, name, pages

PATIENCE = 300.0
DATE = "2026-11-27T12:00:00+0000"  # so that commits are the same every time


@dataclass(frozen=True)
class Source:
    """Where the output of a block is from.

    Attributes:
        run: whether it is run here.
        slow: whether its test is one of make test-thorough.
        packages: without which it cannot be run.
    """

    run: bool
    slow: bool = False
    packages: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that are not installed."""
        return tuple(package for package in self.packages if find_spec(package) is None)


def source(block: Block) -> Source:
    """Read where the output of a block is from.

    Raises:
        ValueError: its comment does not say it.
    """
    told = block.told("shown") or ""
    if re.fullmatch(r"by hand: .+", told, flags=re.DOTALL):
        return Source(run=False)
    match = re.fullmatch(r"exact(?P<slow>, slow)?(?:, with (?P<packages>[\w ]+))?", told)
    if match is None:
        raise ValueError(f"<!-- {block.comment} --> does not say where the output is from")
    return Source(True, bool(match["slow"]), tuple((match["packages"] or "").split()))


class Folder:
    """The folder in which a page's commands run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "OPENBLAS_CORETYPE")
        self.variables = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(path / ".home"),
            "TOP": str(TOP),
            "COLUMNS": "80",
            "PYTHONPATH": str(path / "python"),
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
               (("NAME", "A. Reader"), ("EMAIL", "reader@example.org"), ("DATE", DATE))},
        }  # fmt: skip
        (path / ".home").mkdir()
        ignored = shutil.ignore_patterns("history", "latest")
        shutil.copytree(TOP / "reports", path / "reports", ignore=ignored)
        if (DOCS / "runs").exists():
            shutil.copytree(DOCS / "runs", path / "docs/runs")

    def output(self, command: str) -> tuple[list[str], int]:
        """Run a command.

        Returns:
            The lines that it prints with what gradmeter says of a failure, and its exit code.
        """
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.path, env=self.variables, capture_output=True,
            text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        told = [line for line in done.stderr.splitlines() if line.startswith("gradmeter: ")]
        lines = [line.rstrip() for line in (*done.stdout.strip("\n").splitlines(), *told)]
        return lines, done.returncode

    def prepare(self, block: Block) -> None:
        """Do what a block asks for without showing it."""
        file, command = block.told("file"), block.told("run")
        if file:
            path = self.path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif command:
            done = subprocess.run(
                ["bash", "-ec", command], cwd=self.path, env=self.variables, capture_output=True,
                text=True, timeout=PATIENCE,
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"{command} failed: {done.stdout}{done.stderr}")


def shown(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console, each as it stands there, and the lines of its output."""
    for part in re.split(r"^(?=\$ )", text, flags=re.MULTILINE):
        lines = part.splitlines()
        count = next((n for n, line in enumerate(lines, 1) if not line.endswith("\\")), 0)
        if lines:
            yield "\n".join(lines[:count]), lines[count:]


def fits(lines: list[str], actual: list[str]) -> bool:
    """Whether lines are those of an output, where three dots stand for any lines."""
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in text.splitlines()
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in actual)) is not None


@dataclass(frozen=True)
class Difference:
    """A command of a page whose output is another than the one shown."""

    page: str
    command: str
    shown: list[str]
    actual: list[str]

    def __str__(self) -> str:
        first = f"{self.page}: $ {self.command} prints something else; make shown writes it:"
        return "\n".join([first, *self.actual])


def runs_here(how: Source) -> bool:
    """Whether a block can be run here."""
    return how.run and not how.missing


def renewed(
    page: Path, chosen: Callable[[Source], bool] = runs_here
) -> tuple[str, list[Difference]]:
    """Run what a page shows; return its text with the true output, and what was another.

    Args:
        chosen: whether a block with this source is run.
    """
    text, parts, at = page.read_text(), [], 0
    differences: list[Difference] = []
    with tempfile.TemporaryDirectory() as path:
        folder, ahead = Folder(Path(path)), list[Block]()
        for block in blocks(text):
            if block.language != "console":
                ahead.append(block)
                continue
            if not chosen(source(block)):
                continue
            while ahead:
                folder.prepare(ahead.pop(0))
            new = ""
            for command, lines in shown(block.text):
                words = command.removeprefix("$ ")
                actual, code = folder.output(words)
                if not fits(lines, actual) or (code and lines == ["..."]):
                    differences.append(Difference(name(page), words, lines, actual))
                    lines = actual
                new += "".join(f"{line}\n" for line in (command, *lines))
            parts += [text[at : block.start], new]
            at = block.stop
    return "".join([*parts, text[at:]]), differences


def shown_in(of_pages: Iterable[Path], chosen: Callable[[Source], bool]) -> list[Path]:
    """The pages that have a block with such a source."""
    return [
        page
        for page in of_pages
        if any(b.language == "console" and chosen(source(b)) for b in blocks(page.read_text()))
    ]


def main(names: Iterable[str]) -> None:
    """Write pages anew, and say where the whole output stands now that was a part before."""
    chosen = [TOP / name for name in names]
    if not chosen:
        reference.write()
        house.write()
        tutorial.write(tutorial.NAMES)
    for page in chosen or pages():
        text, differences = renewed(page)
        page.write_text(text)
        for found in differences:
            whole = "; it is whole now, and was not" if "..." in found.shown else ""
            print(f"{found.page}: {found.command}{whole}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
