from __future__ import annotations

from pathlib import Path

from hypothesis import given

from .line_programs import Model, checking, explained, models, recorded


@checking
@given(model=models())
def test_every_line_has_the_bytes_that_it_allocates(model: Model, tmp_path: Path):
    reading = recorded(model.text, tmp_path / "program.py")
    # Around it may run code of no file, as that which starts a worker of pytest-xdist.
    lines = {line.place.line: line for line in reading.lines if "program.py" in line.place.file}
    assert sorted(lines) == sorted(model.known)
    for number, known in model.known.items():
        line = lines[number]
        text = model.text[number - 1]
        assert (line.hits, line.peak, line.before) == (known.hits, known.peak, known.before), text
        assert (line.increment, line.own) == (known.increment, known.own), text
        if line.number is not None:  # on Linux and x86-64
            assert (line.number, line.allocated) == (known.number, known.allocated), text
    assert reading.peak.bytes == model.peak
    assert sum(line.own for line in reading.lines) + reading.outside == reading.held
    assert reading.held == model.live
    assert max([line.peak for line in reading.lines]) == model.peak


@checking
@given(model=models())
def test_a_second_run_lists_the_arrays_that_are_alive_at_the_peak(model: Model, tmp_path: Path):
    reading = explained(model.text, tmp_path / "program.py")
    peak, explanation = reading.peak, reading.explanation
    assert explanation is not None
    assert not explanation.problem
    if model.peak:
        assert peak.stack[-1].line == model.peak_line
        assert explanation.taken == model.taken
        assert explanation.instruction == f"np.empty({model.taken}, np.uint8)"
    assert {o.place.line: o.count for o in explanation.alive} == model.alive
    assert sum(o.bytes for o in explanation.alive) + explanation.taken == model.peak
    own = sum(step.bytes for step in explanation.steps)
    assert peak.before + own + explanation.taken == model.peak
