"""The main program of a process that measures the calls of one function; start_worker.py runs it.

It reads one JSON object per line from standard input: first the function, then values of its
parameters, and answers each line on standard output, as a worker does (worker.py). The function
has no standard input, and what it prints goes to standard error.
"""

from __future__ import annotations

import faulthandler
import gc
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from gradmeter.bench import loading
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import call as call_meter
from gradmeter.bench.meters import call_lines, selftest
from gradmeter.bench.meters.call import Call
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.meters.watched_files import WatchedFiles, project_of
from gradmeter.bench.results.lines import Line, Lines
from gradmeter.bench.runs.ties import adopt_orphans, die_with_parent
from gradmeter.bench.suggestions import suggestion

Request = dict[str, Any]
LONGEST = 60  # characters of a line's source
SHORT = 0.1  # seconds of a first call, which may take longer than others


class Function:
    """A function that a request names, and what makes its arguments.

    Raises:
        UsageError: there is none, or it cannot be called with these parameters.
    """

    def __init__(self, request: Request) -> None:
        if not request["safe_path"]:
            sys.path.insert(0, os.getcwd())  # as python -m does
        self.target, self.path = _named(request["target"])
        self.setup: Callable[..., object] | None = None
        if request["setup"]:
            self.setup, _ = _named(request["setup"])
        taker, name = (self.target, request["target"]), "the function"
        if self.setup is not None:
            taker, name = (self.setup, request["setup"]), "the setup"
        _check_kind(self.target, request["target"])
        _check_parameters(*taker, name, request["names"])
        self.project = project_of(self.path.parent)
        self.watches = WatchedFiles([self.project])

    def call(self, parameters: Mapping[str, int]) -> Call:
        """The function's call with these values."""
        if self.setup is None:
            return Call(self.target, kwargs=parameters)
        return Call(self.target, setup=partial(_arguments, self.setup, parameters))

    def measure(self, request: Request) -> dict[str, Any]:
        """Measure the call with the values of the request: its passes, and what it adds each time.

        The first call is not counted: it imports and keeps what later ones find. With
        ``request["places"]``, also the peak of each line of the function's project.
        """
        call = self.call(request["parameters"])
        seconds = _seconds(call)
        if seconds < SHORT:
            seconds = min(seconds, _seconds(call))
        gc.freeze()  # a collection visits what the calls make, and not all that is loaded
        passes = call_meter.measure(call)
        gc.unfreeze()
        kept = []
        if any(each.leaked for each in passes):  # which an older object may hold in a cycle
            passes, kept = call_meter.measure(call), call_meter.kept(call)
        places = {}
        if request["places"]:
            places = self._places(call_lines.measure(call, self.watches, explain=False))
        return {
            "passes": [asdict(each) for each in passes],
            "kept": kept,
            "places": places,
            "seconds": seconds * (1 + len(passes) + len(kept)),
        }

    def _places(self, reading: Lines) -> dict[str, int]:
        """The peak of each line, the one that the peak of all is in first."""
        if reading.problem:
            return {}
        inside = reading.peak.stack[-1] if reading.peak.stack else None

        def rank(line: Line) -> bool:
            place = line.place
            return inside is None or (place.file, place.line) != (inside.file, inside.line)

        return {self._place(line): line.peak for line in sorted(reading.lines, key=rank)}

    def _place(self, line: Line) -> str:
        place = line.place
        text = place.text if len(place.text) <= LONGEST else f"{place.text[: LONGEST - 3]}..."
        file = place.file.removeprefix(os.path.join(self.project, ""))
        return f"{file}:{place.line}" + (f" `{text}`" if text else "")


def _seconds(call: Call) -> float:
    """How long a call takes by itself: what the meter adds is the same for large and small ones."""
    began = time.perf_counter()
    call_meter.call_and_drop(call)
    return time.perf_counter() - began


def _arguments(setup: Callable[..., object], parameters: Mapping[str, int]) -> Any:
    """What a setup returns, as arguments: a tuple's, a dictionary's by name, or else the one."""
    made = setup(**parameters)
    match made:
        case tuple():
            return made, {}
        case dict():
            return (), made
    return (made,), {}


def _named(text: str) -> tuple[Callable[..., object], Path]:
    """Return the function that FILE.py:FUNCTION or package.module:function names, and its file.

    Raises:
        UsageError: there is none.
    """
    place, _, name = text.rpartition(":")
    if place.endswith(".py"):
        path = Path(place).resolve()
        module = loading.load_module(path, "the file")
        loading.add_folders(path)  # functions may import late
    else:
        with loading.refusing(f"the module {place} does not load"):
            module = import_module(place)
        path = Path(getattr(module, "__file__", None) or os.getcwd()).resolve()
    value: Any = module
    for word in name.split("."):
        with loading.refusing(f"{text} does not load", path):
            value = getattr(value, word, None)
        if value is None:
            functions = [n for n, each in vars(module).items() if inspect.isfunction(each)]
            own = [n for n in functions if not n.startswith("_")]
            known = f"; its functions: {', '.join(own) or 'none'}"
            raise UsageError(f"{place} has no {name!r}{suggestion(name, own) or known}")
    if not callable(value):
        raise UsageError(f"{text} is a {type(value).__name__}, and no function")
    return value, path


def _check_kind(function: Callable[..., object], text: str) -> None:
    """Refuse a function whose call computes nothing yet.

    Raises:
        UsageError: it is one.
    """
    kinds: dict[str, Callable[[Any], bool]] = {
        "an async function": inspect.iscoroutinefunction,
        "a generator function": inspect.isgeneratorfunction,
        "an async generator function": inspect.isasyncgenfunction,
    }
    for kind, is_kind in kinds.items():
        if is_kind(function):
            raise UsageError(
                f"{text} is {kind}, whose call computes nothing yet; name a function that runs it "
                "to its end"
            )


def _check_parameters(
    function: Callable[..., object], text: str, name: str, names: list[str]
) -> None:
    """Refuse a function that does not take these parameters by name.

    Raises:
        UsageError: it does not.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of native code; its call will tell
        return
    try:
        signature.bind(**dict.fromkeys(names, 1))
    except TypeError as error:
        with_setup = "" if name == "the setup" else ", or make its arguments with --setup"
        raise UsageError(
            f"{name} {text} takes {signature}, and --vary gives {', '.join(names)}: {error}; vary "
            f"all that have no default{with_setup}"
        ) from None


def _reliable() -> None:
    """Refuse to measure with a meter that reads known values wrongly.

    Raises:
        UnavailableError: it does.
    """
    for test in selftest.run(selftest.EXACT):
        if test["problem"] or abs(test["measured"] - test["expected"]) > test["tolerance"]:
            problem = test["problem"] or f"it reads {test['measured']:,}"
            raise UnavailableError(f"the meter fails its self-test, {test['name']}: {problem}")


def main() -> None:
    """Answer requests until standard input ends."""
    die_with_parent()
    adopt_orphans()
    requests = os.fdopen(os.dup(0))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    faulthandler.enable(2)
    process = os.getpid()
    function: Function | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if function is None:
                _reliable()
                function = Function(request)
                answer: Request = {"ok": {}}
            else:
                answer = {"ok": function.measure(request)}
        except (UsageError, UnavailableError) as error:
            answer = {"refused": str(error)}
        except BaseException as error:
            answer = {"error": loading.described(error)}
        if os.getpid() != process:  # a fork that the function made, and did not end
            os._exit(0)
        answers.write(json.dumps(answer) + "\n")
