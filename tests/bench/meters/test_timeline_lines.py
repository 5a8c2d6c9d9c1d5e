"""The timeline and the lines of one block: neither meter changes a figure of the other."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import Phase, given, settings

from gradmeter.bench.meters import timeline, timeline_lines
from gradmeter.bench.meters.cycles import collector_off
from gradmeter.bench.meters.lines import recording
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.engine import using_config

from ...engine import programs
from ...thorough import examples

# Hypothesis explains a failure with a tracer of its own, and makes a program smaller for minutes.
change = msgspec.structs.replace
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@contextmanager
def quiet():
    with collector_off(), np.errstate(all="ignore"), using_config("output_references", "strong"):
        yield


@settings(max_examples=examples(30), deadline=None, phases=PHASES)
@given(programs.programs())
def test_both_read_together_what_each_reads_alone(steps):
    # Not the engine's own lines, which are others while it is observed.
    watches = WatchedFiles([Path(programs.__file__).resolve().parent])

    def run():
        pool, total = programs.run(steps)
        total.backward()
        return pool, total

    with quiet():
        run()
        with timeline.watching() as (watch, _):
            held = run()
            watch.stop()
            alone = timeline.timeline(watch, 0, 0, ())
            del held
        with recording(watches) as (recorder, _):
            held = run()
            recorder.stop()
            lines = recorder.reading()
            del held
        with timeline_lines.watching(watches) as watched:
            held = run()
            watched.stop()
            together = timeline.timeline(watched.watch, 0, 0, ())
            reading = watched.reading()
            del held
    assert together == alone
    # What the engine reports is a moment between two lines: alive before the peak is what is then.
    before = change(reading.peak, before=lines.peak.before)
    assert change(reading, peak=before) == lines
    assert reading.peak.bytes == max(together.peaks)
    assert reading.held == together.levels[-1]
