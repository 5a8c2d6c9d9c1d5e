"""What was recorded of a case at a commit, in the form in which a run is compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from gradmeter.bench.history.recording import (
    INSTRUCTIONS,
    CaseAt,
    CaseFigures,
    Key,
    Recording,
    Versions,
)
from gradmeter.bench.history.series import layer_of
from gradmeter.bench.results import layers
from gradmeter.bench.results.baseline import EXACT, LayerFigures
from gradmeter.bench.results.known import Known
from gradmeter.bench.results.lines import FewLines
from gradmeter.bench.results.readings import Instructions


@dataclass(frozen=True)
class Recorded:
    """What was recorded of a case at an ancestor.

    Attributes:
        layers: the recording that a layer's figures are of, and these.
        figures: those that can be compared with the run's.
        others: what measured them, where that is not what measured the run.
        split: whether environments that are not the run's differ in array data there.
        dirty: whether the figures of array data are of files that differed from the commit.
    """

    commit: str
    layers: Mapping[str, tuple[Recording, dict[str, int]]]
    figures: Mapping[str, int]
    lines: FewLines | None
    others: Versions | None = None
    split: bool = False
    dirty: bool = False


def newest(
    key: Key,
    mine: CaseAt | None,
    versions: Versions,
    measured: Iterable[tuple[str, Sequence[Recording]]],
) -> Recorded | None:
    """What the newest commit with a case has of it; None where none has it."""
    for commit, recordings in measured:
        found = [each for each in recordings if key in each.cases]
        clean = [each for each in found if not each.head.dirty] or found
        # Of what the run's own environment measured, the last; else the last of any other.
        clean.sort(key=attrgetter("head.measured"))
        clean.sort(key=lambda each: each.head.versions.is_like(versions))
        if clean:
            return _of_recordings(commit, key, mine, versions, clean[::-1])
    return None


def _of_recordings(
    commit: str,
    key: Key,
    mine: CaseAt | None,
    versions: Versions,
    recordings: Sequence[Recording],
) -> Recorded:
    grounds = mine.figures.grounds if mine is not None else {}
    by_layer: dict[str, tuple[Recording, dict[str, int]]] = {}
    comparable: dict[str, int] = {}
    for layer in (*layers.LAYERS, INSTRUCTIONS):
        having = [
            (each, values)
            for each in recordings
            if (values := _of_layer(each.cases[key].figures, layer))
        ]
        wanted = grounds.get(layer, "")
        same = [
            (each, values)
            for each, values in having
            if each.cases[key].figures.grounds.get(layer, "") == wanted
        ]
        if having:
            by_layer[layer] = (same or having)[0]
        if same:
            comparable |= same[0][1]
    first = recordings[0]
    arrays = [_of_layer(each.cases[key].figures, layers.ARRAYS) for each in recordings]
    other = not first.head.versions.is_like(versions)
    return Recorded(
        commit,
        by_layer,
        comparable,
        next((c.lines for each in recordings if (c := each.cases[key]).lines is not None), None),
        first.head.versions if other else None,
        other and any(each != arrays[0] for each in arrays),
        first.head.dirty,
    )


def _of_layer(figures: CaseFigures, layer: str) -> dict[str, int]:
    return {name: value for name, value in figures.figures.items() if layer_of(name) == layer}


def known(cases: Mapping[Key, Recorded]) -> Known:
    """Recorded figures in the form in which a run is judged by a baseline's."""
    exact: dict[Key, dict[str, int]] = {}
    by_layer: dict[Key, dict[str, LayerFigures]] = {}
    counts: dict[Key, Instructions] = {}
    for key, before in cases.items():
        for layer, (source, values) in before.layers.items():
            figures = source.cases[key].figures
            ground = dict(source.grounds.get(figures.grounds.get(layer, ""), {}))
            if layer == INSTRUCTIONS:
                counts[key] = _instructions(values[INSTRUCTIONS], figures.allowed, ground)
                continue
            others = {name: value for name, value in values.items() if name in layers.FIGURES}
            by_layer.setdefault(key, {})[layer] = LayerFigures(figures=others, ground=ground)
            if layer == layers.ARRAYS:
                exact[key] = {name: values[name] for name in EXACT if name in values}
    few = {key: each.lines for key, each in cases.items() if each.lines is not None}
    return Known(exact, counts, by_layer, few)


def _instructions(median: int, allowed: int, ground: dict[str, str]) -> Instructions:
    """A count of which no more is known than its median, and what identical code differs by."""
    return Instructions(
        valgrind="",
        rounds={INSTRUCTIONS: [median]},
        misses={INSTRUCTIONS: [0]},
        again=[median + allowed // 2],  # the scatter is twice what counts differ by
        ground=ground,
    )
