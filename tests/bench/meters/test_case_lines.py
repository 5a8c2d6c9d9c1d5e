"""The lines of a case: its figures are those of the other meters, and the same in every process."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.program import program, sources
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.cases.watched import watched
from gradmeter.bench.meters import allocations, case_lines, holders
from gradmeter.bench.meters.cycles import collector_off
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.bench.results.lines import Lines, LineTimeline

from ...thorough import repeated
from ..command import gradmeter
from ..throwaway import adapter

WORKLOADS = [name.replace("-N", "-4") for name in workloads.names()]
VARIANTS = [
    "engine",
    "engine:output_references=strong",
    "engine:retain_grad=on",
    "engine:enable_backprop=off",
    "engine:execution=compiled",
]
N = 1000
BYTES = 8 * N


class Measured:
    """Lines, timeline and allocations of one case, each in a pass of its own."""

    def __init__(self, variant: str, name: str, most: int = 1000) -> None:
        parsed, workload = parse(variant), workloads.get(name)
        adapter = parsed.engine.make(**dict(parsed.of_engine))
        make = partial(program, workload, adapter, sources(workload, N, 0))
        chosen = watched(parsed.engine, workload)
        watches = WatchedFiles(patterns=chosen.modules, files=list(map(Path, chosen.files)))
        with adapter.using():
            for _phase in make():
                pass
            with collector_off():
                self.allocations = allocations.measure(make)
            self.lines = case_lines.measure(make, watches)
            self.timeline = case_lines.timeline(make, watches, most)


@pytest.fixture(scope="module")
def measured():
    """Each case once.

    What holds the arrays is searched for in other tests: here it would be in all that hypothesis,
    and whatever else a process of tests has imported, refer to.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holders, "_OBJECTS", 20_000)
        yield _measure_once()


def _measure_once():
    cases: dict[tuple[str, str], Measured] = {}

    def measure(variant: str, workload: str) -> Measured:
        key = variant, workload
        if key not in cases:
            cases[key] = Measured(*key)
        return cases[key]

    return measure


EVERY = [(v, w) for v in VARIANTS for w in WORKLOADS
         if not engines.get("engine").reason(w, dict(parse(v).of_engine))]  # fmt: skip
# Every workload without settings, and each setting with every other workload.
CASES = repeated(
    [(v, w) for v, w in EVERY if v == "engine" or (VARIANTS.index(v) + WORKLOADS.index(w)) % 2],
    EVERY,
)


@pytest.mark.parametrize(("variant", "workload"), CASES)
def test_the_lines_have_the_bytes_of_the_allocation_meter(measured, variant, workload):
    found = measured(variant, workload)
    lines = found.lines
    assert not lines.problem
    assert lines.peak.bytes == found.allocations.peak
    assert lines.held == found.allocations.held
    assert sum(line.own for line in lines.lines) + lines.outside == lines.held
    assert max(line.peak for line in lines.lines) == lines.peak.bytes
    assert lines.peak.stack, "the peak is in a watched line"


@pytest.mark.parametrize(("variant", "workload"), CASES)
def test_the_peak_is_explained_to_the_byte(measured, variant, workload):
    lines: Lines = measured(variant, workload).lines
    explanation = lines.explanation
    assert explanation is not None
    assert explanation.problem == ""
    parts = sum(origin.bytes for origin in explanation.alive)
    assert parts + explanation.taken == lines.peak.bytes


@pytest.mark.parametrize(("variant", "workload"), CASES)
def test_the_timeline_by_lines_accounts_for_every_byte(measured, variant, workload):
    found = measured(variant, workload)
    timeline: LineTimeline = found.timeline
    least = found.allocations.peak // 1000
    assert timeline.peak == found.allocations.peak
    assert timeline.peak - max(m.peak for m in timeline.moments) <= least
    assert timeline.held == found.allocations.held
    assert timeline.merged == 1
    for moment, following in zip(timeline.moments, timeline.moments[1:], strict=False):
        # What changed too little to be a moment lies between.
        assert abs(moment.after - following.before) <= least
        assert moment.peak >= max(moment.before - least, moment.after)
    phase = max(timeline.moments, key=lambda m: m.peak).phase
    assert found.allocations.peak == getattr(found.allocations, phase, found.allocations.peak)


def test_a_timeline_of_few_moments_keeps_the_highest():
    few = Measured("engine", "squares-4", most=3)
    assert len(few.timeline.moments) <= 3
    assert few.timeline.merged > 1
    assert few.timeline.peak == few.allocations.peak
    assert few.timeline.peak in [m.peak for m in few.timeline.moments]


@pytest.mark.parametrize("arguments", [("squares-3",), ("goldstein_price", "--seed", "3")])
def test_two_processes_print_the_same(arguments):
    first, second = (gradmeter("lines", *arguments, "--size", "1000") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert max(map(len, first.stdout.splitlines()[1:])) <= 80


def test_the_command_prints_the_lines_of_a_workload():
    text = gradmeter("lines", "squares-3", "--size", "1000").stdout
    first, second, *_ = text.splitlines()
    assert first.startswith("squares-3 x 1,000 engine: peak 32.0 kB (32,000 B) in gradmeter/engine")
    assert second.strip() == "return x * x"
    assert "the workload's inputs" in text
    assert "held by inputs['x'].grad" in text


def test_an_engine_of_a_file_is_watched_with_its_adapter(tmp_path):
    path = adapter(tmp_path)
    words = ("lines", "squares-3", "--size", "1000", "--engine", path)
    done = gradmeter(*words, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    files = {line["place"]["file"] for line in found["lines"]}
    assert files == {"adapter.py", "gradmeter/bench/workloads/ours.py"}
    assert found["peak"]["stack"][-1]["text"].startswith("return Tensor(x.data * x.data, lambda g")
    assert found["explanation"]["problem"] == ""
    included = json.loads(gradmeter(*words, "--json", "--include", "numpy*", cwd=tmp_path).stdout)
    assert any(line["place"]["file"].startswith("numpy/") for line in included["lines"])


def test_a_workload_of_a_file_is_watched(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\nimport gradmeter\n\n\n"
        "def inputs(size, random):\n    return {'x': random.random(size)}\n\n\n"
        "@gradmeter.workload(inputs=inputs)\ndef cubes(operations, x):\n"
        "    squared = x * x\n    return squared * x\n"
    )
    done = gradmeter("lines", f"{path}:cubes", "--size", "1000", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine.py" in done.stdout
    assert "squared = x * x" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["squares-3", "--variant", "torch"], "torch allocates the memory of its arrays itself"),
        (["squares-3", "--variant", "nope"], "no engine"),
        (["squares-3", "--size", "0"], "not positive"),
        (["cubes-3"], "there is no workload 'cubes-3'"),
        (["squares-3", "more"], "only a script takes arguments"),
        (["squares-3", "--once"], "--once is for scripts"),
        (["squares-3", "--include", "*"], "--include '*' names no module and no file"),
        (["--size", "3", "x.py"], "--size is for workloads"),
        (["--variant", "dezero", "x.py"], "--variant is for workloads"),
    ],
)
def test_what_is_wrong_is_refused(arguments, says):
    done = gradmeter("lines", *arguments)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
