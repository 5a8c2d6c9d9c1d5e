"""A command in a process that has imported it already, which forks for each call.

Half a second of every call of gradmeter, and more of every pytest with its plugins, goes into
imports that are the same for all of them. A fork of a process that has done them, and nothing
else, does from there on what the command does.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NoReturn

# What is read when the command runs, so that it may differ from the process that forks.
READ_LATE = {
    "CI",
    "COLUMNS",
    "HOME",
    "LOG",
    "PYTEST_ADDOPTS",
    "PYTEST_CURRENT_TEST",
    "PYTEST_DEBUG_TEMPROOT",
    "PYTEST_XDIST_TESTRUNUID",
    "PYTEST_XDIST_WORKER",
    "PYTEST_XDIST_WORKER_COUNT",
    "PYTHONPATH",
    "PY_COLORS",
    "TMPDIR",
    "USERPROFILE",
    "XDG_CACHE_HOME",
}
# What a run, its page and its workers import when they need it.
IMPORTED_LATE = (
    "coverage",  # which a process can import only once
    "gradmeter.bench.report.page",
    "gradmeter.bench.runs.fork_server",
    "gradmeter.bench.runs.function_worker",
    "gradmeter.bench.runs.worker",
    "llvmlite.binding",
    "memory_profiler",
    "numpy.random",
    "sympy",
)


# Of this process, before a test has changed it for itself.
AT_FIRST = dict(os.environ)


class Preloaded:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        from gradmeter.bench.runs import allocators, spec

        # As most workers are started: see forked_workers.py.
        chosen = allocators.variables("kept") | dict.fromkeys(spec._THREADS, "1")
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, __file__, str(number)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # as each call has it
                stderr=subprocess.PIPE,
                env=AT_FIRST | chosen,
                pass_fds=[number],
            )
        process.communicate()  # it has forked, and no child of ours is left
        atexit.register(self.channel.close)

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether a fork does what a command would do in this environment.

        Not one that is found by a variable of its environment, which other processes see as it
        was at first, or for which Python runs what it finds when it starts.
        """
        return _others(environment) == _others(AT_FIRST) and not _customized(environment)


class Forked(subprocess.Popen[str]):
    """A command in a fork of a process that has imported it.

    Args:
        preloaded: that process.
        words: the path of a script whose name is among those of `import_all`, and arguments.
        environment: of the command.
        folder: that it runs in.
        files: as those of `subprocess.Popen`.
    """

    def __init__(
        self,
        preloaded: Preloaded,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        **files: Any,
    ) -> None:
        self._preloaded = preloaded
        self._status, self._told = os.pipe()
        super().__init__(
            [*words], env=dict(environment), cwd=folder, text=True,
            **{"stdin": subprocess.DEVNULL, **files, "start_new_session": True},
        )  # fmt: skip

    def _execute_child(self, args: list[str], *more: Any) -> None:
        folder, environment, streams = more[4], more[5], more[9:15]
        request = json.dumps([args, environment, str(folder)]).encode()
        files = [streams[0], streams[3], streams[5]]
        files = [ours if number < 0 else number for ours, number in enumerate(files)]
        socket.send_fds(self._preloaded.channel, [request], [*files, self._told])
        os.close(self._told)
        self.pid = int(os.read(self._status, 64))
        self._child_created = True
        self._close_pipe_fds(*streams)  # type: ignore[attr-defined]

    def _internal_poll(self, **_more: object) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self._wait(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(os.read(self._status, 64))
            os.close(self._status)
        return self.returncode


def _others(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables in which the command may not differ from the process that forks."""
    return {name: value for name, value in environment.items() if name not in READ_LATE}


def _folders(environment: Mapping[str, str]) -> list[str]:
    """The folders that Python adds to its import path for a variable of the environment."""
    return [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _customized(environment: Mapping[str, str]) -> bool:
    """Whether Python runs what it finds in a folder of these when it starts."""
    return any(
        Path(folder, f"{name}customize.py").exists()
        for folder in _folders(environment)
        for name in ("site", "user")
    )


def serve(channel: socket.socket) -> None:
    """Fork for each request; return in the fork, as the process that was requested."""
    running: dict[int, tuple[int, int]] = {}  # the process and where its end is told, by its file
    while True:
        for file in select.select([channel, *running], [], [])[0]:
            if file is not channel:
                pid, told = running.pop(file)
                _, status = os.waitpid(pid, 0)
                with suppress(BrokenPipeError):
                    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(told)
                os.close(file)
                continue
            request, (*streams, told), _, _ = socket.recv_fds(channel, 2**20, 4)
            if not request:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                for number in (*running, *(told for _, told in running.values()), told):
                    os.close(number)
                channel.close()
                _become(streams, *json.loads(request))
                return
            for number in streams:
                os.close(number)
            os.write(told, str(pid).encode())
            running[os.pidfd_open(pid)] = pid, told


def _become(streams: list[int], words: list[str], environment: dict[str, str], folder: str) -> None:
    """Give a fork its session, its streams and all else that a new process is given."""
    os.setsid()
    for standard, number in enumerate(streams):
        os.dup2(number, standard)
        os.close(number)
    before = _folders(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None
    sys.argv[:] = words
    # A module that is run (-m) imports from the working folder.
    first = folder if words[0].endswith("__main__.py") else str(Path(words[0]).parent)
    sys.path[: 1 + len(before)] = [first, *_folders(environment)]


def import_all() -> dict[str, Callable[[], object]]:
    """Import gradmeter with what a run, its page and its workers import, and pytest."""
    import forked_workers  # which lies beside this script
    import typer.main

    from gradmeter.bench.cli import app, main
    from gradmeter.bench.report import template

    for name in IMPORTED_LATE:
        import_module(name)
    command = typer.main.get_command(app)  # which imports more
    typer.main.get_command = lambda _app: command
    for name in ("page", "frame", "macros", "matrix", "history"):
        template._environment().get_template(f"{name}.html.j2")
    with suppress(ImportError):  # which Typer imports for the first option that it reads
        import_module("typer._adapters")
    console_main = import_pytest()
    _remember_distributions()
    forked_workers.fork_workers(READ_LATE, _folders, _customized)
    _remember_self_tests()
    return {"gradmeter": main, "__main__.py": console_main}


def _remember_distributions() -> None:
    """Read the metadata of what is installed here once, and not in each session of pytest."""
    for name in ("metadata", "entry_points"):
        read = getattr(metadata.PathDistribution, name).fget
        known = {each._path: read(each) for each in metadata.distributions()}  # type: ignore[attr-defined]

        def remembered(self: Any, read: Any = read, known: Any = known) -> Any:
            return known[self._path] if self._path in known else read(self)

        setattr(metadata.PathDistribution, name, property(remembered))


def _remember_self_tests() -> None:
    """Test the meters under this interpreter once, and not in each run."""
    import msgspec

    from gradmeter.bench.cases.plan import plan
    from gradmeter.bench.results.run import Options
    from gradmeter.bench.runs import self_tests
    from gradmeter.bench.runs.launcher import Process
    from gradmeter.bench.runs.workers import Workers

    test = self_tests._test_interpreter
    reads, writes = os.pipe()
    if not os.fork():  # so that nothing that belongs to a run is here afterwards
        options = Options(collector="on", seed=0, sets=1, budget=0, min_rounds=1, limit=60)
        [group], _ = plan(["squares-3"], [1], ["engine"])
        workers = Workers(Process, options, (None,), {})
        os.write(writes, msgspec.json.encode(test("", workers, group, group.variants[0])))
        os._exit(0)
    known = msgspec.json.decode(os.read(reads, 2**16), type=self_tests.Tests)
    os.wait()
    os.close(reads)
    os.close(writes)

    def remembered(python: str, *more: Any) -> self_tests.Tests:
        return test(python, *more) if python else known

    self_tests._test_interpreter = remembered


def import_pytest() -> Callable[[], object]:
    """Import pytest with its plugins, as its hook for assertions imports them, and the harness."""
    import pytest
    from _pytest.config import _prepareconfig

    with tempfile.TemporaryDirectory() as folder:
        # As most tests of the harness start it: see LIGHT in suite_files.py.
        config = _prepareconfig(["-p", "no:hypothesispytest", f"--rootdir={folder}", folder])
        for name in ("calls", "gathered", "gating", "measured", "benchmark_fixture", "call_lines"):
            import_module(f"gradmeter.bench.plugin.{name}")
        import_module("hypothesis")  # which its plugin does at the end of each session
        config._ensure_unconfigure()
    return pytest.console_main


def call(main: Callable[[], object], *, ending: bool = False) -> NoReturn:
    """Run a program and end the process.

    Args:
        ending: as Python does, for what runs somebody's program; without what only frees memory
            otherwise.
    """
    code: object = 1
    try:
        code = main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    number = code if isinstance(code, int) else 1
    if ending:
        ctypes.pythonapi.Py_Exit(number)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(number)


if __name__ == "__main__":
    if os.fork():  # a test may ask whether its process has children
        os._exit(0)
    for number in (1, 2):  # or else whoever started it waits for its output
        os.dup2(os.pipe()[1], number)
    commands = import_all()
    gc.collect()
    gc.freeze()  # or else each fork copies it all
    serve(socket.socket(fileno=int(sys.argv[1])))
    call(commands[Path(sys.argv[0]).name], ending="trace" in sys.argv)
