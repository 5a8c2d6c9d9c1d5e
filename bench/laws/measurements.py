"""The measurements of a program at points of its parameters, each made when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from gradmeter.bench.laws.formulas import Formula
from gradmeter.bench.laws.law import Measured, Point, UnmeasurableError
from gradmeter.bench.laws.names import values_text


@dataclass(frozen=True)
class Parameter:
    """A parameter of a program.

    Attributes:
        values: that laws are found from, ascending.
        least: the smallest that the program takes.
    """

    name: str
    values: tuple[int, ...]
    least: int = 1


Measure = Callable[[Point, bool], Measured]


@dataclass
class Measurements:
    """What was measured at points, and what is still to be measured by.

    Attributes:
        measure: measures at a point; with places, where it is given True.
        measured: in the order in which they were made.
        unmeasurable: points that cannot be measured, and why.
    """

    parameters: Sequence[Parameter]
    measure: Measure
    measured: dict[Point, Measured] = field(default_factory=dict)
    unmeasurable: dict[Point, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Of the parameters."""
        return [parameter.name for parameter in self.parameters]

    @property
    def figures(self) -> list[str]:
        """What every measurement has."""
        readings = [each.figures for each in self.measured.values()]
        return [figure for figure in readings[0] if all(figure in each for each in readings)]

    def again(self, point: Point) -> Measured:
        """A known measurement, with the shorter of its time and that of another one."""
        known = self.at(point)
        try:
            seconds = self.measure(point, False).seconds
        except UnmeasurableError:
            return known
        self.measured[point] = replace(known, seconds=min(known.seconds, seconds))
        return self.measured[point]

    def at(self, point: Point, *, places: bool = False) -> Measured:
        """The measurement at a point; a known one serves where it has what is needed.

        Raises:
            UnmeasurableError: there is none.
        """
        if point in self.unmeasurable:
            raise UnmeasurableError(self.unmeasurable[point])
        known = self.measured.get(point)
        if known is not None and (known.places or not places):
            return known
        try:
            self.measured[point] = self.measure(point, places)
        except UnmeasurableError as error:
            self.unmeasurable[point] = str(error)
            raise
        return self.measured[point]

    def holds(self, formula: Formula, figure: str, point: Point) -> bool:
        """Whether a formula has what was measured at a point."""
        try:
            value = self.at(point).figures.get(figure)
        except UnmeasurableError:
            return False
        return value is not None and formula.reproduces(self.names, [point], [value])

    def text(self, point: Point) -> str:
        """A point in words: n = 10, m = 8."""
        return values_text(dict(zip(self.names, point, strict=True)))


def moved(point: Point, at: int, value: int) -> Point:
    """The point with another value of one parameter."""
    return (*point[:at], value, *point[at + 1 :])
