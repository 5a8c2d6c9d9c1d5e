"""The lines of a test's call, measured in a fork of the process that made it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.lines.kept import kept
from gradmeter.bench.meters import call_lines, forked
from gradmeter.bench.meters.call import Call
from gradmeter.bench.meters.file_names import FileNames
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
    return msgspec.convert(forked.run(partial(_measure, call, folder), seconds), Lines)


def _measure(call: Call, folder: Path) -> dict[str, Any]:
    explain = call.most is None or call.most > 1
    reading = call_lines.measure(call, WatchedFiles([folder]), explain=explain)
    names = FileNames()

    def named(place: Place) -> Place:
        file = names.of(place.file).removeprefix(os.path.join(folder, ""))
        return changed(place, file=file)

    return plain(kept(with_places(reading, named)))
