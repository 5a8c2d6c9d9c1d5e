"""Check out the packages of engines at git revisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.cases.checkouts import Side, Wanted, sides
from gradmeter.bench.cases.engine_packages import Sources, importable, sources, supplied
from gradmeter.bench.cases.revisions import OURS, Revision, our_engine
from gradmeter.bench.engines import Engine
from gradmeter.bench.errors import UsageError


@contextmanager
def engine_revisions(
    engines: Sequence[Engine],
    wanted: Wanted,
    here: Path,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[list[Revision], Mapping[str, Engine]]]:
    """Check the packages of engines out until the block ends; see engine_packages.py for which.

    Yields the revisions, and each engine by its name, with the packages that were found.

    Args:
        wanted: the revisions, how each is built, and the folders that hold packages, relative to
            the project of ``here``.
        here: the current folder.
        tell: called with a sentence before what takes long.

    Raises:
        UsageError: the engines lie in no repository or in several ones, or a revision does not
            exist, lacks a package or cannot be built.
    """
    if all(engine.name == OURS for engine in engines):
        with our_engine(wanted.revisions, here) as revisions:
            yield revisions, {}
        return
    files = [Path(engine.file) for engine in engines if engine.file]
    with importable(files, here, wanted.roots):
        found = {engine: _sources(engine, here, wanted.roots) for engine in engines}
    first = found[engines[0]]
    for engine, other in found.items():
        if other.top != first.top:
            raise UsageError(
                f"--rev compares engines of one repository: {engines[0].name} lies in "
                f"{first.top} and {engine.name} in {other.top}"
            )
    start = next(iter(first.packages.values()))
    with sides(replace(wanted, roots=()), start, tell) as made:
        for side in made:
            if side.problem is not None:
                raise side.problem
        # A revision needs no installed distribution, nor has it the version of one.
        known = {
            engine.name: replace(engine, packages=tuple(found[engine].packages), distributions=())
            for engine in engines
        }
        yield [_revision(side, found.values(), built=bool(wanted.build)) for side in made], known


def repository(engines: Sequence[Engine], here: Path, roots: Sequence[str]) -> Path:
    """The top of the repository whose revisions `engine_revisions` checks out.

    Raises:
        UsageError: the engines lie in none.
    """
    if all(engine.name == OURS for engine in engines):
        return git.top(here).resolve()
    files = [Path(engine.file) for engine in engines if engine.file]
    with importable(files, here, roots):
        return _sources(engines[0], here, roots).top


def _revision(side: Side, sources: Iterable[Sources], *, built: bool) -> Revision:
    return Revision(
        label=side.label,
        meaning=side.meaning,
        path=side.top,
        packages={} if built else supplied(sources, side.top, side.label),
        # An import from the checkout itself would bypass what was built.
        origins=side.origins[:1],
        interpreter=side.interpreter if built else "",
    )


def _sources(engine: Engine, here: Path, roots: Sequence[str]) -> Sources:
    if engine.name == OURS:
        raise UsageError(
            f"{OURS} is gradmeter's own engine and lies in its repository; compare revisions of it "
            "in a run of its own"
        )
    return sources(engine, here, roots)
