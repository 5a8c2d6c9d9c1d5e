"""Random programs under both settings of freed memory: the same bytes, the same gradients.

The settings belong to the process, so test_freed_memory.py runs this in one of its own.
"""

from __future__ import annotations

import gc

import pytest
from hypothesis import given, settings

from gradmeter import engine

from ..thorough import examples
from . import programs as module
from .programs import programs, run

LARGE = 40_000  # elements: 320 kB, which the C library maps by themselves unless they are kept


@pytest.fixture(scope="module", autouse=True)
def large_arrays():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SIZE", LARGE)
        yield


def measured(program, array_bytes):
    """The bytes that a program holds, and the bytes of its values and gradients."""
    gc.collect()
    with array_bytes() as counter:
        pool, y = run(program)
        forward = counter.peak
        y.backward(retain_grad=True)
        figures = (forward, counter.peak, counter.live, counter.number, counter.allocated)
        arrays = [x.data.tobytes() for x in pool]
        arrays += [b"" if x.grad is None else x.grad.tobytes() for x in pool]
    return figures, arrays


@settings(deadline=None, max_examples=examples(40))
@given(programs(without={"matmul"}, max_size=6))
def test_a_program_takes_the_same_bytes_and_computes_the_same_to_the_bit(array_bytes, program):
    measured(program, array_bytes)  # makes constants that live as long as the process
    found = []
    for choose in (engine.return_freed_memory, engine.keep_freed_memory) * 2:
        assert choose()
        found.append(measured(program, array_bytes))
    (figures, arrays), *others = found
    assert all(other == (figures, arrays) for other in others)
    assert figures[0] >= 2 * 8 * LARGE
