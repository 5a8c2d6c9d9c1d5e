"""Name the files of a reading as they are imported: the same for everyone and in every checkout."""

from __future__ import annotations

import os
import sys

from gradmeter.bench.results.lines import Explanation, Lines, LineTimeline, Origin, Place, changed


class FileNames:
    """The names of files, as of when it is made.

    A module's file is named by the module: ``dezero/core.py``; any other by its path, from the
    working folder where it lies in that.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and name != "__main__":
                end = "/__init__.py" if path.endswith("__init__.py") else ".py"
                within = name.replace(".", "/") + end
                if path.endswith(f"/{within.rpartition('/')[2]}"):
                    self._names.setdefault(path, within)
        self._here = os.path.join(os.getcwd(), "")

    def of(self, path: str) -> str:
        """The name of a file."""
        return self._names.get(path) or path.removeprefix(self._here)

    def place(self, place: Place) -> Place:
        """A place in a file of this name."""
        return changed(place, file=self.of(place.file))

    def lines(self, reading: Lines) -> Lines:
        """A reading of lines with these names."""
        explanation = reading.explanation and self._explanation(reading.explanation)
        return changed(
            reading,
            lines=[changed(line, place=self.place(line.place)) for line in reading.lines],
            peak=changed(reading.peak, stack=list(map(self.place, reading.peak.stack))),
            ending=tuple(map(self._origin, reading.ending)),
            explanation=explanation,
        )

    def timeline(self, timeline: LineTimeline) -> LineTimeline:
        """A timeline with these names."""
        return changed(timeline, places=list(map(self.place, timeline.places)))

    def _explanation(self, explanation: Explanation) -> Explanation:
        return changed(explanation, alive=list(map(self._origin, explanation.alive)))

    def _origin(self, origin: Origin) -> Origin:
        return changed(origin, place=self.place(origin.place))
