"""Workers that are forks of the process that starts them, in place of new processes.

A worker begins with a tenth of a second of imports, one that collects a suite with half a second.
In a process that has imported the same packages, a fork that forgets gradmeter and whatever was
imported since does from there on what the new process would do: it runs start_worker.py. What an
interpreter reads when it starts is the process's own, so that a worker that needs it otherwise,
such as one whose resident memory is measured, is a new process all the same.
"""

from __future__ import annotations

import atexit
import contextvars
import faulthandler
import gc
import importlib
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise, takewhile
from typing import Any, NoReturn

from preloaded import call

# What the code of a worker reads when it runs, beside what may differ between commands.
READ_BY_WORKERS = {
    "GRADMETER_COMPILE_CACHE",
    "GRADMETER_WORKER",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",  # draws a layout, of which no test asks anything here
    "PYTHONSAFEPATH",
}


def fork_workers(
    read_late: Collection[str],
    folders: Callable[[Mapping[str, str]], list[str]],
    customized: Callable[[Mapping[str, str]], bool],
) -> None:
    """From now on, start workers as forks of this process, or of its own forks.

    Args:
        read_late: the variables of the environment in which workers may differ.
        folders: what Python adds to its import path for an environment.
        customized: whether Python would run somebody's code when it starts.
    """
    from gradmeter.bench.runs import allocators, spec
    from gradmeter.bench.runs.launcher import START

    late = {*read_late, *READ_BY_WORKERS}
    here = {name: value for name, value in os.environ.items() if name not in late}
    # Who needs no policy of the allocator, and no number of threads, may have any.
    chosen = {*allocators.variables("kept"), *spec._THREADS}
    any_of = [here, {name: value for name, value in here.items() if name not in chosen}]
    image = _Image([each for each in sys.path if each not in folders(os.environ)][1:])
    original = subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def execute(process: Any, args: Any, *more: Any) -> None:
        _, _, _, keep, folder, variables, *_ = more
        streams, new_session = more[9:15], more[20]
        words = [*map(os.fspath, args)] if isinstance(args, list) else []
        options = [*takewhile(lambda word: word in ("-P", "-u"), words[1:])]
        words = words[1 + len(options) :]
        environment = dict(os.environ if variables is None else variables)
        others = {name: value for name, value in environment.items() if name not in late}
        if (
            args[0] != sys.executable
            or words[:1] not in ([str(START)], ["-c"])
            or others not in any_of
            or customized(environment)
        ):
            original(process, args, *more)
            return
        # As in a new process, no handler runs before it is started: one that raises within what
        # Python does at a fork would not be heard.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        with warnings.catch_warnings(action="ignore"):
            process.pid = os.fork()
        if not process.pid:
            image.forget_handlers()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if new_session:
                os.setsid()
            _only((streams[0], streams[3], streams[5]), keep)
            os.environ.clear()
            os.environ.update(environment)
            if folder is not None:
                os.chdir(folder)
            # A user's program has our standard input.
            image.run(words, folders(environment), ending=streams[0] < 0)
        process._child_created = True
        process._close_pipe_fds(*streams)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    subprocess.Popen._execute_child = execute  # type: ignore[attr-defined]


class _Image:
    """What this process is like now, when it has imported what workers import."""

    def __init__(self, path: list[str]) -> None:
        self.path, self.finders, self.filters = path, [*sys.meta_path], [*warnings.filters]
        self.modules = {name for name in sys.modules if name.partition(".")[0] != "gradmeter"}

    def run(self, words: list[str], folders: list[str], *, ending: bool) -> NoReturn:
        """Run a program as a new process would, and end this process; see `call`."""
        self._forget()
        sys.path[:] = [*folders, *self.path]
        sys.argv[:] = words
        gc.freeze()
        new = contextvars.Context()
        if words[0] == "-c":
            sys.path.insert(0, "")
            call(lambda: new.run(exec, words[1], {"__name__": "__main__"}))
        call(lambda: new.run(runpy.run_path, words[0], run_name="__main__") and 0, ending=ending)

    def forget_handlers(self) -> None:
        """Handle signals as a new process does."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                first = number == signal.SIGINT
                signal.signal(number, signal.default_int_handler if first else signal.SIG_DFL)

    def _forget(self) -> None:
        """Undo what has been imported and set since, and all of gradmeter."""
        atexit._clear()
        faulthandler.disable()
        sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__
        threading.excepthook = threading.__excepthook__
        sys.settrace(None)
        sys.setprofile(None)
        sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            file = open(number, "w" if number else "r", buffering=1, closefd=False)  # noqa: SIM115
            setattr(sys, name, file)
            setattr(sys, f"__{name}__", file)
        logging.root.handlers.clear()
        tempfile.tempdir = None
        warnings.filters[:] = self.filters  # type: ignore[index]
        sys.meta_path[:] = self.finders
        self.forgotten = {name: sys.modules.pop(name) for name in {*sys.modules} - self.modules}
        for name in self.forgotten:
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(child, None)
        importlib.invalidate_caches()
        gc.enable()


def _only(streams: tuple[int, int, int], keep: Collection[int]) -> None:
    """Have these files as standard streams (-1: what there is), and no others but some."""
    high = [os.dup(number) if number >= 0 else standard for standard, number in enumerate(streams)]
    for standard, number in enumerate(high):
        if number != standard:
            os.dup2(number, standard)
    ends = [2, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for before, after in pairwise(ends):
        os.closerange(before + 1, after)
    for number in keep:
        os.set_inheritable(number, True)
