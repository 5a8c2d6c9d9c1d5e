"""The main program of a process that collects a test suite and offers its calls to be measured.

It collects once, and its forks each run one test as pytest does, until the test hands a call to
``benchmark``: there the fork parks and answers requests, a round of the call or a memory pass,
until it is told to let the test finish. Where the process has threads, which a fork would lose,
it runs the one test itself.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import random
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

import pytest

from gradmeter.bench.plugin import benchmark_fixture, imported_modules
from gradmeter.bench.plugin.cases import question_of
from gradmeter.bench.plugin.other_plugins import OtherPlugins
from gradmeter.bench.plugin.parking import Park, Pipe, Request
from gradmeter.bench.runs import layout
from gradmeter.bench.runs.ties import MARK, adopt_orphans, die_with_parent

NO_CALL = "it passed without a call of benchmark"
SEED = 1
MOST_READ = 2**16  # bytes of standard error
MOST_TEXT = 300  # letters of a message
_USAGE, _RAISED = "ERROR: ", "E  "  # how pytest starts a line on a wrong call, and on an error


def main() -> None:
    """Collect the suite that the first request names, then serve its tests."""
    die_with_parent()
    adopt_orphans()
    files = socket.socket(fileno=int(sys.argv.pop(1)))
    pipe = Pipe()
    request = pipe.next()
    os.chdir(request["folder"])
    server = Server(pipe, files, request)
    arguments = [*request["arguments"], "--capture=sys", f"--basetemp={request['scratch']}"]
    # It returns, or raises, only where nothing was collected: the served tests end the process.
    try:
        code = f" (exit code {int(pytest.main(arguments, plugins=[server, OtherPlugins()]))})"
    except Exception as error:  # at its end, such as a warning that is an error
        server.problems.append(_line(f"{type(error).__name__}: {error}", 0))
        code = ""
    pipe.answer(error=f"pytest could not start here{code}{server.reason()}")
    pipe.next()


class Server:
    """The hooks of the collecting process, and of its forks."""

    def __init__(self, pipe: Pipe, files: socket.socket, suite: Request) -> None:
        self.pipe, self.files, self.suite = pipe, files, suite
        self.problems: list[str] = []
        self.reports: list[pytest.TestReport] = []
        self.park: Park | None = None

    def reason(self) -> str:
        """What went wrong, for the end of a sentence: a module's error, or pytest's last words."""
        problem = self.problems[0] if self.problems else ""
        if not problem:
            with suppress(OSError):  # standard error is a file of the process that reads the answer
                text = os.pread(2, MOST_READ, max(0, os.fstat(2).st_size - MOST_READ))
                problem = _of_output(text.decode(errors="replace"))
        return f": {problem}" if problem else ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Refuse a session without pytest-benchmark."""
        if not config.pluginmanager.hasplugin("benchmark"):
            self.problems.append("pytest-benchmark is not active, so there are no calls")
            raise pytest.UsageError(self.problems[0])

    def pytest_collectstart(self) -> None:
        """Have every side draw the same parameters."""
        _seed()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that cannot be collected."""
        if report.failed:
            self.problems.append(f"{report.nodeid}: {_line(str(report.longrepr), -1)}")

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note an error of a plugin or of a conftest.py."""
        self.problems.append(_line(f"{excinfo.typename}: {excinfo.value}", 0))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why a conftest.py has ended the session, with `pytest.exit`."""
        self.problems.append(_line(f"{excinfo.typename}: {excinfo.value}", 0))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve the collected tests in place of running them."""
        items = {
            item.nodeid: item
            for item in session.items
            if "benchmark" in getattr(item, "fixturenames", ()) and question_of(item) is None
        }
        with suppress(AttributeError):  # before the forks, each of which would make its own
            session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        gc.collect()
        gc.freeze()
        self.pipe.answer(
            ok={
                "tests": {name: str(item.path) for name, item in items.items()},
                "problems": self.problems,
                "modules": self._origins(),
                "files": [
                    os.path.join(self.suite["checkout"], path)
                    for path in imported_modules.digests([self.suite["checkout"]])
                ],
                "threads": len(os.listdir("/proc/self/task")),
            }
        )
        while True:
            request = self.pipe.next()
            if request["meter"] == "wait":
                _, status = os.waitpid(request["pid"], 0)
                self.pipe.answer(ok={"code": os.waitstatus_to_exitcode(status)})
            elif request["meter"] == "fork":
                self._fork(items, request)
            else:
                self._run(items, request)

    def _fork(self, items: dict[str, pytest.Item], request: Request) -> None:
        _, streams, _, _ = socket.recv_fds(self.files, 1, 3)
        with warnings.catch_warnings(action="ignore"):
            pid = os.fork()
        if pid:
            for stream in streams:
                os.close(stream)
            self.pipe.answer(ok={"pid": pid})
            return
        os.setsid()
        os.environ[MARK] = request["mark"]
        self.files.close()
        self.pipe.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        if faulthandler.is_enabled():  # where a crash is told: not in the server's file of errors
            faulthandler.enable(2)
        self.pipe = Pipe()
        die_with_parent()
        adopt_orphans()
        self._run(items, self.pipe.next())

    def _run(self, items: dict[str, pytest.Item], request: Request) -> NoReturn:
        """Run one test, as pytest does, and end this process."""
        item = items.get(request["test"])
        if item is None:
            self.pipe.answer(error="the test was not collected this time")
            os._exit(0)
        if request["cores"]:
            os.sched_setaffinity(0, request["cores"])
        layout.settle(request["place"])
        _seed()
        self.park = Park(self.pipe, self._origins)
        with suppress(AttributeError):  # pytest's progress would be the last words of a crash
            reporter: Any = item.config.pluginmanager.get_plugin("terminalreporter")
            reporter._tw._file = open(os.devnull, "w")  # noqa: SIM115
        try:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
            kind, message = _outcome(self.reports)
        except BaseException as error:  # such as pytest.exit
            kind, message = "failed", f"{type(error).__name__}: {error}"
        sys.stderr.flush()
        asked = self.park.timed  # in sets, nobody asks what was imported
        digests = imported_modules.digests(self.suite["origins"]) if asked else {}
        self.pipe.answer(ok={"outcome": kind, "message": message, "digests": digests})
        os._exit(0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the reports of the one test."""
        self.reports.append(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        """Have the fixture ``benchmark`` park its call."""
        fixture = yield
        if fixturedef.argname == "benchmark" and self.park is not None:
            problem = benchmark_fixture.hand_over(fixture, self.park)
            if problem:
                pytest.fail(problem, pytrace=False)
        return fixture

    def _origins(self) -> dict[str, str]:
        return imported_modules.origins(self.suite["packages"], self.suite["repository"])


def _seed() -> None:
    """Seed the generators that a test may draw its data from without a seed of its own."""
    random.seed(SEED)
    generators = sys.modules.get("numpy.random")
    if generators is not None:
        generators.seed(SEED)


def _outcome(reports: list[pytest.TestReport]) -> tuple[str, str]:
    """The outcome of a test, and the last line of why."""
    for report in reports:
        if report.skipped and hasattr(report, "wasxfail"):
            return "skipped", "it is expected to fail"
        if report.skipped and isinstance(report.longrepr, tuple):
            return "skipped", str(report.longrepr[2]).removeprefix("Skipped: ")
        if report.failed:
            text = getattr(getattr(report.longrepr, "reprcrash", None), "message", None)
            where = "" if report.when == "call" else f"in its {report.when}: "
            return "failed", where + _line(str(text or report.longrepr), 0)
    return "passed", NO_CALL


def _of_output(text: str) -> str:
    """Why pytest has ended, of all that was written; warnings may follow on it."""
    lines = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        # What argparse says of an option comes after its usage.
        if line.startswith(_USAGE) and not line.startswith(f"{_USAGE}usage:"):
            following = lines[number + 1 : number + 2] if line.endswith(":") else []
            return _line(" ".join([line.removeprefix(_USAGE), *map(str.strip, following)]), 0)
    raised = [line for line in lines if line.startswith(_RAISED)] or lines
    return _line("\n".join([line for line in raised if "rror" in line] or raised), -1)


def _line(text: str, which: int) -> str:
    """A line of a text, of those that are not empty, without pytest's mark of an error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[which].removeprefix(_RAISED).lstrip()[:MOST_TEXT] if lines else ""
