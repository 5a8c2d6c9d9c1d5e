"""The main program of a process that collects a test suite and offers its calls to be measured.

It collects once, and its forks each run one test as pytest does, until the test hands a call to
``benchmark``: there the fork parks and answers requests, a round of the call or a memory pass,
until it is told to let the test finish. Where the process has threads, which a fork would lose,
it runs the one test itself.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import json
import os
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from _pytest.runner import runtestprotocol

from gradmeter.bench.meters.call import Call
from gradmeter.bench.plugin import benchmark_fixture
from gradmeter.bench.runs import layout
from gradmeter.bench.runs.ties import MARK, adopt_orphans, die_with_parent

Request = dict[str, Any]

# What other plugins do to a test that is parked for long, or that is measured.
_SWITCHED_OFF = {
    "xdist": ("-n0",),
    "pytest_cov": ("--no-cov",),
    "pytest_timeout": ("--timeout=0",),
    "pytest_randomly": ("-p", "no:randomly"),
}
NO_CALL = "no call"  # what is said of a test that never calls benchmark


class Pipe:
    """Requests and answers, a line of JSON each; this process ends with the requests."""

    def __init__(self) -> None:
        # Not sys.stdin, which pytest replaces, and which may have read ahead before a fork.
        self.requests, self.answers = os.fdopen(0, closefd=False), os.dup(1)
        os.dup2(2, 1)  # a test that prints must not write between the answers

    def next(self) -> Request:
        """Wait for the next request."""
        line = self.requests.readline()
        if not line:
            os._exit(0)
        request: Request = json.loads(line)
        return request

    def answer(self, **content: Any) -> None:
        """Answer a request: ``ok=`` a reading, or ``error=`` a message."""
        line = json.dumps(content).encode() + b"\n"
        while line:
            line = line[os.write(self.answers, line) :]


def main() -> None:
    """Collect the suite that the first request names, then serve its tests."""
    die_with_parent()
    adopt_orphans()
    files = socket.socket(fileno=int(sys.argv.pop(1)))
    pipe = Pipe()
    request = pipe.next()
    os.chdir(request["folder"])
    server = Server(pipe, files, request)
    off = [word for name, words in _SWITCHED_OFF.items() if _installed(name) for word in words]
    arguments = [
        *request["arguments"], *off, "-p", "no:cacheprovider", "--capture=sys",
        f"--basetemp={request['scratch']}",
    ]  # fmt: skip
    code = pytest.main(arguments, plugins=[server])
    # Only where nothing was collected: the loop below ends with the process.
    pipe.answer(error=f"pytest could not start here (exit code {int(code)}){server.said()}")
    pipe.next()


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


class Server:
    """The hooks of the collecting process, and of its forks."""

    def __init__(self, pipe: Pipe, files: socket.socket, suite: Request) -> None:
        self.pipe, self.files, self.suite = pipe, files, suite
        self.problems: list[str] = []
        self.park: Park | None = None

    def said(self) -> str:
        """What went wrong while collecting, for the end of a sentence."""
        return f": {self.problems[0]}" if self.problems else ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Refuse a session without pytest-benchmark."""
        if not config.pluginmanager.hasplugin("benchmark"):
            raise pytest.UsageError("pytest-benchmark is not active, so there are no calls")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that cannot be collected."""
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
            self.problems.append(f"{report.nodeid}: {lines[-1].strip()[:300] if lines else ''}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve the collected tests in place of running them."""
        items = {
            item.nodeid: item
            for item in session.items
            if "benchmark" in getattr(item, "fixturenames", ())
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
                self._run(items[request["test"]], request)

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
        os.close(self.pipe.answers)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        self.pipe = Pipe()
        die_with_parent()
        adopt_orphans()
        first = self.pipe.next()
        self._run(items[first["test"]], first)

    def _run(self, item: pytest.Item, request: Request) -> NoReturn:
        """Run one test, as pytest does, and end this process."""
        if request["cores"]:
            os.sched_setaffinity(0, request["cores"])
        layout.settle(request["place"])
        self.park = Park(self.pipe, self._origins, self._digests)
        try:
            reports = runtestprotocol(item, log=False, nextitem=None)
            outcome = _outcome(reports)
        except BaseException as error:  # such as pytest.exit
            outcome = "failed", f"{type(error).__name__}: {error}"
        if not self.park.parked:
            self.pipe.answer(error=f"{outcome[0]}: {outcome[1]}")
            self.pipe.next()
        else:
            self.pipe.answer(ok={"outcome": outcome[0], "message": outcome[1]})
        sys.stderr.flush()
        os._exit(0)

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
        """The files of the modules that the revision's own packages were imported from."""
        found = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in self.suite["packages"]:
                file = getattr(module, "__file__", None)
                paths = list(getattr(module, "__path__", ()) or ())
                if file or paths:
                    found[name] = str(file or paths[0])
        return found

    def _digests(self) -> dict[str, str]:
        """A digest of each module that is the revision's own, by its path there."""
        origins = list(map(Path, self.suite["origins"]))
        found = {}
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            path = Path(file).resolve() if file else None
            for origin in origins:
                if path is not None and path.is_relative_to(origin):
                    with suppress(OSError):
                        digest = hashlib.sha256(path.read_bytes()).hexdigest()
                        found[path.relative_to(origin).as_posix()] = digest
        return found


class Park:
    """Serves requests on the call of one test, in the middle of that test."""

    def __init__(
        self,
        pipe: Pipe,
        origins: Callable[[], dict[str, str]],
        digests: Callable[[], dict[str, str]],
    ) -> None:
        self.pipe, self.origins, self.digests = pipe, origins, digests
        self.parked = False
        self.frozen = False

    def __call__(self, call: Call) -> None:
        """Serve requests on the first call of the test, until the test may go on."""
        if self.parked:
            return
        self.parked = True
        self.pipe.answer(ok={"origins": self.origins()})
        while (request := self.pipe.next())["meter"] != "finish":
            try:
                reading = getattr(self, request["meter"])(call, request)
            except Exception as error:
                traceback.print_exc()
                self.pipe.answer(error=f"{type(error).__name__}: {error}")
            else:
                self.pipe.answer(ok=reading)

    def time(self, call: Call, request: Request) -> dict[str, float]:
        """Time ``request["loops"]`` calls: seconds of one."""
        if not self.frozen:
            gc.collect()
            gc.freeze()
            self.frozen = True
        gc.collect()
        enabled = gc.isenabled()
        (gc.enable if request.get("collector") == "on" else gc.disable)()
        try:
            seconds, cpu = timed(call, request["loops"])
        finally:
            (gc.enable if enabled else gc.disable)()
        return {"forward": seconds, "backward": 0.0, "step": 0.0, "cpu": cpu}

    def memory(self, call: Call, request: Request) -> dict[str, Any]:
        """Measure what the call allocates, exactly; see plugin/calls.py."""
        import msgspec

        from gradmeter.bench.meters.allocations import UnavailableError
        from gradmeter.bench.plugin.calls import measured_case

        try:
            case, reading = measured_case(request["test"], call, request["seconds"])
        except UnavailableError as error:
            return {"unavailable": str(error), "digests": self.digests()}
        return {
            "case": msgspec.to_builtins(case),
            "self_tests": msgspec.to_builtins(reading.self_tests if reading else []),
            "digests": self.digests(),
        }


def timed(call: Call, loops: int) -> tuple[float, float]:
    """Call so often, and return the wall and the processor seconds of one call.

    What ``setup`` and ``teardown`` take is not counted; without them the calls are timed
    together, so that reading the clock does not count.
    """
    target = call.target
    if call.setup is None and call.teardown is None:
        args, kwargs = call.arguments()
        run = partial(target, *args, **kwargs) if args or kwargs else target
        rounds = range(loops)
        used, start = time.process_time(), time.perf_counter()
        for _ in rounds:
            run()
        stop, after = time.perf_counter(), time.process_time()
        return (stop - start) / loops, (after - used) / loops
    seconds = cpu = 0.0
    for _ in range(loops):
        args, kwargs = call.arguments()
        used, start = time.process_time(), time.perf_counter()
        result = target(*args, **kwargs)
        stop, after = time.perf_counter(), time.process_time()
        seconds, cpu = seconds + stop - start, cpu + after - used
        if call.teardown is not None:
            call.teardown(*args, **kwargs)
        del result, args, kwargs
    return seconds / loops, cpu / loops


def _outcome(reports: Sequence[pytest.TestReport]) -> tuple[str, str]:
    """The outcome of a test, and the last line of why."""
    for report in reports:
        if report.skipped and isinstance(report.longrepr, tuple):
            return "skipped", str(report.longrepr[2])
        if report.failed:
            text = getattr(getattr(report.longrepr, "reprcrash", None), "message", None)
            lines = [line for line in str(text or report.longrepr).splitlines() if line.strip()]
            return "failed", f"in its {report.when}: {lines[0][:300] if lines else ''}"
        if report.skipped:  # an expected failure
            return "skipped", "it is expected to fail"
    return "passed", NO_CALL
