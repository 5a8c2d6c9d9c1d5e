"""The lines of a test's call, measured in a fork of the process that made it."""

from __future__ import annotations

import base64
import io
import os
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.lines.kept import kept
from gradmeter.bench.meters import call_lines, forked
from gradmeter.bench.meters.call import Call
from gradmeter.bench.meters.file_names import FileNames
from gradmeter.bench.meters.line_peak import Log
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.bench.results.lines import Lines, Place, changed, plain, with_places


def measure(call: Call, folder: Path, seconds: float) -> Lines:
    """Measure the lines of a call that has been made before, and explain its peak.

    Args:
        folder: what lies in it is watched, but for installed packages.
        seconds: after which the fork is killed.

    Raises:
        NoForkError, RaisedError, VisibleActionError, NoAnswerError: as `forked.run`.
    """
    if call.most != 1:
        return msgspec.convert(forked.run(partial(_measure, call, folder), seconds), Lines)
    # It may use up what it works on, so its peak is explained where that is there still.
    first = forked.run(partial(_record, call, folder), seconds)
    return msgspec.convert(forked.run(partial(_explain, call, folder, first), seconds), Lines)


def _measure(call: Call, folder: Path) -> dict[str, Any]:
    return _named(call_lines.measure(call, WatchedFiles([folder])), folder)


def _record(call: Call, folder: Path) -> dict[str, Any]:
    watches = call_lines.but_running(WatchedFiles([folder]))
    reading, log = call_lines.record(call, watches)
    file = io.BytesIO()
    log.write(file)
    return {"lines": plain(reading), "log": base64.b64encode(file.getvalue()).decode()}


def _explain(call: Call, folder: Path, first: dict[str, Any]) -> dict[str, Any]:
    watches = call_lines.but_running(WatchedFiles([folder]))
    log = Log.read(io.BytesIO(base64.b64decode(first["log"])))
    reading = msgspec.convert(first["lines"], Lines)
    return _named(call_lines.explained(call, watches, reading, log), folder)


def _named(reading: Lines, folder: Path) -> dict[str, Any]:
    """What matters most of a reading, with files as they are called from the folder."""
    names = FileNames()

    def named(place: Place) -> Place:
        file = names.of(place.file).removeprefix(os.path.join(folder, ""))
        return changed(place, file=file)

    return plain(kept(with_places(reading, named)))
