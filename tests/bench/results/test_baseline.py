"""The baseline: the exact figures of a run and nothing that another machine would change."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.baseline import Baseline, figures, write_baseline
from gradmeter.bench.results.readings import Allocations, Cycles, Failure

from ..run_files import any_runs, case, run, runs, strong


def exact(one) -> bool:
    """Whether a case has figures that hold on any machine."""
    passes = one.allocations
    return (
        one.failure is None
        and one.cycles is not None
        and len(passes) > 1
        and passes.count(passes[0]) == len(passes)
    )


@any_runs
@given(runs(), st.randoms())
def test_it_holds_every_exact_case_once_in_an_order_of_its_own(found, random):
    shuffled = random.sample(found.cases, len(found.cases))
    first = figures(found)
    assert {f.variant for f in first} <= {c.variant for c in found.cases}
    assert len(first) == sum(map(exact, found.cases))
    keys = [(f.workload, f.size, f.variant) for f in first]
    assert keys == sorted(keys)
    again = figures(msgspec.structs.replace(found, cases=shuffled))
    assert len(set(keys)) < len(keys) or again == first


@any_runs
@given(runs())
def test_what_is_written_is_read_as_the_figures(found):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "baseline.json")
        try:
            count = write_baseline(found, path)
        except UsageError:
            assert not figures(found)
            assert os.listdir(folder) == []
            return
        read = msgspec.json.decode(path.read_bytes(), type=Baseline)
        assert read.cases == figures(found)
        assert count == len(read.cases)
        assert len(path.read_text().splitlines()) == count + 2, "a case a line"


def test_another_machine_and_another_day_make_the_same_baseline(tmp_path):
    here = run()
    there = run(
        *[
            msgspec.structs.replace(c, times=[], residency=None, collected_peak=7)
            for c in here.cases
        ],
        environment=msgspec.structs.replace(here.environment, cpu="another", cores=64, commit=None),
    )
    paths = [tmp_path / "here.json", tmp_path / "there.json"]
    for found, path in zip((here, there), paths, strict=True):
        assert write_baseline(found, path) == 2
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_figures_are_those_of_the_case(tmp_path):
    one = strong(
        allocations=[Allocations(forward=1, backward=2, peak=4, held=3)] * 3,
        cycles=Cycles(dropped=5, bytes=6, objects=7, types={}, leaked=8),
    )
    write_baseline(run(one), tmp_path / "b.json")
    [found] = json.loads((tmp_path / "b.json").read_text())["cases"]
    assert found == {
        "workload": "squares-3",
        "size": 1_000_000,
        "variant": "engine:output_references=strong",
        "forward": 1,
        "backward": 2,
        "peak": 4,
        "held": 3,
        "dropped": 5,
        "cycle": 6,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"failure": Failure("time", "crashed", "gone")},
        {"allocations": []},
        {"allocations": [Allocations(forward=1, backward=1, peak=1, held=1)]},
        {"cycles": None},
    ],
)
def test_a_run_without_exact_figures_makes_none_and_overwrites_nothing(tmp_path, changes):
    path = tmp_path / "baseline.json"
    write_baseline(run(), path)
    old = path.read_bytes()
    with pytest.raises(UsageError, match="no exact memory figures"):
        write_baseline(run(case(**changes)), path)
    assert path.read_bytes() == old


def test_an_older_baseline_is_replaced(tmp_path):
    path = tmp_path / "baseline.json"
    write_baseline(run(case()), path)
    assert write_baseline(run(), path) == 2
    assert len(json.loads(path.read_bytes())["cases"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"old",
        b"",
        b"\xff",
        b"[" * 200_000,
        b'{"cases": []}',
        b'{"format": "a list of cases", "version": 1, "cases": []}',
        b'{"format": "gradmeter baseline", "version": 2, "cases": []}',
        msgspec.json.encode(run()),
    ],
    ids=["text", "nothing", "binary", "nested", "unmarked", "another's", "newer", "a run"],
)
def test_a_file_that_is_no_baseline_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "baseline.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no baseline"):
        write_baseline(run(), path)
    assert path.read_bytes() == content


def test_where_it_cannot_be_written_it_says_so(tmp_path):
    for path in (tmp_path / "none" / "b.json", tmp_path):
        with pytest.raises(UsageError, match=str(path)):
            write_baseline(run(), path)
    assert os.listdir(tmp_path) == []
