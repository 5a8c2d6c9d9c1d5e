"""Collect a project's benchmark suite in a process of its own, and start workers on its calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradmeter.bench.cases.checkouts import Side
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.results.environment import cores
from gradmeter.bench.runs.dialogue import Dialogue
from gradmeter.bench.runs.forks import Forking
from gradmeter.bench.runs.launcher import START, START_FOLDER
from gradmeter.bench.runs.spec import undisturbed

FINISHING = 30.0  # seconds for a test to end after its call


@dataclass(frozen=True)
class Collected:
    """What a side's suite holds.

    Attributes:
        tests: the file of each test that takes the fixture ``benchmark``, by node id.
        problems: modules that could not be collected, with the reason.
        modules: the file of each of the project's modules that is imported, by name.
        files: of the modules that were imported from the checkout, tests included.
        threads: of the process; with more than one, it cannot fork.
    """

    tests: dict[str, str]
    problems: list[str]
    modules: dict[str, str]
    files: list[str]
    threads: int


class SuiteServer(Forking):
    """A process that has collected a side's suite; its forks run one test each.

    Args:
        arguments: pytest's.
        scratch: a new folder for the tests' temporary folders.
        place: seeds the order in sets of strings; see layout.py.
        limit: the most seconds that collecting may take.

    Raises:
        WorkerError: the interpreter cannot be started.
    """

    def __init__(
        self,
        side: Side,
        arguments: Sequence[str],
        scratch: Path,
        place: int,
        allocator: str,
        limit: float,
    ) -> None:
        variables = undisturbed(allocator, 1) | {"PYTHONHASHSEED": str(place)}
        path = [*map(str, side.imports), variables.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        # A cache of bytecode that is switched off for one side's files is one more difference.
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        for name in [name for name in variables if name.startswith(("PYTEST_XDIST", "COV_"))]:
            del variables[name]
        self.side = side
        # -P is not inherited by what tests start, as a variable would be.
        command = [side.interpreter, "-P", str(START), str(START_FOLDER), "plugin.parked_calls"]
        super().__init__(command, variables, limit)
        self.send(
            {
                "folder": str(side.folder),
                "arguments": list(arguments),
                "scratch": str(scratch),
                "packages": sorted(side.layout.names),
                "checkout": str(side.top),
                "repository": str(side.repository),
                "origins": [str(origin) for origin in side.origins],
            }
        )

    def collected(self) -> Collected:
        """Wait until the suite is collected.

        Raises:
            WorkerError: it cannot be.
        """
        found = self.ready()
        try:
            return Collected(
                tests={str(k): str(v) for k, v in found["tests"].items()},
                problems=[str(each) for each in found["problems"]],
                modules={str(k): str(v) for k, v in found["modules"].items()},
                files=[str(each) for each in found["files"]],
                threads=int(found["threads"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise WorkerError("rubbish", f"the suite was not collected: {error!r}") from None

    def start(self, test: str, core: int | None, place: int, limit: float) -> ParkedCall:
        """Start a worker on the call of a test, in a fork.

        Raises:
            WorkerError: the server failed.
        """
        return ParkedCall(self.fork(_run(test, core, place), limit))

    def become(self, test: str, core: int | None, place: int) -> ParkedCall:
        """Have this process itself run a test; it collects, and forks, no more."""
        self.send(_run(test, core, place))
        return ParkedCall(self)


def _run(test: str, core: int | None, place: int) -> dict[str, Any]:
    """The request to run a test, on a core or, for None, on any."""
    available = [core] if core is not None and core in cores() else []
    return {"meter": "run", "test": test, "cores": available, "place": place}


class ParkedCall:
    """A test that is parked where it hands over its call; the interface is a worker's.

    Args:
        inner: the dialogue with its process.
    """

    def __init__(self, inner: Dialogue) -> None:
        self.inner = inner
        self.parked = False

    def ready(self) -> dict[str, Any]:
        """Wait for the call; return the files of the project's modules.

        Raises:
            WorkerError: the test ended before it, or its process did.
        """
        found = self.inner.ready()
        if "outcome" in found:
            raise WorkerError(str(found["outcome"]), str(found.get("message")))
        self.parked = True
        return found

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter to the call.

        Raises:
            WorkerError: as `Dialogue.ask`.
        """
        return self.inner.ask(meter, **request)

    def finish(self, *, timed: bool) -> dict[str, Any]:
        """Let the test end.

        Args:
            timed: have pytest-benchmark time the call, since the test may ask for its figures.

        Returns:
            "outcome", "message", which says why, and "digests" of the modules that it imported.

        Raises:
            WorkerError: its process ended first, or it takes too long.
        """
        self.parked = False
        self.inner.limit = max(FINISHING, self.inner.limit)
        return self.inner.ask("finish", timed=timed)

    def close(self) -> None:
        """Let the test end, with its fixtures, and end its process."""
        if self.parked:
            with suppress(WorkerError):
                self.finish(timed=False)
        self.inner.close()


def prove_origin(side: Side, modules: dict[str, str]) -> None:
    """Make sure that a project's modules come from its checkout.

    Raises:
        UsageError: one does not, so that another revision would be measured.
    """
    for name, file in sorted(modules.items()):
        path = Path(file).resolve()
        if not any(path.is_relative_to(origin) for origin in side.origins):
            raise UsageError(
                f"at {side.label}, {name} was imported from {path} and not from the revision's "
                f"checkout, so a revision would be compared with itself: {_winner(side, path)} "
                "wins over the checkout; name the folder of the sources with --bench-path, or "
                "build each revision with --bench-install"
            )


def _winner(side: Side, path: Path) -> str:
    """What can have put a module of elsewhere before a checkout's."""
    if path.is_relative_to(side.repository):
        return "an editable install of the working tree, or a conftest.py that changes sys.path"
    return "an installed package that is imported before, or a conftest.py that changes sys.path"
