"""A recording has a run's exact figures, and those alone, under the commit that it was made at."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from gradmeter.bench.history import recording
from gradmeter.bench.history.recording import NotRecordedError
from gradmeter.bench.results import baseline
from gradmeter.bench.results.lines import FewLines
from gradmeter.bench.results.readings import Failure, Instructions, Layer, LayerPass
from gradmeter.bench.verdicts import instructions

from ..run_files import any_runs, case, ordinary, run, runs, strong

COMMIT = "4b3c" * 10
replace = msgspec.structs.replace


def at(made, **changes):
    """The run as it was made at a commit."""
    there = {"repository_commit": COMMIT, "repository_dirty": False, **changes}
    return replace(made, environment=replace(made.environment, **there), revisions={})


@any_runs
@given(runs())
def test_it_has_the_figures_of_the_baseline_of_the_same_run(found):
    found = replace(at(found), finished=True)
    exact = {f.key: f for f in baseline.figures(found)}
    if not exact:
        with pytest.raises(NotRecordedError, match="no exact figures"):
            recording.of_run(found)
        return
    made = recording.of_run(found)
    assert made.head.commit == COMMIT
    assert made.cases.keys() == exact.keys()
    for key, known in exact.items():
        read = made.cases[key]
        figures = {name: getattr(known, name) for name in baseline.EXACT}
        for layer, of_layer in known.layers.items():
            figures |= of_layer.figures
            if layer != "arrays":
                assert made.grounds[read.figures.grounds[layer]] == of_layer.ground
        if known.instructions is not None and known.instructions.ground:
            figures["instructions"] = instructions.median(known.instructions.totals)
        assert read.figures.figures == figures
        assert read.lines == known.lines
    failed = {c.key for c in found.cases if c.failed and c.array_data}
    assert failed <= made.missing.keys()
    assert not made.missing.keys() & made.cases.keys()


def test_lines_that_only_moved_leave_the_figures_as_they_are():
    def lines(number):
        places = [("engine/a.py", number, "f", "y = x * x"), ("", 0, "other lines", "")]
        return FewLines(places=places, peak=((0, 8), (1, 3)))

    known = [replace(f, lines=lines(7)) for f in baseline.figures(run())]
    moved = [replace(f, lines=lines(70)) for f in baseline.figures(run())]
    one, two = (recording._case_at(each[0], case(), {}) for each in (known, moved))
    assert one.figures == two.figures
    assert (one.lines, two.lines) == (lines(7), lines(70))


def test_what_python_and_the_heap_depend_on_is_kept_once():
    python = Layer(passes=[LayerPass(peak=9, held=1)] * 2, ground={"interpreter": "cpython 3.11"})
    tests = [ordinary(f"test.py::test_{n}", layers={"python": python}) for n in range(3)]
    made = recording.of_run(at(run(*tests)))
    assert list(made.grounds.values()) == [{"interpreter": "cpython 3.11"}]
    assert {c.figures.figures["python_peak"] for c in made.cases.values()} == {9}


def test_instructions_have_their_scatter_and_those_without_a_ground_are_left_out():
    counted = Instructions(
        valgrind="3.19",
        rounds={"forward": [100, 103]},
        misses={"forward": [1, 1]},
        again=[101, 104],
        ground={"interpreter": "cpython 3.11.4"},
    )
    made = recording.of_run(at(run(case(instructions=counted))))
    (figures,) = (c.figures for c in made.cases.values())
    assert (figures.figures["instructions"], figures.allowed) == (100, 8)
    unknown = replace(counted, ground={})
    made = recording.of_run(at(run(case(instructions=unknown))))
    assert "instructions" not in next(iter(made.cases.values())).figures.figures


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"repository_commit": None}, "outside of a git repository"),
        ({"repository_dirty": True}, "differ from commit 4b3c4b3c4b3c.*--dirty"),
    ],
)
def test_a_run_of_no_commit_is_refused(changes, why):
    with pytest.raises(NotRecordedError, match=why):
        recording.of_run(at(run(), **changes))


def test_a_changed_tree_may_be_recorded_as_such():
    made = recording.of_run(at(run(), repository_dirty=True), dirty=True)
    assert made.head.dirty
    assert not recording.of_run(at(run()), dirty=True).head.dirty


def test_runs_of_revisions_and_unfinished_ones_are_refused():
    with pytest.raises(NotRecordedError, match=r"compares revisions \(main\)"):
        recording.of_run(replace(at(run()), revisions={"main": "commit 4b3c"}))
    with pytest.raises(NotRecordedError, match="was not finished"):
        recording.of_run(replace(at(run()), finished=False))


def test_a_case_without_figures_is_missing_with_the_reason():
    failure = Failure("allocations", "killed", "it was killed\nand more")
    made = recording.of_run(at(run(case(), strong(failure=failure))))
    assert list(made.cases) == [case().key]
    assert made.missing == {strong().key: "allocations: it was killed"}


def test_the_meter_has_its_commit_unless_it_is_what_is_measured():
    own = at(run(), commit=COMMIT, dirty=True)
    assert recording.of_run(own).head.versions.gradmeter == "0.1.0"
    other = at(run(), commit="9" * 40, dirty=True)
    assert recording.of_run(other).head.versions.gradmeter == "0.1.0 at 999999999999 with changes"
    assert recording.of_run(at(run(), commit=None)).head.versions.gradmeter == "0.1.0"
