"""Measure a call in the layers of memory other than array data, in forked processes of their own.

The passes of a layer are of one process, whose heap is frozen, so that its collections look at
what the call makes. A layer that cannot be measured says why.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import msgspec

from gradmeter.bench.meters import call_heap, forked, ground, heap, python_objects
from gradmeter.bench.meters.call import Call
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.results.growth import CALLS, FIRST, per_call
from gradmeter.bench.results.layers import PYTHON
from gradmeter.bench.results.readings import Layer

_SLOWER = 8  # a call is at most, while its objects are followed one by one
_KNOWN = 1000  # elements of the list that a meter has to read rightly


def measure(call: Call, layer: str, seconds: float) -> Layer:
    """Measure a call in a layer, PYTHON or HEAP of results/layers.py.

    Args:
        seconds: after which a forked process would be killed that traces array data.
    """
    read = _python if layer == PYTHON else _heap
    try:
        return read(call, seconds * _SLOWER)
    except forked.RaisedError as error:
        if error.kind == UnavailableError.__name__:
            return Layer(missing=error.message)
        return Layer(missing=f"the call raised {error.kind}: {error.message}")
    except forked.VisibleActionError as error:
        return Layer(missing=f"{error}, and a test could see that done again")
    except (forked.NoForkError, forked.NoAnswerError, msgspec.ValidationError) as error:
        return Layer(missing=str(error))


def _python(call: Call, seconds: float) -> Layer:
    return msgspec.convert(forked.run(partial(_frozen, _objects, call), seconds), Layer)


def _heap(call: Call, seconds: float) -> Layer:
    if not heap.available():
        return Layer(missing=f"it takes {heap.MISSING}")
    fields = forked.run(partial(_frozen, _blocks, call), seconds)
    few, more = (
        forked.run(partial(_frozen, call_heap.kept, call, calls), seconds)
        for calls in (FIRST, CALLS)
    )
    return msgspec.convert({**fields, "growth": per_call(more - few)}, Layer)


def _frozen(function: Callable[..., Any], *args: Any) -> Any:
    gc.freeze()
    return function(*args)


def _objects(call: Call) -> dict[str, Any]:
    held = python_objects.measure(Call(_known))[-1].held
    if held != sys.getsizeof(_known()):
        raise UnavailableError(
            f"the meter fails its self-test: a list of {_KNOWN} elements reads as {held:,} bytes "
            f"instead of {sys.getsizeof(_known()):,}"
        )
    passes = [asdict(each) for each in python_objects.measure(call)]
    growth = python_objects.growth(call)
    if growth:  # which an older object could hold in a cycle
        gc.unfreeze()
        growth = python_objects.growth(call)
    return {"passes": passes, "growth": growth, "ground": ground.of_objects()}


def _known() -> list[None]:
    return [None] * _KNOWN


def _blocks(call: Call) -> dict[str, Any]:
    passes = [asdict(each) for each in call_heap.measure(call)]
    return {"passes": passes, "ground": ground.of_heap()}
