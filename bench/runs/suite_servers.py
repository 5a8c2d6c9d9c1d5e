"""The processes that have collected a suite, one for each revision of its project."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gradmeter.bench.cases.checkouts import Side
from gradmeter.bench.cases.head_tests import lay_tests_over, of_tests
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.results.run import Options
from gradmeter.bench.runs.suites import Collected, ParkedCall, SuiteServer, prove_origin

_NAMED = 5  # tests that a note names; the others are counted


@dataclass
class SuiteServers:
    """Starts the processes, and workers on the calls of their tests.

    Attributes:
        head: the side whose tests are run at every side; None where each has its own.
        arguments: pytest's.
        folder: for the tests' temporary folders.
    """

    options: Options
    sides: Sequence[Side]
    head: Side | None
    arguments: Sequence[str]
    folder: Path
    _threads: dict[str, int] = field(default_factory=dict)
    _started: int = 0

    @contextmanager
    def collected(
        self, place: int
    ) -> Iterator[tuple[dict[str, SuiteServer], dict[str, Collected]]]:
        """Start a process for each side, and wait until it has collected the suite.

        Args:
            place: seeds the order in sets of strings; see layout.py.

        Raises:
            UsageError: a side cannot be collected, or its packages are imported from elsewhere.
        """
        with ExitStack() as stack:
            servers: dict[str, SuiteServer] = {}
            found: dict[str, Collected] = {}

            def serve(side: Side) -> None:
                servers[side.label] = self._serve(side, place, stack)

            if self.head is not None and not self._threads:
                # Its tests have to be known before the others collect.
                serve(self.head)
                found[self.head.label] = self._wait(servers[self.head.label])
                collected = found[self.head.label]
                helpers = [file for file in collected.files if of_tests(file, self.head)]
                for side in self.sides:
                    if side is not self.head and side.top != self.head.top:
                        lay_tests_over([*collected.tests.values(), *helpers], self.head, side)
            for side in self.sides:
                if side.label not in servers:
                    serve(side)
            for side in self.sides:
                if side.label not in found:
                    found[side.label] = self._wait(servers[side.label])
            yield servers, found

    def _serve(self, side: Side, place: int, stack: ExitStack) -> SuiteServer:
        self._started += 1
        scratch = self.folder / str(self._started)
        server = SuiteServer(
            side, self.arguments, scratch, place, self.options.allocator, self.options.limit
        )
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        stack.callback(server.close)
        return server

    def _wait(self, server: SuiteServer) -> Collected:
        try:
            found = server.collected()
        except WorkerError as error:
            why = f"the suite cannot be collected at {server.side.label}: {error}"
            others = self.head is not None and server.side is not self.head
            raise UsageError(why + _remedy(str(error), others_tests=others)) from None
        prove_origin(server.side, found.modules)
        self._threads[server.side.label] = found.threads
        return found

    @contextmanager
    def worker(self, side: Side, test: str, server: SuiteServer) -> Iterator[ParkedCall]:
        """Start a worker on a call, on any core; it ends with the block.

        Raises:
            WorkerError: it cannot be started.
        """
        with ExitStack() as stack:
            worker = self.start(side, test, server, None, 0, stack)
            stack.callback(worker.close)
            yield worker

    def start(
        self,
        side: Side,
        test: str,
        server: SuiteServer,
        core: int | None,
        place: int,
        stack: ExitStack,
    ) -> ParkedCall:
        """Start a worker on a call: a fork; where that would lose threads, a process of its own.

        Args:
            stack: ends the process of its own.

        Raises:
            WorkerError: it cannot be started.
        """
        if self._threads[side.label] == 1:
            return server.start(test, core, place, self.options.limit)
        alone = self._serve(side, place, stack)
        alone.collected()
        return alone.become(test, core, place)


def selected(
    found: Mapping[str, Collected], last: str, arguments: Sequence[str], *, own: bool
) -> tuple[list[str], list[str]]:
    """The tests that every side has, in the order of the last one's, and notes on the others.

    Args:
        own: whether each side has run its own tests, not the last one's.

    Raises:
        UsageError: there is none.
    """
    everywhere = [
        test for test in found[last].tests if all(test in each.tests for each in found.values())
    ]
    notes, problems = [], []
    for label, each in found.items():
        problems += [f"at {label}, {problem}" for problem in each.problems]
        notes += [
            f"at {label}, a module cannot be collected: {problem}"
            for problem in each.problems[:_NAMED]
        ]
        only = [test for test in each.tests if test not in everywhere]
        if only:
            more = f" and {len(only) - _NAMED} more" * (len(only) > _NAMED)
            notes.append(f"not at every revision, but at {label}: {', '.join(only[:_NAMED])}{more}")
    if not everywhere:
        why = problems[0] if problems else f"it was: pytest {' '.join(arguments)}"
        if not problems and notes:
            why = notes[0]
        why += _remedy(why, others_tests=not own and not found[last].problems)
        raise UsageError(f"no selected test takes the fixture benchmark at every revision: {why}")
    return everywhere, notes


def _remedy(problem: str, *, others_tests: bool) -> str:
    """The end of a sentence on tests that cannot be collected: what may help.

    Args:
        others_tests: whether they are another revision's, which may need what this one lacks.
    """
    if "ModuleNotFoundError" in problem:
        return "; a project that has to be built is installed with --bench-install"
    if others_tests and ("ImportError" in problem or "AttributeError" in problem):
        return (
            "; the tests are the last revision's, and may need what this one lacks: with "
            "--bench-tests own, each runs its own"
        )
    return ""
