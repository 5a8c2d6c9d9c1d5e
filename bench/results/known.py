"""What a file knows of cases: exact figures from before, or laws, which have those of any size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradmeter.bench.laws.names import SIZE, values_text
from gradmeter.bench.results import baseline, layers, parametrised
from gradmeter.bench.results.baseline import EXACT, Figures, LayerFigures
from gradmeter.bench.results.laws import Key, LawFile, Laws
from gradmeter.bench.results.lines import FewLines
from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import ORDINARY, Case


@dataclass(frozen=True)
class ByLaw:
    """How figures follow from laws.

    Attributes:
        formulas: of each figure of a case, the law and where it is evaluated.
        reasons: of each figure that a case has no law of, why; of cases that have another.
        refused: why laws and cases cannot be compared, in sentences.
        unused: the program and variant of laws without a case, as keys without a size.
    """

    formulas: Mapping[Key, Mapping[str, str]]
    reasons: Mapping[Key, Mapping[str, str]]
    refused: Sequence[str] = ()
    unused: Sequence[Key] = ()


@dataclass(frozen=True)
class Known:
    """The figures of cases by their keys.

    Attributes:
        figures: exact bytes of array data; of laws, those that speak of the case.
        instructions: of cases that have them.
        layers: by layer of memory.
        lines: the few at the peak, of cases that have them.
        by_law: None where the figures were measured.
    """

    figures: Mapping[Key, Mapping[str, int]]
    instructions: Mapping[Key, Instructions] = field(default_factory=dict)
    layers: Mapping[Key, Mapping[str, LayerFigures]] = field(default_factory=dict)
    lines: Mapping[Key, FewLines] = field(default_factory=dict)
    by_law: ByLaw | None = None


def load(path: Path, cases: Iterable[Case] = ()) -> Known | None:
    """Read a baseline, a run file or a file of laws; None if there is no such file.

    Args:
        cases: at which laws are evaluated.

    Raises:
        UsageError: as `baseline.load`.
    """
    content = baseline.load(path)
    if content is None:
        return None
    if isinstance(content, LawFile):
        return of_laws(content.laws, cases)
    return of_figures(content)


def of_figures(measured: Sequence[Figures]) -> Known:
    """What was measured."""
    return Known(
        figures={each.key: {name: getattr(each, name) for name in EXACT} for each in measured},
        instructions={e.key: e.instructions for e in measured if e.instructions is not None},
        layers={each.key: each.layers for each in measured},
        lines={each.key: each.lines for each in measured if each.lines is not None},
    )


def of_laws(laws: Sequence[Laws], cases: Iterable[Case]) -> Known:
    """The values of laws at cases."""
    figures: dict[Key, dict[str, int]] = {}
    formulas: dict[Key, dict[str, str]] = {}
    reasons: dict[Key, dict[str, str]] = {}
    refused: dict[str, None] = {}
    used: set[tuple[str, str]] = set()
    # Laws at one depth before those in the depth, which may lack them.
    ordered = sorted(laws, key=lambda each: len(each.parameters))
    for case in cases:
        for each in ordered:
            at = _parameters_in(each, case)
            if at is None or each.variant != case.variant:
                continue
            used.add((each.program, each.variant))
            if each.itemsize and case.array_bytes != each.itemsize * at.get(SIZE, 0):
                refused[_other_dtype(each, case)] = None
                continue
            where = values_text(at)
            figures.setdefault(case.key, {})
            formulas.setdefault(case.key, {})
            for figure in dict.fromkeys([*each.figures, *each.reasons, *EXACT]):
                value, reason = each.reading(figure, at)
                if figure in figures[case.key]:
                    continue
                if value is None:
                    reasons.setdefault(case.key, {})[figure] = reason
                else:
                    figures[case.key][figure] = value
                    formulas[case.key][figure] = f"{each.figures[figure].bytes} at {where}"
    return Known(
        figures={key: _only(values, EXACT) for key, values in figures.items()},
        layers={
            key: {layers.ARRAYS: LayerFigures(figures=counts)}
            for key, values in figures.items()
            if (counts := _only(values, layers.FIGURES))
        },
        by_law=ByLaw(
            formulas,
            {
                key: {name: why for name, why in each.items() if name not in figures.get(key, {})}
                for key, each in reasons.items()
            },
            tuple(refused),
            tuple(
                (each.program, ORDINARY, each.variant)
                for each in laws
                if (each.program, each.variant) not in used
            ),
        ),
    )


def _parameters_in(laws: Laws, case: Case) -> Mapping[str, int] | None:
    """The values of the parameters in a case; None where the laws are not of it."""
    if not case.ordinary:
        return laws.parameters_of(case.workload, case.size)
    if not case.parameters.keys() >= {*laws.parameters}:
        return None
    program = parametrised.program(case.template, case.parameters, laws.parameters)
    chosen = {name: case.parameters[name] for name in laws.parameters}
    return chosen if program == laws.program else None


def _other_dtype(laws: Laws, case: Case) -> str:
    width = case.array_bytes / max(case.size, 1)
    return (
        f"the laws of {laws.program} {laws.variant} are of elements of {laws.itemsize} B, and "
        f"those of {case.title} have {width:g} B; find them anew with gradmeter law"
    )


def _only(values: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    return {name: values[name] for name in names if name in values}
