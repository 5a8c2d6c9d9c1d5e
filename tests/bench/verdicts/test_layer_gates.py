"""Gates on counts, growth and layers: what breaks one, and where none is judged."""

from __future__ import annotations

import msgspec
import pytest

from gradmeter.bench.cases import compared
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import baseline, known, layers
from gradmeter.bench.results.readings import Allocations, Layer, LayerPass
from gradmeter.bench.verdicts import breaches, gate_checks, gates, verdicts
from gradmeter.bench.verdicts.regressions import judge

from ..run_files import case, ordinary, run

GROUND = {"interpreter": "cpython 3.11.7"}
OTHER = {"interpreter": "cpython 3.12.1"}


def layer(*peaks, growth=0, ground=GROUND):
    passes = [LayerPass(peak=p, held=p // 2, number=p // 10, allocated=2 * p) for p in peaks]
    return Layer(passes=passes, growth=growth, ground=ground)


def call(peak=1000, number=7, **changes):
    passes = [
        Allocations(forward=0, backward=0, peak=8, held=8, number=number, allocated=8 * number)
    ] * 3
    plain = {"allocations": passes, "layers": {"python": layer(*[peak] * 3)}}
    return ordinary(**{**plain, **changes})


def judged(text, after, before=None, tmp=None):
    """Judge a gate on a call, against a baseline file that was made of another one."""
    figures = None
    if before is not None:
        path = tmp / "baseline.json"
        path.unlink(missing_ok=True)
        baseline.write_baseline(run(before), path)
        figures = known.load(path)
    return judge(run(after), figures, [gates.parse(text)], None)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("python_peak<=999", "python_peak 1,000 B, budget 999 B, 1 B over it"),
        ("python_peak<=1kB", ""),
        ("python_held<=400B", "python_held 500 B, budget 400 B, 100 B over it"),
        ("allocations<=6", "allocations 7, budget 6"),
        ("allocations<=7", ""),
        ("python_allocations<=99", "python_allocations 100, budget 99"),
        ("allocated<=55", "allocated 56 B, budget 55 B, 1 B over it"),
        ("growth<=0", ""),
    ],
)
def test_a_budget_needs_no_baseline(text, broken):
    outcome = judged(text, call())
    assert [breach.what for breach in outcome.breaches] == [broken] * bool(broken)
    assert not outcome.refused


@pytest.mark.parametrize(
    ("text", "before", "broken"),
    [
        ("python_peak>0", call(990), "python_peak 990 B -> 1,000 B: +10 B (+1.0%)"),
        ("python_peak>1%", call(999), ""),
        ("allocations>0", call(number=6), "allocations 6 -> 7: +1 (+16.7%)"),
        ("allocations>0", call(number=7), ""),
        ("python_allocations>0", call(980), "python_allocations 98 -> 100: +2 (+2.0%)"),
    ],
)
def test_a_growth_is_judged_against_the_baseline_of_the_same_version(
    text, before, broken, tmp_path
):
    outcome = judged(text, call(), before, tmp_path)
    assert [breach.what for breach in outcome.breaches] == [broken] * bool(broken)
    assert not outcome.refused


def test_objects_of_another_version_are_not_judged_and_arrays_are(tmp_path):
    before = call(500, number=6)
    before = msgspec.structs.replace(before, layers={"python": layer(500, 500, ground=OTHER)})
    outcome = judged("python_peak>0", call(), before, tmp_path)
    assert not outcome.breaches
    assert outcome.exit_code == 3
    (why,) = outcome.refused
    assert "python_peak of " in why
    assert "other versions: interpreter cpython 3.12.1, now cpython 3.11.7" in why
    assert judged("allocations>0", call(), before, tmp_path).exit_code == 1
    # Two files are not measured in one run either; what one run measured is compared anyhow.
    files = compared.of_files(run(before), run(call()), ("a", "b"))
    rows = verdicts.candidates(files)
    criteria = [gates.parse("python_peak>0")]
    assert not breaches.of_rows(criteria, rows, files.options)
    assert "the two files have those of other versions" in breaches.not_judged(criteria, rows)[0]
    inside = run(
        msgspec.structs.replace(before, variant="3.12"),
        msgspec.structs.replace(call(), variant="3.11"),
    )
    (breach,) = breaches.of_rows(criteria, verdicts.candidates(inside), inside.options)
    assert breach.what == "python_peak 500 B -> 1,000 B: +500 B (+100.0%)"


def test_passes_that_disagree_are_named_and_not_judged(tmp_path):
    uneven = call(layers={"python": layer(1000, 1010, 1000)})
    for text, before in (("python_peak<=1", None), ("python_peak>0", call())):
        outcome = judged(text, uneven, before, tmp_path)
        assert not outcome.breaches
        (why,) = outcome.refused
        assert why.endswith("its passes disagree: peak 1,000, 1,010, 1,000")
    assert layers.disagreements(uneven)["python"][0] == "peak 1,000, 1,010, 1,000"
    assert not judged("python_growth<=0", uneven).refused


def test_growth_is_that_of_every_layer_that_was_measured():
    grows = call(layers={"python": layer(5, 5, growth=3), "heap": layer(5, 5, growth=4)})
    names = [breach.what.partition(" ")[0] for breach in judged("growth<=0", grows).breaches]
    assert sorted(names) == ["heap_growth", "python_growth"]
    assert not judged("growth<=4", grows).breaches


def test_what_arrays_a_call_leaves_each_time_is_its_growth():
    cycles = msgspec.structs.replace(call().cycles, leaked=8)
    for kept, growth in (([8, 8, 8, 8, 8], 0), ([8, 16, 24, 32, 40], 8), ([8, 9, 9, 9, 10], 1)):
        found = layers.reading(call(cycles=cycles, kept=kept), "growth")
        assert found.value == growth
    assert "not made several times" in layers.reading(call(cycles=cycles, kept=[]), "growth").why


def test_a_layer_that_was_not_measured_is_not_judged_and_says_how_to():
    (why,) = judged("heap_peak<=1GB", call()).refused
    assert "give --bench-memory=heap" in why
    (why,) = judged("heap_peak<=1GB", call(layers={"heap": Layer(missing="no memray")})).refused
    assert why.endswith("no memray")
    (why,) = judged("allocations<=1", ordinary()).refused
    assert why.endswith("it was not counted")


def test_a_baseline_without_the_figure_says_how_to_make_it(tmp_path):
    (why,) = judged("allocations>0", call(), ordinary(), tmp_path).refused
    assert "the baseline has none; make it anew of a run with allocations" in why


@pytest.mark.parametrize("text", ["allocations<=3MB", "python_allocations>2kB"])
def test_a_number_takes_no_unit(text):
    with pytest.raises(UsageError, match="is a number, without a unit"):
        gates.parse(text)


def test_a_workload_has_its_counts_and_its_heap_only():
    keys = [case().key]
    gate_checks.check_terms([gates.parse("allocations<=3"), gates.parse("heap_peak>0")], keys)
    with pytest.raises(UsageError, match="applies to the calls of tests only"):
        gate_checks.check_terms([gates.parse("python_peak>0")], keys)
