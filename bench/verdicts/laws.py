"""The laws of a run: what its exact bytes are at all of the sizes and depths that it measures.

They are found whenever a run is read, see law_search.py, and are no part of its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gradmeter.bench.laws.law import Law

FIGURES = ("peak", "held", "cycle", "forward", "backward", "dropped")
OBJECTS = "objects"  # in reference cycles


@dataclass(frozen=True)
class Found:
    """What a run says of a figure at all sizes.

    Attributes:
        law: None where no formula is told from the measurements.
        more: the parameter of which one more value may tell one; empty where there is a law, or
            there are values enough for it.
    """

    law: Law | None = None
    more: str = ""


@dataclass(frozen=True)
class VariantLaws:
    """The laws of one variant.

    Attributes:
        baseline: the variant that it is compared with; itself for a baseline, empty where it is
            compared with none.
        figures: by name, and the number of `OBJECTS`.
        predicted: of the figures that were predicted otherwise than they were measured.
        as_predicted: whether every figure is as predicted at every point; None where not all
            points have a prediction.
    """

    variant: str
    baseline: str
    figures: Mapping[str, Found]
    predicted: Mapping[str, Found]
    as_predicted: bool | None

    @property
    def is_candidate(self) -> bool:
        """Whether it is compared with another variant."""
        return self.baseline not in ("", self.variant)

    @property
    def are_complete(self) -> bool:
        """Whether every figure in bytes has a law."""
        return all(self.figures[figure].law for figure in FIGURES)


@dataclass(frozen=True)
class FamilyLaws:
    """The laws of a workload at several sizes, or of a family of workloads at several depths.

    Attributes:
        program: the workload, or its family with ``-n`` where the depth is a parameter.
        values: of each parameter, ascending; of the size also where it has one value.
        item_bytes: of one element of the workloads' arrays; 0 where that is no one number.
        variants: each baseline before its candidates.
        workloads: those that the laws are about.
    """

    program: str
    values: Mapping[str, tuple[int, ...]]
    item_bytes: int
    variants: tuple[VariantLaws, ...]
    workloads: frozenset[str]

    def of(self, variant: str) -> VariantLaws | None:
        """The laws of a variant; None where there are none."""
        return next((each for each in self.variants if each.variant == variant), None)


def changed(candidate: VariantLaws, baseline: VariantLaws) -> dict[str, tuple[Law, Law]]:
    """The laws that are not the baseline's, by figure: that of the baseline and its own."""
    pairs = {f: (baseline.figures[f].law, candidate.figures[f].law) for f in FIGURES}
    return {
        f: (before, after)
        for f, (before, after) in pairs.items()
        if before and after and before != after
    }


def covering(
    laws: Sequence[FamilyLaws], workload: str, variants: Sequence[str], figures: Iterable[str]
) -> FamilyLaws | None:
    """The laws of these figures of a workload under each of the variants; None without them."""
    figures = list(figures)
    for family_laws in laws:
        if workload not in family_laws.workloads:
            continue
        each = [family_laws.of(variant) for variant in variants]
        if all(laws_of and all(laws_of.figures[f].law for f in figures) for laws_of in each):
            return family_laws
    return None
