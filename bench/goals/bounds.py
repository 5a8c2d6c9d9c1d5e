"""The bound of a goal: the bytes that a program must move, at the bandwidth of this machine.

Bytes are counted while the workload's function runs on stand-ins: an eager engine reads each
operation's operands and writes its result, and so in the backward; a compiled program reads
its inputs once and writes its results once. Neither counts what a cache might save.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from math import prod
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from gradmeter.bench import workloads
from gradmeter.bench.workloads import Workload

ITEM: Final = 8  # bytes
MOST_ALIVE: Final = 2**29  # bytes that are copied around; far beyond any cache


@dataclass
class Ledger:
    """Elements that are read and written."""

    moved: int = 0


@dataclass(eq=False)
class StandIn:
    """An array of a shape, whose operations only count what they move, forward and backward.

    Attributes:
        needs: whether it gets a gradient.
        used: how often; each further gradient is added to the first.
    """

    ledger: Ledger
    shape: tuple[int, ...]
    needs: bool = True
    used: int = field(default=0, init=False)

    @property
    def size(self) -> int:
        """Its elements."""
        return prod(self.shape)

    def _result(
        self, others: tuple[Any, ...], shape: tuple[int, ...], saved: dict[int, tuple[Any, ...]]
    ) -> StandIn:
        """Count an operation: reads, the write, and a gradient for each operand that needs one.

        Args:
            saved: for each operand by number, what its gradient reads besides that of the
                result; an operand that is not there is handed the result's gradient itself.
        """
        operands = [each for each in (self, *others) if isinstance(each, StandIn)]
        result = StandIn(self.ledger, shape, any(each.needs for each in operands))
        self.ledger.moved += sum(each.size for each in {id(e): e for e in operands}.values())
        self.ledger.moved += result.size
        for number, operand in enumerate((self, *others)):
            if isinstance(operand, StandIn) and operand.needs:
                if number in saved or operand.size < result.size:  # one that is broadcast is summed
                    read = [e.size for e in saved.get(number, ()) if isinstance(e, StandIn)]
                    self.ledger.moved += result.size + sum(read) + operand.size
                if operand.used:
                    self.ledger.moved += 3 * operand.size
                operand.used += 1
        return result

    def _with(self, other: Any) -> tuple[int, ...]:
        return np.broadcast_shapes(self.shape, getattr(other, "shape", ()))

    def __add__(self, other: Any) -> StandIn:
        return self._result((other,), self._with(other), {})

    def __sub__(self, other: Any) -> StandIn:
        return self._result((other,), self._with(other), {1: ()})

    def __rsub__(self, other: Any) -> StandIn:
        return self._result((other,), self._with(other), {0: ()})

    def __mul__(self, other: Any) -> StandIn:
        return self._result((other,), self._with(other), {0: (other,), 1: (self,)})

    def __pow__(self, other: Any) -> StandIn:
        return self._result((other,), self.shape, {0: (self,)})

    __radd__, __rmul__ = __add__, __mul__


def _matmul(a: StandIn, b: StandIn) -> StandIn:
    return a._result((b,), (a.shape[0], b.shape[1]), {0: (b,), 1: (a,)})


def _function(x: StandIn) -> StandIn:
    return x._result((), x.shape, {0: (x,)})


OPERATIONS: Final = SimpleNamespace(
    square=_function,
    tanh=_function,
    matmul=_matmul,
    sum=lambda x: x._result((), (), {}),
)


def eager_bytes(workload: Workload, size: int) -> int:
    """The bytes that forwards and backwards of a workload move, operation by operation."""
    ledger = Ledger()
    inputs = [
        StandIn(ledger, array.shape, name not in workload.constants)
        for name, array in workloads.arrays(workload, size, 0).items()
    ]
    workload.function(OPERATIONS, *inputs)
    return ITEM * ledger.moved * workload.iterations


def compiled_bytes(workload: Workload, size: int) -> int:
    """The bytes of inputs, value and gradients: each is read or written once."""
    ledger = Ledger()
    inputs = {
        name: StandIn(ledger, array.shape, name not in workload.constants)
        for name, array in workloads.arrays(workload, size, 0).items()
    }
    result = workload.function(OPERATIONS, *inputs.values())
    read = sum(each.size for each in inputs.values())
    written = result.size + sum(each.size for each in inputs.values() if each.needs)
    return int(ITEM * (read + written) * workload.iterations)


def bandwidth(size: int, alive: int, seconds: float = 0.5) -> float:
    """Measure bytes read and written per second, copying from array to array in a ring.

    Args:
        size: of an array, in elements.
        alive: the arrays in the ring: as many as the program holds, so that caches hold as much.
    """
    count = max(3, min(alive, MOST_ALIVE // (ITEM * size)))
    ring = [np.ones(size) for _ in range(count)]
    figures: list[float] = []
    end = time.process_time() + seconds
    while len(figures) < 3 or time.process_time() < end:
        began = time.process_time()
        for number in range(count):
            np.copyto(ring[number], ring[number - 1])
        figures.append(2 * ITEM * size * count / max(time.process_time() - began, 1e-9))
    return statistics.median(figures)
