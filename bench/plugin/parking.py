"""A parked call: in the middle of its test, serve requests to time it and to measure its bytes."""

from __future__ import annotations

import gc
import json
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gradmeter.bench.meters import forked
from gradmeter.bench.meters.call import Call, measure
from gradmeter.bench.meters.call_in_fork import (
    Measured,
    longest,
    measure_apart,
    measure_unseen,
)
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.results.readings import Layer

Request = dict[str, Any]

REAL = 2.0  # seconds: pytest-benchmark times a call itself, at the end, where it takes less


class Pipe:
    """Requests and answers, a line of JSON each; this process ends with the requests."""

    def __init__(self) -> None:
        # Apart from the standard streams, which a test may read, write, close or replace.
        self.requests, self.answers = os.fdopen(os.dup(0)), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

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

    def close(self) -> None:
        """Close both ends, as a fork does that gets a pipe of its own."""
        self.requests.close()
        os.close(self.answers)


class Park:
    """Serves requests on the call of one test, in the middle of that test.

    Args:
        origins: returns the files of the project's modules.
    """

    def __init__(self, pipe: Pipe, origins: Callable[[], dict[str, str]]) -> None:
        self.pipe, self.origins = pipe, origins
        self.parked = False
        self.timed = False  # whether pytest-benchmark is to time the call at the end
        self.seconds = 0.0  # of the longest call
        self._frozen = False

    def __call__(self, call: Call) -> bool:
        """Serve requests on the first call of the test, until the test may go on.

        Returns:
            Whether pytest-benchmark is to time the call.
        """
        if self.parked:
            return False
        self.parked = True
        self.pipe.answer(ok={"origins": self.origins(), "most": call.most})
        while (request := self.pipe.next())["meter"] != "finish":
            try:
                reading = getattr(self, request["meter"])(call, request)
            except (forked.RaisedError, forked.NoAnswerError) as error:
                self.pipe.answer(error=str(error))
            except BaseException as error:  # such as SystemExit, and pytest's of a skip
                traceback.print_exc()
                self.pipe.answer(error=f"{type(error).__name__}: {error}")
            else:
                self.pipe.answer(ok=reading)
        self.timed = bool(request["timed"])
        return self.timed and self.seconds * (call.most or 1) < REAL

    def time(self, call: Call, request: Request) -> dict[str, float]:
        """Time ``request["loops"]`` calls: seconds of one."""
        if not self._frozen:
            gc.collect()
            gc.freeze()
            self._frozen = True
        gc.collect()
        with _collector(on=request.get("collector") == "on"):
            if call.most is None:
                seconds, cpu = timed(call, request["loops"])
            else:
                seconds, cpu = timed_in_fork(call, request["loops"])
        self.seconds = max(self.seconds, seconds)
        return {"forward": seconds, "backward": 0.0, "step": 0.0, "cpu": cpu}

    def memory(self, call: Call, request: Request) -> dict[str, Any]:
        """Measure what the call allocates, exactly."""
        import msgspec

        from gradmeter.bench.plugin import call_cases

        try:
            reading = _bytes(call, longest(self.seconds), request.get("layers", ()))
        except (
            UnavailableError,
            forked.RaisedError,
            forked.VisibleActionError,
            forked.NoAnswerError,
        ) as error:
            return {"unavailable": str(error)}
        return {
            "case": msgspec.to_builtins(call_cases.measured(request["test"], reading)),
            "self_tests": msgspec.to_builtins(reading.self_tests),
        }

    def lines(self, call: Call, request: Request) -> dict[str, Any]:
        """Measure the lines of the call in a fork, and explain its peak.

        Args:
            request: "folder" is that whose code is watched; files are named from there.
        """
        from gradmeter.bench.plugin import call_lines
        from gradmeter.bench.results.lines import plain

        return plain(call_lines.measure(call, Path(request["folder"]), longest(self.seconds)))


def _bytes(call: Call, limit: float, layers: Sequence[str]) -> Measured:
    if call.most is not None:
        once = Layer(missing="the call may be made once only")
        return replace(measure_apart(call, limit), layers=dict.fromkeys(layers, once))
    try:
        return measure_unseen(call, limit, layers)
    except forked.VisibleActionError:  # it has been timed here, so it may as well be measured
        return Measured(measure(call), kept=[], resident=None, self_tests=[])


@contextmanager
def _collector(*, on: bool) -> Iterator[None]:
    enabled = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if enabled else gc.disable)()


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


def timed_in_fork(call: Call, loops: int) -> tuple[float, float]:
    """Time a call as `timed` does, in a fork of this process: what it uses up is there again.

    Where its test makes it more than once, the fork makes it once before, untimed.

    Raises:
        RaisedError: it raised there.
        NoAnswerError: its process ended.
    """
    assert call.most is not None
    reading, writing = os.pipe()
    with warnings.catch_warnings(action="ignore"):  # of threads, which would have been refused
        process = os.fork()
    if not process:
        try:
            try:
                if call.most > 1:
                    timed(call, 1)
                answer: Any = timed(call, min(loops, max(1, call.most - 1)))
            except BaseException as error:
                answer = {"kind": type(error).__name__, "message": str(error)[:1000]}
            os.write(writing, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(process, 0)
    if not content:
        code = os.waitstatus_to_exitcode(status)
        raise forked.NoAnswerError(f"the call ended its process, with {code}")
    answer = json.loads(content)
    if isinstance(answer, dict):
        raise forked.RaisedError(**answer)
    seconds, cpu = answer
    return seconds, cpu
