"""A command in a process that has imported it already, which forks for each call.

Half a second of every call of gradmeter, and more of every pytest with its plugins, goes into
imports that are the same for all of them. A fork of a process that has done them, and nothing
else, does from there on what the command does.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# What is read when the command runs, so that it may differ from the process that forks.
READ_LATE = {
    "CI",
    "COLUMNS",
    "HOME",
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


class Preloaded:
    """The process that forks; it ends with this one.

    Args:
        command: the path of the command that it stands for.
        imports: what it imports, one of IMPORTS.
    """

    def __init__(self, command: str, imports: str = "gradmeter") -> None:
        self.command = command
        self.environment = {k: v for k, v in os.environ.items() if k not in READ_LATE}
        self._turn = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, __file__, str(number), imports],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # as each call has it
                stderr=subprocess.PIPE,
                env=self.environment,
                pass_fds=[number],
            )
        process.communicate()  # it has forked, and no child of ours is left
        atexit.register(self._channel.close)

    def serves(self, words: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether a fork does what the command would do in this environment.

        Not one that runs somebody's program in its own process, or that is found by a variable
        of its environment, which other processes see as it was at first, or for which Python
        runs what it finds when it starts.
        """
        others = {name: value for name, value in environment.items() if name not in READ_LATE}
        runs_a_script = "trace" in words and any(word.endswith(".py") for word in words)
        customized = any(
            Path(folder, f"{name}customize.py").exists()
            for folder in _folders(environment)
            for name in ("site", "user")
        )
        return others == self.environment and not runs_a_script and not customized

    def run(
        self, arguments: list[str], environment: Mapping[str, str], folder: Path, patience: float
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, as ``subprocess.run`` with captured text does.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``patience`` seconds, and was killed.
        """
        words = [self.command, *arguments]
        ends = [os.pipe(), os.pipe()]
        with self._call(words, environment, folder, patience, [write for _, write in ends]):
            for _, write in ends:
                os.close(write)
            texts = _read([read for read, _ in ends])
        return subprocess.CompletedProcess(words, self._code, *texts)

    def run_into(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        folder: Path,
        patience: float,
        files: Sequence[int],
    ) -> int:
        """Run the command to its end, its outputs into these files; return its exit code.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``patience`` seconds, and was killed.
        """
        with self._call([self.command, *arguments], environment, folder, patience, files):
            pass
        return self._code

    @contextmanager
    def _call(
        self,
        words: list[str],
        environment: Mapping[str, str],
        folder: Path,
        patience: float,
        files: Sequence[int],
    ) -> Iterator[None]:
        """Start the command; after the block, wait for its end."""
        request = json.dumps([words, dict(environment), str(folder)]).encode()
        with self._turn:
            socket.send_fds(self._channel, [request], files)
            pid = int(self._channel.recv(64))
            killer = threading.Timer(patience, os.kill, (pid, signal.SIGKILL))
            killer.start()
            yield
            self._code = int(self._channel.recv(64))
            in_time = killer.is_alive()
            killer.cancel()
        if not in_time:
            raise subprocess.TimeoutExpired(words, patience)


def _folders(environment: Mapping[str, str]) -> list[str]:
    """The folders that Python adds to its import path for a variable of the environment."""
    return [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _read(numbers: list[int]) -> list[str]:
    """Read pipes to their ends, at the same time."""
    texts = [""] * len(numbers)

    def read(i: int) -> None:
        with open(numbers[i]) as file:
            texts[i] = file.read()

    threads = [threading.Thread(target=read, args=(i,)) for i in range(len(numbers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return texts


def serve(channel: socket.socket) -> None:
    """Fork for each request; return in the fork, as the process that was requested."""
    while True:
        request, numbers, _, _ = socket.recv_fds(channel, 2**20, 2)
        if not request:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            channel.close()
            words, environment, folder = json.loads(request)
            for standard, number in enumerate(numbers, 1):
                os.dup2(number, standard)
                os.close(number)
            before = _folders(os.environ)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            sys.argv[:] = words
            # A module that is run (-m) imports from the working folder.
            first = folder if words[0].endswith("__main__.py") else str(Path(words[0]).parent)
            sys.path[: 1 + len(before)] = [first, *_folders(environment)]
            return
        for number in numbers:
            os.close(number)
        channel.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def import_gradmeter() -> Callable[[], object]:
    """Import the command, what a run and its page import late, and the page's template."""
    import memory_profiler  # noqa: F401
    import sympy  # noqa: F401
    from typer.main import get_command

    from gradmeter.bench.cli import app, main
    from gradmeter.bench.report import page, template  # noqa: F401

    get_command(app)  # which imports more
    template._environment().get_template("page.html.j2")
    with suppress(ImportError):  # which Typer imports for the first option that it reads
        import_module("typer._adapters")
    return main


def import_pytest() -> Callable[[], object]:
    """Import pytest with its plugins, as its hook for assertions imports them, and the harness."""
    import pytest
    from _pytest.config import _prepareconfig

    with tempfile.TemporaryDirectory() as folder:
        # As most tests of the harness start it: see LIGHT in suite_files.py.
        config = _prepareconfig(["-p", "no:hypothesispytest", f"--rootdir={folder}", folder])
        for name in ("calls", "gathered", "gating", "measured", "benchmark_fixture", "call_lines"):
            import_module(f"gradmeter.bench.plugin.{name}")
        from gradmeter.bench.report import page, template  # noqa: F401

        template._environment().get_template("page.html.j2")
        config._ensure_unconfigure()
    return pytest.console_main


IMPORTS = {"gradmeter": import_gradmeter, "pytest": import_pytest}


def call(main: Callable[[], object]) -> NoReturn:
    """Run the command and end the process without what only frees memory."""
    code: object = 1
    try:
        code = main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    if os.fork():  # a test may ask whether its process has children
        os._exit(0)
    for number in (1, 2):  # or else whoever started it waits for its output
        os.dup2(os.pipe()[1], number)
    command = IMPORTS[sys.argv[2]]()
    gc.collect()
    gc.freeze()  # or else each fork copies it all
    serve(socket.socket(fileno=int(sys.argv[1])))
    call(command)
