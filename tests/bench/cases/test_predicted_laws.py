"""What was derived by hand is the law that is found: for all sizes and depths at once."""

from __future__ import annotations

import time

import pytest

from gradmeter.bench import workloads
from gradmeter.bench.cases.predicted_laws import predicted_laws
from gradmeter.bench.cases.variants import Variant, parse
from gradmeter.bench.laws import search
from gradmeter.bench.laws.law import Measured, Point
from gradmeter.bench.laws.names import family
from gradmeter.bench.laws.search import Limits, Parameter
from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.verdicts.law_agreement import agreements

from ...thorough import THOROUGH, repeated
from .test_predictions import ENGINE, PLAIN, VARIANTS, measured

SIZES = (400, 1600, 3600, 6400, 10_000)
DEPTHS = (4, 5, 7, 10, 14)
pytestmark = pytest.mark.filterwarnings("ignore:overflow")  # at a depth of 1,400
# Tenfold sizes and hundredfold depths are measured with these, however slow the machine is.
LIMITS = Limits(seconds=600, bytes=4 * 10**7)


def found(program: str, variant: Variant, step: int = 1) -> Laws:
    """The laws of a family of workloads, from what is measured here."""

    def measure(point: Point, _places: bool) -> Measured:
        name, _ = family(program.replace("-n", "-1"))
        workload = workloads.get("-".join([name, *map(str, point[1:])]))
        began = time.perf_counter()
        [read], left = measured(workload, point[0], variant.all_settings)
        figures = {f: getattr(read, f) for f in ("peak", "forward", "backward", "held")}
        return Measured({**figures, "dropped": left.dropped}, {}, time.perf_counter() - began)

    parameters = [Parameter("N", SIZES)]
    if program.endswith("-n"):
        parameters.append(Parameter("n", tuple(step * depth for depth in DEPTHS)))
    findings = search.find(parameters, measure, LIMITS)
    assert not findings.reasons
    return Laws(
        program=program,
        variant=str(variant),
        parameters=[parameter.name for parameter in parameters],
        figures={
            figure: Formula(
                bytes=law.expression.text, since=dict(law.since), multiple=dict(law.multiple)
            )
            for figure, law in findings.laws.items()
        },
    )


def variant_of(settings: dict) -> Variant:
    return Variant(ENGINE, tuple(sorted((k, v) for k, v in settings.items() if v != PLAIN[k])))


PROGRAMS = ("squares-6", "self_products-6", "constant_sums-6", "step17_loop")


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_prediction_is_the_law_that_is_found(name):
    number = 0
    # Each variant with one of the four workloads, unless all are wanted.
    for index, settings in enumerate(VARIANTS):
        if not THOROUGH and PROGRAMS[(index + index // 4) % 4] != name:
            continue
        variant = variant_of(settings)
        predicted = predicted_laws(workloads.get(name), variant)
        if predicted is None:
            continue
        number += 1
        assert predicted.program == name.replace("-6", "-n")
        results = agreements(predicted, found(predicted.program, variant))
        assert {r.figure: r.word for r in results} == dict.fromkeys(
            ("peak", "forward", "backward", "held", "dropped"), "equal"
        ), (variant, results)
        # Where both hold: from two operations on, and at every size.
        assert all(r.at == {"N": 1, **({"n": 2} if "-" in name else {})} for r in results)
    assert number >= (11 if THOROUGH else 2)


@pytest.mark.parametrize("segments", repeated([2], [5]))
def test_the_prediction_of_checkpoints_is_the_law_for_multiples_of_the_segments(segments):
    variant = variant_of({**PLAIN, "checkpoint": segments})
    predicted = predicted_laws(workloads.get("squares-30"), variant)
    assert (predicted.figures["peak"].since, predicted.figures["peak"].multiple) == (
        {"n": 2 * segments},
        {"n": segments},
    )
    results = agreements(predicted, found("squares-n", variant, segments))
    assert {r.word for r in results} == {"equal"}


def test_a_prediction_of_one_depth_is_in_the_size_alone():
    variant = variant_of(PLAIN)
    one = predicted_laws(workloads.get("squares-1"), variant)
    assert (one.program, one.parameters) == ("squares-1", ["N"])
    assert one.at({"N": 1000})["peak"] == 24_000
    whole = predicted_laws(workloads.get("squares-30"), variant)
    alone = predicted_laws(workloads.get("squares-30"), variant, in_depth=False)
    assert (whole.program, alone.program, alone.parameters) == ("squares-n", "squares-30", ["N"])
    assert not alone.figures["peak"].since
    assert alone.at({"N": 1000}) == whole.at({"N": 1000, "n": 30})
    assert alone.at({"N": 1000})["peak"] == 248_000


def test_what_is_not_predicted_has_no_laws():
    assert predicted_laws(workloads.get("matyas"), variant_of(PLAIN)) is None
    compiled = variant_of({**PLAIN, "execution": "compiled"})
    assert predicted_laws(workloads.get("squares-6"), compiled) is None
    assert predicted_laws(workloads.get("squares-6"), Variant(ENGINE, label="main")) is None


def test_the_committed_laws_are_those_that_were_derived_by_hand(pytestconfig):
    equal = 0
    for laws in law_file.load(pytestconfig.rootpath / law_file.COMMITTED):
        variant = parse(laws.variant)
        workload = workloads.get(laws.program.replace("-n", "-30"))
        predicted = predicted_laws(workload, variant, in_depth="n" in laws.parameters)
        if predicted is not None and predicted.parameters == laws.parameters:
            words = {each.figure: each.word for each in agreements(predicted, laws)}
            assert "different" not in words.values(), (laws.program, laws.variant, words)
            equal += [*words.values()] == ["equal"] * 5
    assert equal >= 12
