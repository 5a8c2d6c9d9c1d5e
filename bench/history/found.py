"""What a search in a history has found, and where nothing could be measured."""

from __future__ import annotations

from dataclasses import dataclass

from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.recording import NOT_THERE


@dataclass(frozen=True)
class Gap:
    """Commits between two with figures, at which nothing could be measured.

    Attributes:
        before, after: these two; empty where the range ends.
        commits: their names.
        why: the reasons, each once.
    """

    before: str
    after: str
    commits: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What a search has found in a range of commits.

    Attributes:
        overview: of what can be compared with what was measured.
        measured: the commits that were measured, or could not be, in this order.
        known: how many commits of the range had figures before.
        cases: how many cases it is about.
        whole: whether every commit of the range was measured or tried.
        notes: sentences on what is left out.
        shared: whether the cases are those of a shard, of which an end may have none.
    """

    overview: Overview
    measured: tuple[str, ...]
    known: int
    cases: int
    whole: bool
    notes: tuple[str, ...] = ()
    shared: bool = False

    @property
    def gaps(self) -> list[Gap]:
        """The commits of the range at which nothing could be measured."""
        problems, recorded = self.overview.problems, self.overview.all.recorded
        found, before, inside = [], "", list[str]()
        for name in (*self.overview.line.compared, ""):
            if name in problems:
                inside.append(name)
            elif not name or name in recorded:
                if inside:
                    why = tuple(dict.fromkeys(problems[each] for each in inside))
                    found.append(Gap(before, name, tuple(inside), why))
                before, inside = name, []
        return found

    @property
    def lacking_ends(self) -> list[str]:
        """The ends of the range that have no figures."""
        order, problems = self.overview.line.compared, self.overview.problems
        return [
            end
            for end in (order[0], order[-1])
            if end not in self.overview.all.recorded
            and not (self.shared and problems.get(end, NOT_THERE) == NOT_THERE)
        ]
