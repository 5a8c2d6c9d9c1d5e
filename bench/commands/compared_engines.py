"""Plan what is compared of engines: variants, or revisions; and refuse gates that fit none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gradmeter.bench import workloads
from gradmeter.bench.cases import compared
from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.engine_revisions import engine_revisions
from gradmeter.bench.cases.plan import Group, plan
from gradmeter.bench.cases.revisions import OURS, Revision
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.commands.selection import select
from gradmeter.bench.commands.shared import telling
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.run import Comparison, Options
from gradmeter.bench.verdicts import gate_checks, gates


@dataclass(frozen=True)
class Plan:
    """What is measured and compared; the revisions are checked out while it is used."""

    groups: Sequence[Group]
    comparisons: Sequence[Comparison]
    revisions: Sequence[Revision] = ()

    def selected(self, keyword: str) -> Plan:
        """The comparisons whose candidates -k selects.

        Raises:
            UsageError: there is none.
        """
        groups, comparisons = select(keyword, self.groups, self.comparisons)
        if not comparisons:
            raise UsageError(f"-k {keyword!r} selects a baseline alone, and nothing to compare")
        return replace(self, groups=groups, comparisons=comparisons)

    def check(self, criteria: Sequence[gates.Gate], options: Options) -> None:
        """Refuse gates that could never fail.

        Raises:
            UsageError: there is one.
        """
        keys = [(c.workload, c.size, name) for c in self.comparisons for name in c.candidates]
        gate_checks.check_terms(criteria, keys)
        gate_checks.check_names(criteria, keys)
        gate_checks.check_exact(criteria, self._exact())
        gate_checks.check_sets(criteria, options)
        gate_checks.check_counted(criteria, options)

    def _exact(self) -> list[gates.Key]:
        """The keys of the candidates that have exact bytes, as has their baseline."""
        variants = [v for group in self.groups for v in group.variants]
        exact = {str(v) for v in variants if v.engine.memory == "arrays"}
        return [
            (c.workload, c.size, name)
            for c in self.comparisons
            for name in c.candidates
            if {name, c.baseline} <= exact
        ]


def of_variants(names: Sequence[str], sizes: Sequence[int], variants: Sequence[str]) -> Plan:
    """Plan to compare variants, the first of which is the baseline.

    Raises:
        UsageError: there are not two, or a name is not known.
    """
    if len(set(map(parse, variants))) < 2:
        raise UsageError(
            "compare takes two different variants at least, two run files, or --rev; "
            "such as gradmeter compare engine engine:output_references=strong"
        )
    return Plan(*plan(names, sizes, variants))


@contextmanager
def of_revisions(
    wanted: Wanted,
    names: Sequence[str],
    sizes: Sequence[int],
    variants: Sequence[str],
    *,
    quiet: bool,
) -> Iterator[Plan]:
    """Plan to compare revisions of variants' engines; these are checked out in the block.

    Raises:
        UsageError: a name is not known, or a revision cannot be checked out.
    """
    for name in names:
        workloads.get(name)  # refuses an unknown name before anything is checked out
    parsed = list(dict.fromkeys(parse(text) for text in variants or ["engine"]))
    used = list(dict.fromkeys(variant.engine for variant in parsed))
    for variant in parsed:
        if wanted.build and (variant.python or variant.engine.name == OURS):
            raise UsageError(
                f"--bench-install makes an environment for each revision, which {variant} does not "
                "take; leave --bench-install out"
            )
    with ExitStack() as stack:
        with telling(quiet=quiet) as tell:
            revisions, engines = stack.enter_context(
                engine_revisions(used, wanted, Path.cwd(), lambda sentence: tell(0.0, sentence))
            )
        parsed = [replace(v, engine=engines.get(v.engine.name, v.engine)) for v in parsed]
        yield Plan(*compared.of_revisions(revisions, names, sizes, parsed), revisions)
