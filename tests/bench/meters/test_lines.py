from __future__ import annotations

import linecache
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from gradmeter.bench.meters.line_peak import Log, explaining
from gradmeter.bench.meters.lines import recording
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.bench.results.lines import Explanation, Lines
from tests.bench.meters.line_programs import Model, models

# Hypothesis explains a failure with a tracer of its own.
PHASES = [phase for phase in Phase if phase is not Phase.explain]
checking = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, phases=PHASES
)


def load(text: list[str], file: Path) -> tuple[Callable[[], object], WatchedFiles]:
    """The function f0 of a program that is written to a file, and what watches that file."""
    linecache.clearcache()
    file.write_text("\n".join(text))
    variables = {"__name__": file.stem, "__file__": str(file)}
    exec(compile("\n".join(text), str(file), "exec"), variables)
    return variables["f0"], WatchedFiles([file.parent])


def run(text: list[str], file: Path) -> Lines:
    """Record the lines of a program's function f0."""
    function, watched = load(text, file)
    with recording(watched) as (recorder, _):
        function()
    return recorder.reading()


@checking
@given(model=models())
def test_every_line_has_the_bytes_that_it_allocates(model: Model, tmp_path: Path):
    reading = run(model.text, tmp_path / "program.py")
    lines = {line.place.line: line for line in reading.lines}
    assert sorted(lines) == sorted(model.known)
    for number, known in model.known.items():
        line = lines[number]
        text = model.text[number - 1]
        assert (line.hits, line.peak, line.before) == (known.hits, known.peak, known.before), text
        assert (line.increment, line.own) == (known.increment, known.own), text
    assert reading.peak.bytes == model.peak
    assert sum(line.own for line in reading.lines) + reading.outside == reading.held
    assert reading.held == model.live
    assert max([line.peak for line in reading.lines]) == model.peak


@checking
@given(model=models())
def test_a_second_run_lists_the_arrays_that_are_alive_at_the_peak(model: Model, tmp_path: Path):
    path = tmp_path / "program.py"
    function, watched = load(model.text, path)
    with recording(watched) as (recorder, _):
        function()
    peak = recorder.reading().peak
    function, watched = load(model.text, path)
    explanations: list[Explanation] = []
    with explaining(watched, peak, Log.of(recorder), explanations.append):
        function()
    [explanation] = explanations
    assert not explanation.problem
    if model.peak:
        assert peak.stack[-1].line == model.peak_line
        assert explanation.taken == model.taken
        assert explanation.instruction == f"np.empty({model.taken}, np.uint8)"
    assert {o.place.line: o.count for o in explanation.alive} == model.alive
    assert sum(o.bytes for o in explanation.alive) + explanation.taken == model.peak
