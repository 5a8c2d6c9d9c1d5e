"""Find the laws of a program: where to measure, what formula holds, and from where on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import gcd, log, prod

from gradmeter.bench.laws import formulas
from gradmeter.bench.laws.expression import HIGHEST
from gradmeter.bench.laws.formulas import FEWEST, Formula
from gradmeter.bench.laws.law import Law, Measured, Point, UnmeasurableError
from gradmeter.bench.laws.measurements import Measure, Measurements, moved
from gradmeter.bench.laws.measurements import Parameter as Parameter
from gradmeter.bench.laws.reach import law_of
from gradmeter.bench.numbers import bytes_text, seconds_text

TENFOLD = 10
CLIMBS = 2  # tenfold steps beyond the values that laws are found from, where there is time
MOST_CLIMBS = 5  # the same, for a program whose figures are small
LEVELS = 5  # how often laws are searched for, above one more break each time
PATIENCE = 5  # times the limit, that the one point takes without which there is no law
NO_FORMULA = "no polynomial reproduces it"
SLOWER = 3  # times: what time may grow by in a tenfold step, beyond tenfold


@dataclass(frozen=True)
class Limits:
    """How far a search goes: what one held-out measurement may be expected to take and hold.

    Attributes:
        settled: the bytes from which a program is large enough to do all that it does for large
            arrays; while its figures grow and are less, it is measured at larger values.
    """

    seconds: float = 3.0
    bytes: int = 2 * 10**9
    settled: int = 0


@dataclass(frozen=True)
class Findings:
    """What a search found.

    Attributes:
        names: of the parameters.
        laws: by figure; None where no law holds.
        reasons: by figure without a law, why there is none.
        measured: every measurement by its point, in the order in which they were made.
        held_out: points that laws were verified at and not found from.
    """

    names: tuple[str, ...]
    laws: Mapping[str, Law | None]
    reasons: Mapping[str, str]
    measured: Mapping[Point, Measured]
    held_out: tuple[Point, ...]


def find(
    parameters: Sequence[Parameter], measure: Measure, limits: Limits | None = None
) -> Findings:
    """Measure at a few points, find the law of every figure, and verify it at larger values.

    Args:
        measure: measures at a point; with places, where it is given True.

    Raises:
        UnmeasurableError: a point that laws are found from cannot be measured.
    """
    known = Measurements(parameters, measure)
    search = _Search(known, limits or Limits())
    search.run()
    figures = known.figures
    return Findings(
        names=tuple(known.names),
        laws={figure: search.laws.get(figure) for figure in figures},
        reasons={f: search.reasons.get(f, "") for f in figures if f not in search.laws},
        measured=known.measured,
        held_out=tuple(search.held_out),
    )


@dataclass
class _Search:
    known: Measurements
    limits: Limits
    laws: dict[str, Law] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    held_out: dict[Point, None] = field(default_factory=dict)
    stops: dict[Point, str] = field(default_factory=dict)  # why points are too large

    def run(self) -> None:
        """Search at small values first, and then above each break."""
        levels: list[Sequence[int]] = [parameter.values for parameter in self.known.parameters]
        for level in range(LEVELS):
            points = [*product(*levels)]
            try:
                for point in points:
                    self.known.at(point, places=True)
            except UnmeasurableError:
                if level == 0:
                    raise
                break  # the reasons are those of the level below
            found = {f: self._formula(f, points) for f in self.known.figures if f not in self.laws}
            candidates = {f: formula for f, formula in found.items() if formula is not None}
            self.reasons = dict.fromkeys(found.keys() - candidates.keys(), NO_FORMULA)
            breaks = self._verify(candidates, levels)
            if self.reasons.keys() - candidates.keys() and level == 0:
                less, more = (moved(points[0], 0, value) for value in levels[0][-2:])
                ratio = levels[0][-1] / levels[0][-2]
                next_to = _extrapolated(self.known.at(less), self.known.at(more), ratio)
                if next_to <= self.limits.bytes:  # perhaps it changes among these values
                    breaks.setdefault(0, levels[0][-1] * 2)
            for figure, formula in candidates.items():
                if figure not in self.reasons:
                    law = law_of(formula, figure, levels, self.known)
                    if law is None:
                        self.reasons[figure] = "what holds for less fails at larger values"
                    else:
                        self.laws[figure] = law
            if not breaks:
                break
            for at, value in breaks.items():
                levels[at] = _above(value, levels[at])

    def _formula(self, figure: str, points: Sequence[Point]) -> Formula | None:
        readings = [self.known.measured[point] for point in points]
        values = [reading.figures[figure] for reading in readings]
        places = [reading.places.get(figure, {}) for reading in readings]
        by_place = (
            formulas.of_places(self.known.names, points, values, places) if all(places) else None
        )
        return by_place or formulas.of_values(self.known.names, points, values)

    # Held-out values.

    def _verify(
        self, candidates: Mapping[str, Formula], levels: Sequence[Sequence[int]]
    ) -> dict[int, int]:
        """Try formulas at larger values; note why one fails.

        Returns:
            By number of a parameter, its smallest value where a formula fails.
        """
        breaks: dict[int, int] = {}
        for at in range(len(levels)):
            climbed = 0
            for point in self._climb(at, levels, candidates):
                climbed += 1
                for figure in self._failing(candidates, point):
                    value = self._break(candidates[figure], figure, at, levels)
                    breaks[at] = min(value, breaks.get(at, value))
            if not climbed:
                point = _beyond(at, levels, TENFOLD)
                where, why = self.known.text(point), self.stops.get(point)
                for figure in candidates:
                    self.reasons.setdefault(figure, f"{where}, where it has to be verified, {why}")
        corner = tuple(values[-1] * TENFOLD for values in levels)
        if len(levels) > 1 and self._can(corner, _beyond(0, levels, TENFOLD), candidates):
            self.held_out[corner] = None
            self._failing(candidates, corner)
        return breaks

    def _failing(self, candidates: Mapping[str, Formula], point: Point) -> list[str]:
        """The figures whose formula fails at a held-out point, and for the first time."""
        found = [
            figure
            for figure, formula in candidates.items()
            if figure not in self.reasons and not self.known.holds(formula, figure, point)
        ]
        self.reasons |= dict.fromkeys(
            found, f"what holds for less fails at {self.known.text(point)}"
        )
        return found

    def _climb(
        self, at: int, levels: Sequence[Sequence[int]], candidates: Mapping[str, Formula]
    ) -> Iterator[Point]:
        """Points with ever larger values of one parameter, while they can be measured."""
        values = [*levels[at][-2:]]
        for step in range(1, MOST_CLIMBS + 1):
            point = _beyond(at, levels, TENFOLD**step)
            less, before = (moved(point, at, value) for value in values[-2:])
            if self.reasons.keys() >= candidates.keys():
                return
            if step > CLIMBS and not _is_small(
                self.known.at(less), self.known.at(before), self.limits.settled
            ):
                return
            most = _extrapolated(
                self.known.at(less), self.known.at(before), values[-1] / values[-2]
            )
            patience = PATIENCE if step == 1 else 1
            if not self._can(point, before, candidates, most, patience):
                return
            self.held_out[point] = None
            values.append(point[at])
            yield point

    def _can(
        self,
        point: Point,
        before: Point,
        candidates: Mapping[str, Formula],
        most: Fraction = Fraction(0),
        patience: int = 1,
    ) -> bool:
        """Whether a larger point can be measured, and within the limits, as far as can be told.

        Args:
            before: a smaller point, from whose time that of the larger one is expected.
            most: the bytes that figures without a formula are expected to have.
            patience: how many times the limit it may take.
        """
        if point in self.known.measured:
            return True
        parameters = dict(zip(self.known.names, point, strict=True))
        most = max([most, *(f.expression.value(parameters) for f in candidates.values())])
        larger = prod(a / b for a, b in zip(point, before, strict=True))
        longest = self.limits.seconds * patience
        seconds = self.known.at(before).seconds * larger * SLOWER
        if seconds > longest and patience > 1:  # perhaps only that one measurement was held up
            seconds = self.known.again(before).seconds * larger * SLOWER
        if most > self.limits.bytes:
            self.stops[point] = f"takes about {bytes_text(int(most))}"
        elif seconds > longest:
            self.stops[point] = f"may take {seconds_text(seconds, 1)}"
        else:
            try:
                self.known.at(point)
            except UnmeasurableError as error:
                self.stops[point] = f"cannot be measured: {error}"
        return point in self.known.measured

    def _break(
        self, formula: Formula, figure: str, at: int, levels: Sequence[Sequence[int]]
    ) -> int:
        """The smallest larger value of a parameter that the formula fails at, by bisection."""
        step = gcd(*levels[at])
        top = _beyond(at, levels, 1)
        good, bad = top[at] // step, self._first_failure(formula, figure, at, levels) // step
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.known.holds(formula, figure, moved(top, at, middle * step)):
                good = middle
            else:
                bad = middle
        return bad * step

    def _first_failure(
        self, formula: Formula, figure: str, at: int, levels: Sequence[Sequence[int]]
    ) -> int:
        beyond = (_beyond(at, levels, TENFOLD**step) for step in range(1, MOST_CLIMBS + 1))
        return next(point[at] for point in beyond if not self.known.holds(formula, figure, point))


def _is_small(less: Measured, more: Measured, settled: int) -> bool:
    """Whether figures are below some bytes, and grow from one measurement to the other."""
    return max(more.figures.values(), default=0) < settled and any(
        value > less.figures.get(figure, value) for figure, value in more.figures.items()
    )


def _extrapolated(less: Measured, more: Measured, ratio: float) -> Fraction:
    """The largest figure at a tenfold value, if each goes on by the power that it grew by.

    Args:
        ratio: of the value of the second measurement to that of the first.
    """
    largest = Fraction(0)
    for figure, value in more.figures.items():
        power = log(max(value, 1) / max(less.figures.get(figure, value), 1)) / log(ratio)
        largest = max(largest, value * Fraction(TENFOLD ** min(max(power, 0.0), HIGHEST)))
    return largest


def _beyond(at: int, levels: Sequence[Sequence[int]], factor: int) -> Point:
    """The point with the largest value of one parameter times a factor, and the smallest others."""
    return tuple(v[-1] * factor if i == at else v[0] for i, v in enumerate(levels))


def _above(value: int, values: Sequence[int]) -> tuple[int, ...]:
    """Values of a parameter from one on, multiples of what those before are multiples of."""
    step = gcd(*values)
    return tuple(-(-value * (4 + k) // (4 * step)) * step for k in range(FEWEST))
