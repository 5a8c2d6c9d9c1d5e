"""A law: what a figure is at any size, as a formula, where it holds, and where it was verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gradmeter.bench.laws.expression import Expression

Point: TypeAlias = tuple[int, ...]  # the values of the parameters, in their order


@dataclass(frozen=True)
class Law:
    """The exact bytes of one figure as a formula in the parameters.

    Attributes:
        expression: the formula.
        since: by parameter, the value that it holds from; a parameter that is left out has no
            smaller one.
        multiple: by parameter, what its values are multiples of; left out where any will do.
        places: where the figure's bytes are alive, for each of the polynomials that it is the
            largest of, in the formula's order; empty where it is not known.
        crossings: by parameter, where another polynomial becomes the largest, the other
            parameters as small as the law takes them.
    """

    expression: Expression
    since: Mapping[str, int] = field(default_factory=dict)
    multiple: Mapping[str, int] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    crossings: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def holds_at(self, parameters: Mapping[str, int]) -> bool:
        """Whether the law says something at these values."""
        return all(parameters[n] >= v for n, v in self.since.items() if n in parameters) and all(
            parameters[n] % v == 0 for n, v in self.multiple.items() if n in parameters
        )


@dataclass(frozen=True)
class Measured:
    """What was measured at one point.

    Attributes:
        figures: exact bytes by name.
        places: by figure, the bytes of every place that could be its largest, such as the peak of
            each line of the program; for a figure that is a maximum and no moment's bytes.
        seconds: that the measurement took.
    """

    figures: Mapping[str, int]
    places: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    seconds: float = 0.0


class UnmeasurableError(Exception):
    """A program cannot be measured at a point; the message says why."""
