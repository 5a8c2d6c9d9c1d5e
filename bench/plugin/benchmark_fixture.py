"""Have the fixture ``benchmark`` of pytest-benchmark hand over each call: once timed, or before."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from gradmeter.bench.meters.call import Call

Measure = Callable[[Any, Call, float], None]
"""Called with the fixture, the call, and the seconds that one call took at most."""

Park = Callable[[Call], bool]
"""Called with the call; returns whether pytest-benchmark is to time it then, as a test may ask for
its figures."""


@cache
def _measuring(kind: Any) -> Any:
    """Derive a class of benchmark fixtures that measure each call once it has been timed.

    The class keeps the name of ``kind``, and overrides nothing but its two public methods.
    """

    class MeasuringFixture(kind):  # type: ignore[misc]
        gradmeter_measure: Measure

        def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True  # a traceback of the user's call shows no frame of ours
            began = time.monotonic()
            result = super().__call__(function_to_benchmark, *args, **kwargs)
            seconds = _per_call(self, time.monotonic() - began)
            self.gradmeter_measure(self, Call(function_to_benchmark, args, kwargs), seconds)
            return result

        def pedantic(self, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            began = time.monotonic()
            # As it was given: other plugins replace this method by one of another order.
            result = super().pedantic(*args, **kwargs)
            seconds = _per_call(self, time.monotonic() - began)
            self.gradmeter_measure(self, _pedantic_call(*args, **kwargs), seconds)
            return result

    return _named_as(kind, MeasuringFixture)


@cache
def _parking(kind: Any) -> Any:
    """Derive a class of benchmark fixtures that hand over each call, and then make it."""

    class ParkingFixture(kind):  # type: ignore[misc]
        gradmeter_park: Park

        def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            self.disabled = not self.gradmeter_park(Call(function_to_benchmark, args, kwargs))
            # In as few rounds as there can be.
            self._max_time, self._min_rounds, self._warmup = 0.0, 1, False
            return super().__call__(function_to_benchmark, *args, **kwargs)

        def pedantic(self, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            self.disabled = not self.gradmeter_park(_counted(*args, **kwargs))
            return super().pedantic(*args, **kwargs)

    return _named_as(kind, ParkingFixture)


def _named_as(kind: Any, derived: Any) -> Any:
    for name in ("__name__", "__qualname__", "__module__"):
        setattr(derived, name, getattr(kind, name))
    return derived


def _pedantic_call(
    target: Any,
    args: Any = (),
    kwargs: Any = None,
    setup: Any = None,
    teardown: Any = None,
    *_rest: Any,
    **_how: Any,
) -> Call:
    """The call that these arguments of pytest-benchmark's pedantic make."""
    return Call(target, args, kwargs, setup, teardown)


def _counted(
    target: Any,
    args: Any = (),
    kwargs: Any = None,
    setup: Any = None,
    teardown: Any = None,
    rounds: Any = 1,
    warmup_rounds: Any = 0,
    iterations: Any = 1,
    **_how: Any,
) -> Call:
    """The call of `_pedantic_call`, with how often its test makes it.

    A ``setup`` makes what it works on anew, so that it may be made any number of times.
    """
    counts = (rounds, warmup_rounds, iterations)
    counted = setup is None and all(isinstance(count, int) for count in counts)
    most = max(1, (rounds + warmup_rounds) * iterations) if counted else None
    return Call(target, args, kwargs, setup, teardown, most)


def _per_call(fixture: Any, seconds: float) -> float:
    """The seconds of one call, setup and calibration included; all of them where it is unknown."""
    stats = getattr(fixture, "stats", None)
    rounds = getattr(getattr(stats, "stats", None), "rounds", 1)
    return float(seconds / max(rounds, 1))


def extend(fixture: Any, measure: Measure) -> str:
    """Have a fixture call ``measure`` after each timed call; return why it cannot, or ""."""
    return _derive(fixture, _measuring, "gradmeter_measure", measure)


def hand_over(fixture: Any, park: Park) -> str:
    """Have a fixture call ``park`` in place of timing a call; return why it cannot, or ""."""
    return _derive(fixture, _parking, "gradmeter_park", park)


def _derive(fixture: Any, derived: Callable[[Any], Any], name: str, value: Any) -> str:
    """Give a fixture a derived class, and it an attribute; return why it cannot be, or "".

    The class is looked up past ``__class__``, which stand-ins for the fixture pretend with.
    """
    from pytest_benchmark.fixture import BenchmarkFixture

    kind: Any = type(fixture)
    kind_name = f"{kind.__module__}.{kind.__qualname__}"
    if not issubclass(kind, BenchmarkFixture):
        return f"the fixture benchmark is {kind_name}, not pytest-benchmark's"
    try:
        fixture.__class__ = derived(kind)
        setattr(fixture, name, value)
    except (AttributeError, TypeError) as error:
        return f"the fixture benchmark, {kind_name}, is closed: {error}"
    return ""
