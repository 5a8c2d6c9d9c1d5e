"""Name the files of a reading as they are imported: the same for everyone and in every checkout."""

from __future__ import annotations

import os
import sys

from gradmeter.bench.results.lines import Lines, LineTimeline, Place, changed, with_places


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
        return with_places(reading, self.place)

    def timeline(self, timeline: LineTimeline) -> LineTimeline:
        """A timeline with these names."""
        return changed(timeline, places=list(map(self.place, timeline.places)))
