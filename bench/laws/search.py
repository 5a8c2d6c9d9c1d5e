"""Find the laws of a program: where to measure, what formula holds, and from where on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from math import gcd, log, prod

from gradmeter.bench.laws import algebra, formulas
from gradmeter.bench.laws.expression import HIGHEST
from gradmeter.bench.laws.formulas import FEWEST, Formula
from gradmeter.bench.laws.law import Law, Measured, Point, UnmeasurableError
from gradmeter.bench.numbers import bytes_text, seconds_text

TENFOLD = 10
CLIMBS = 2  # tenfold steps beyond the values that laws are found from, where there is time
MOST_CLIMBS = 5  # the same, for a program whose figures are small
LEVELS = 5  # how often laws are searched for, above one more break each time
PATIENCE = 5  # times the limit, that the one point takes without which there is no law
NO_FORMULA = "no polynomial reproduces it"
SLOWER = 3  # times: what time may grow by in a tenfold step, beyond tenfold


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


Measure = Callable[[Point, bool], Measured]


def find(
    parameters: Sequence[Parameter], measure: Measure, limits: Limits | None = None
) -> Findings:
    """Measure at a few points, find the law of every figure, and verify it at larger values.

    Args:
        measure: measures at a point; with places, where it is given True.

    Raises:
        UnmeasurableError: a point that laws are found from cannot be measured.
    """
    search = _Search(parameters, measure, limits or Limits())
    search.run()
    figures = search.figures
    return Findings(
        names=tuple(search.names),
        laws={figure: search.laws.get(figure) for figure in figures},
        reasons={f: search.reasons.get(f, "") for f in figures if f not in search.laws},
        measured=search.measured,
        held_out=tuple(search.held_out),
    )


@dataclass
class _Search:
    parameters: Sequence[Parameter]
    measure: Measure
    limits: Limits
    measured: dict[Point, Measured] = field(default_factory=dict)
    unmeasurable: dict[Point, str] = field(default_factory=dict)
    laws: dict[str, Law] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    held_out: dict[Point, None] = field(default_factory=dict)
    stops: dict[Point, str] = field(default_factory=dict)  # why points are too large

    @property
    def names(self) -> list[str]:
        """Of the parameters."""
        return [parameter.name for parameter in self.parameters]

    @property
    def figures(self) -> list[str]:
        """What every measurement has."""
        readings = [each.figures for each in self.measured.values()]
        return [figure for figure in readings[0] if all(figure in each for each in readings)]

    def run(self) -> None:
        """Search at small values first, and then above each break."""
        levels: list[Sequence[int]] = [parameter.values for parameter in self.parameters]
        for level in range(LEVELS):
            points = [*product(*levels)]
            try:
                for point in points:
                    self._at(point, places=True)
            except UnmeasurableError:
                if level == 0:
                    raise
                break  # the reasons are those of the level below
            found = {f: self._formula(f, points) for f in self.figures if f not in self.laws}
            candidates = {f: formula for f, formula in found.items() if formula is not None}
            self.reasons = dict.fromkeys(found.keys() - candidates.keys(), NO_FORMULA)
            breaks = self._verify(candidates, levels)
            if self.reasons.keys() - candidates.keys() and level == 0:
                less, more = (_with(points[0], 0, value) for value in levels[0][-2:])
                ratio = levels[0][-1] / levels[0][-2]
                next_to = _extrapolated(self._at(less), self._at(more), ratio)
                if next_to <= self.limits.bytes:  # perhaps it changes among these values
                    breaks.setdefault(0, levels[0][-1] * 2)
            for figure, formula in candidates.items():
                if figure not in self.reasons:
                    law = self._law(formula, figure, levels)
                    if law is None:
                        self.reasons[figure] = "what holds for less fails at larger values"
                    else:
                        self.laws[figure] = law
            if not breaks:
                break
            for at, value in breaks.items():
                levels[at] = _above(value, levels[at])

    def _at(self, point: Point, *, places: bool = False) -> Measured:
        """The measurement at a point; a known one serves where it has what is needed."""
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

    def _formula(self, figure: str, points: Sequence[Point]) -> Formula | None:
        readings = [self.measured[point] for point in points]
        values = [reading.figures[figure] for reading in readings]
        places = [reading.places.get(figure, {}) for reading in readings]
        by_place = formulas.of_places(self.names, points, values, places) if all(places) else None
        return by_place or formulas.of_values(self.names, points, values)

    def _holds(self, formula: Formula, figure: str, point: Point) -> bool:
        try:
            value = self._at(point).figures.get(figure)
        except UnmeasurableError:
            return False
        return value is not None and formula.reproduces(self.names, [point], [value])

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
                why = f"{self._text(point)}, where it has to be verified, {self.stops.get(point)}"
                for figure in candidates:
                    self.reasons.setdefault(figure, why)
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
            if figure not in self.reasons and not self._holds(formula, figure, point)
        ]
        self.reasons |= dict.fromkeys(found, f"what holds for less fails at {self._text(point)}")
        return found

    def _climb(
        self, at: int, levels: Sequence[Sequence[int]], candidates: Mapping[str, Formula]
    ) -> Iterator[Point]:
        """Points with ever larger values of one parameter, while they can be measured."""
        values = [*levels[at][-2:]]
        for step in range(1, MOST_CLIMBS + 1):
            point = _beyond(at, levels, TENFOLD**step)
            less, before = (_with(point, at, value) for value in values[-2:])
            if self.reasons.keys() >= candidates.keys():
                return
            if step > CLIMBS and not _is_small(
                self._at(less), self._at(before), self.limits.settled
            ):
                return
            most = _extrapolated(self._at(less), self._at(before), values[-1] / values[-2])
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
        if point in self.measured:
            return True
        parameters = dict(zip(self.names, point, strict=True))
        most = max([most, *(f.expression.value(parameters) for f in candidates.values())])
        larger = prod(a / b for a, b in zip(point, before, strict=True))
        seconds = self._at(before).seconds * larger * SLOWER
        if most > self.limits.bytes:
            self.stops[point] = f"takes about {bytes_text(int(most))}"
        elif seconds > self.limits.seconds * patience:
            self.stops[point] = f"may take {seconds_text(seconds, 1)}"
        else:
            try:
                self._at(point)
            except UnmeasurableError as error:
                self.stops[point] = f"cannot be measured: {error}"
        return point in self.measured

    def _break(
        self, formula: Formula, figure: str, at: int, levels: Sequence[Sequence[int]]
    ) -> int:
        """The smallest larger value of a parameter that the formula fails at, by bisection."""
        step = gcd(*levels[at])
        top = _beyond(at, levels, 1)
        good, bad = top[at] // step, self._first_failure(formula, figure, at, levels) // step
        while bad - good > 1:
            middle = (good + bad) // 2
            if self._holds(formula, figure, _with(top, at, middle * step)):
                good = middle
            else:
                bad = middle
        return bad * step

    def _first_failure(
        self, formula: Formula, figure: str, at: int, levels: Sequence[Sequence[int]]
    ) -> int:
        beyond = (_beyond(at, levels, TENFOLD**step) for step in range(1, MOST_CLIMBS + 1))
        return next(point[at] for point in beyond if not self._holds(formula, figure, point))

    # Where a law holds.

    def _law(self, formula: Formula, figure: str, levels: Sequence[Sequence[int]]) -> Law | None:
        """The law of a formula; None where it fails at some value that was measured."""
        corner = (self._first(formula, figure, levels), *(values[0] for values in levels[1:]))
        smallest = corner
        since: dict[str, int] = {}
        multiple: dict[str, int] = {}
        # The first parameter last, so that it may be what is large where the others are small: the
        # law then holds at the smallest values of all parameters together.
        for at, parameter in reversed([*enumerate(self.parameters)]):
            step = self._multiple(formula, figure, at, levels)
            if step > 1:
                multiple[parameter.name] = step
            low = self._lowest(formula, figure, at, step, corner)
            if low > -(-parameter.least // step) * step:
                since[parameter.name] = low
            corner = _with(corner, at, low)
        law = Law(
            formula.expression,
            {name: since[name] for name in self.names if name in since},
            {name: multiple[name] for name in self.names if name in multiple},
            formula.places,
            self._crossings(formula, corner),
        )
        if self._fails(law, formula, figure):
            since = dict(zip(self.names, smallest, strict=True))
            law = replace(law, since=since, crossings=self._crossings(formula, smallest))
        return None if self._fails(law, formula, figure) else law

    def _first(self, formula: Formula, figure: str, levels: Sequence[Sequence[int]]) -> int:
        """The smallest value of the first parameter at which, and above which, a formula holds.

        It may have been found from the larger of the values alone.
        """
        holds = levels[0][-1]
        for value in reversed(levels[0]):
            if not all(
                self._holds(formula, figure, point) for point in product([value], *levels[1:])
            ):
                break
            holds = value
        return holds

    def _lowest(self, formula: Formula, figure: str, at: int, step: int, corner: Point) -> int:
        """The smallest value of a parameter that the formula holds from on, the others given."""
        low, high = -(-self.parameters[at].least // step), corner[at] // step
        near = {*range(low, min(low + FEWEST, high))}  # one alone may be a coincidence
        near |= {
            point[at] // step
            for point in self.measured
            if point == _with(corner, at, point[at]) and point[at] < corner[at]
            if point[at] % step == 0
        }
        bad = [k for k in near if not self._holds(formula, figure, _with(corner, at, k * step))]
        if not bad:
            return low * step
        low = max(bad)
        while high - low > 1:
            middle = (low + high) // 2
            if self._holds(formula, figure, _with(corner, at, middle * step)):
                high = middle
            else:
                low = middle
        return high * step

    def _crossings(self, formula: Formula, corner: Point) -> dict[str, list[int]]:
        """By parameter, where another polynomial becomes the largest, the others at a corner."""
        found: dict[str, list[int]] = {}
        for at, parameter in enumerate(self.parameters):
            values = {
                algebra.symbol(name): value
                for i, (name, value) in enumerate(zip(self.names, corner, strict=True))
                if i != at
            }
            along = [part.subs(values) for part in formula.parts]
            if places := algebra.crossings(along, parameter.name, corner[at]):
                found[parameter.name] = places
        return found

    def _fails(self, law: Law, formula: Formula, figure: str) -> bool:
        """Whether a law says of a point what was not measured there."""
        return any(
            law.holds_at(dict(zip(self.names, point, strict=True)))
            and not self._holds(formula, figure, point)
            for point in [*self.measured]
        )

    def _multiple(
        self, formula: Formula, figure: str, at: int, levels: Sequence[Sequence[int]]
    ) -> int:
        """What a parameter has to be a multiple of for the formula to hold."""
        whole = gcd(*levels[at])
        top = tuple(max(values) if i == at else values[0] for i, values in enumerate(levels))
        for step in range(1, whole):
            near = [_with(top, at, top[at] + k * step) for k in (1, 2, 3)]
            if whole % step == 0 and all(self._holds(formula, figure, point) for point in near):
                return step
        return whole

    def _text(self, point: Point) -> str:
        return ", ".join(f"{n} = {v:,}" for n, v in zip(self.names, point, strict=True))


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


def _with(point: Point, at: int, value: int) -> Point:
    return (*point[:at], value, *point[at + 1 :])


def _above(value: int, values: Sequence[int]) -> tuple[int, ...]:
    """Values of a parameter from one on, multiples of what those before are multiples of."""
    step = gcd(*values)
    return tuple(-(-value * (4 + k) // (4 * step)) * step for k in range(FEWEST))
