"""A law that is not the predicted one is told, also where no measured size shows it."""

from __future__ import annotations

from gradmeter.bench import workloads
from gradmeter.bench.cases.predicted_laws import predicted_laws
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.laws.law import Measured
from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.verdicts import as_predicted

SQUARES = workloads.get("squares-6")
ENGINE = parse("engine")
DERIVED = predicted_laws(SQUARES, ENGINE)
POINTS = ((400, 4), (1600, 7))
MEASURED = {p: Measured(DERIVED.at(dict(zip("Nn", p, strict=True)))) for p in POINTS}


def said(**figures: str) -> str:
    """The sentence on laws of which these are others than predicted."""
    found = Laws(
        program="squares-n",
        variant="engine",
        parameters=["N", "n"],
        itemsize=8,
        figures={**DERIVED.figures, **{f: Formula(bytes=text) for f, text in figures.items()}},
    )
    return as_predicted.sentence(SQUARES, ENGINE, MEASURED, 400, found)


def test_formulas_that_are_the_predicted_ones_are_however_they_are_written():
    assert said() == as_predicted.AS_PREDICTED
    assert said(peak="8 N + 8 N n", held="24 N B") == as_predicted.AS_PREDICTED


def test_a_law_that_agrees_at_every_measured_size_alone_is_not_as_predicted():
    same_there = "24 N + (N - 400) (N - 1600)"
    assert said(held=same_there) == (
        f"not as predicted: held is {same_there}, not 3 arrays, as at N = 1, n = 2"
    )


def test_without_a_law_what_was_measured_is_compared():
    found = Laws(program="squares-n", variant="engine", parameters=["N", "n"], itemsize=8)
    args = (SQUARES, ENGINE)
    assert as_predicted.sentence(*args, MEASURED, 400, found) == as_predicted.AS_PREDICTED
    more = {POINTS[0]: Measured({**MEASURED[POINTS[0]].figures, "held": 9601})}
    assert as_predicted.sentence(*args, more, 400, found) == (
        "not as predicted: held is 9,601 B, not 9,600 B, at squares-4 x 400"
    )
