"""The baseline: the exact figures of a run. Bytes hold on any machine, instructions on one like it.

Instructions are those of certain binaries, which are named beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import field

from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import title_text
from gradmeter.bench.results import files, laws, layers, run_file
from gradmeter.bench.results.laws import Key, LawFile
from gradmeter.bench.results.lines import FewLines, few
from gradmeter.bench.results.readings import Count, Instructions, Number, Value
from gradmeter.bench.results.run import FORMAT as RUN_FORMAT
from gradmeter.bench.results.run import Case, Run

FORMAT: Final = "gradmeter baseline"
VERSION: Final = 1


class LayerFigures(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Exact figures of one layer of memory, by the names of results/layers.py.

    ``ground`` names what they depend on besides the code; nothing for array data.
    """

    figures: dict[str, Count]
    ground: dict[str, str] = field(default_factory=dict)


class Figures(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Exact bytes of one case; its instructions, counts and other layers where it has them.

    ``lines`` are the few at its peak, where the run measured lines.
    """

    workload: str
    size: Count
    variant: str
    forward: Number
    backward: Number
    peak: Number
    held: Number
    dropped: Number
    cycle: Number
    instructions: Instructions | None = None
    layers: dict[str, LayerFigures] = field(default_factory=dict)
    lines: FewLines | None = None

    @property
    def key(self) -> Key:
        """The workload, size and variant."""
        return (self.workload, self.size, self.variant)


class Baseline(Value, frozen=True, kw_only=True):
    """The exact bytes of every deterministic case of a run."""

    format: Literal["gradmeter baseline"] = FORMAT
    version: Literal[1] = VERSION
    cases: list[Figures]


def figures(run: Run) -> list[Figures]:
    """The exact figures of a run, without cases that failed or are not deterministic."""
    return [
        Figures(
            workload=case.workload,
            size=case.size,
            variant=case.variant,
            instructions=_without_functions(case.instructions),
            layers=_layers(case),
            lines=few(case.lines) if case.lines is not None else None,
            **case.figures,
        )
        for case in sorted(run.cases, key=lambda case: case.key)
        if case.figures is not None and case.deterministic and not case.failure
    ]


def _without_functions(counts: Instructions | None) -> Instructions | None:
    """What a verdict takes, without what explains it."""
    return msgspec.structs.replace(counts, functions={}, calls={}) if counts is not None else None


def _layers(case: Case) -> dict[str, LayerFigures]:
    """The exact figures of a case by layer; of the heap of a workload none, which has no ground."""
    by_layer: dict[str, dict[str, int]] = {}
    for figure, value in layers.figures(case).items():
        by_layer.setdefault(layers.layer_of(figure), {})[figure] = value
    return {
        layer: LayerFigures(
            figures=values, ground=case.layers[layer].ground if layer in case.layers else {}
        )
        for layer, values in by_layer.items()
        if layer == layers.ARRAYS or layer in case.layers
    }


def load(path: Path) -> list[Figures] | LawFile | None:
    """Read what a run can be compared with: a baseline, a run file or a file of laws.

    Returns:
        The figures of cases, no two of one key, or laws; None if the file does not exist.

    Raises:
        UsageError: the file cannot be read, is of another format or version, or holds
            figures that no run can have measured.
    """
    files.refuse_irregular(path, "cannot be read as a baseline")
    try:
        content = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read as a baseline: {reason}") from None
    remedy = f"make it anew: gradmeter baseline RUN --out {path}"
    if isinstance(content, dict) and content.get("format") == laws.FORMAT:
        return LawFile(laws=laws.load(path))
    if isinstance(content, dict) and content.get("format") == RUN_FORMAT:
        cases = figures(run_file.load(path))
    elif not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f'{path} is no baseline: its "format" is not "{FORMAT}"; {remedy}')
    elif content.get("version") != VERSION:
        raise UsageError(
            f"{path} is a baseline of version {content.get('version')!r}, this gradmeter reads "
            f"version {VERSION}; {remedy}"
        )
    else:
        try:
            cases = msgspec.convert(content, Baseline).cases
        except msgspec.ValidationError as error:
            raise UsageError(f"{path} is not a valid baseline: {error}; {remedy}") from None
    keys: set[Key] = set()
    for number, case in enumerate(cases):
        key, values = case.key, {name: getattr(case, name) for name in EXACT}
        problem = "it appears twice" if key in keys else _impossible_figure(values)
        if problem:
            raise UsageError(
                f"{path} was edited: case {number + 1}, {title_text(*key)}: {problem}; {remedy}"
            )
        keys.add(key)
    return cases


EXACT: Final = ("forward", "backward", "peak", "held", "dropped", "cycle")
# Of the same pass as the peak; what is dropped and what is in cycles is measured in another.
_OF_ONE_PASS = ("forward", "backward", "held")


def _impossible_figure(values: Mapping[str, int]) -> str:
    """Describe the first figure that no run can have measured; empty if there is none."""
    for name, value in values.items():
        if value < 0:
            return f"{name} is {value}, less than nothing"
        if name in _OF_ONE_PASS and value > values["peak"]:
            return f"{name} is {value:,} bytes, more than the peak of {values['peak']:,}"
    return ""


def write_baseline(run: Run, path: Path) -> int:
    """Write a run's exact figures; return the number of cases.

    Raises:
        UsageError: the run has no exact figures, the file exists and is no baseline, or it
            cannot be written.
    """
    files.refuse_irregular(path, "cannot be written")
    try:
        existing = msgspec.json.decode(path.read_bytes())
        if (existing.get("format"), existing.get("version")) != (FORMAT, VERSION):
            raise msgspec.ValidationError
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError):
        raise UsageError(
            f"{path} exists and is no baseline of this version, so it is left as it is; "
            "choose another --out or remove it"
        ) from None
    cases = figures(run)
    for case in cases:  # what `load_baseline` refuses is not written
        problem = _impossible_figure({name: getattr(case, name) for name in EXACT})
        if problem:
            raise UsageError(
                f"{title_text(case.workload, case.size, case.variant)}: {problem}, so no baseline "
                "is made of it; measure it again"
            )
    if not cases:
        raise UsageError("this run has no exact memory figures to make a baseline of")
    # One case per line, so that a diff shows the cases that changed.
    lines = ",\n".join("  " + msgspec.json.encode(case).decode() for case in cases)
    text = f'{{"format": "{FORMAT}", "version": {VERSION}, "cases": [\n{lines}\n]}}\n'
    msgspec.json.decode(text, type=Baseline)
    try:
        files.write(path, text.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return len(cases)
