"""Check out the packages of engines at git revisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gradmeter.bench.cases.engine_packages import Sources, importable, sources, supplied
from gradmeter.bench.cases.revisions import OURS, Revision, checked_out, our_engine
from gradmeter.bench.engines import Engine
from gradmeter.bench.errors import UsageError


@contextmanager
def engine_revisions(
    engines: Sequence[Engine],
    names: Sequence[str | None],
    here: Path,
    roots: Sequence[str] = (),
) -> Iterator[tuple[list[Revision], Mapping[str, Engine]]]:
    """Check the packages of engines out until the block ends; see engine_packages.py for which.

    Yields the revisions, and each engine by its name, with the packages that were found.

    Args:
        names: of revisions, as git takes them; None for the working tree.
        here: the current folder.
        roots: the folders that hold packages, relative to the current folder's project.

    Raises:
        UsageError: the engines lie in no repository or in several ones, or a revision does not
            exist or lacks a package.
    """
    if all(engine.name == OURS for engine in engines):
        with our_engine(names, here) as revisions:
            yield revisions, {}
        return
    files = [Path(engine.file) for engine in engines if engine.file]
    with importable(files, here, roots):
        found = {engine: _sources(engine, here, roots) for engine in engines}
    first = engines[0]
    for engine in engines:
        if found[engine].top != found[first].top:
            raise UsageError(
                f"--rev compares engines of one repository: {first.name} lies in "
                f"{found[first].top} and {engine.name} in {found[engine].top}"
            )
    with checked_out(names, found[first].top) as revisions:
        filled = [replace(r, packages=supplied(found.values(), r.path, r.label)) for r in revisions]
        # A checkout needs no installed distribution, nor has it the version of one.
        known = {
            engine.name: replace(engine, packages=tuple(found[engine].packages), distributions=())
            for engine in engines
        }
        yield filled, known


def _sources(engine: Engine, here: Path, roots: Sequence[str]) -> Sources:
    if engine.name == OURS:
        raise UsageError(
            f"{OURS} is gradmeter's own engine and lies in its repository; compare revisions of it "
            "in a run of its own"
        )
    return sources(engine, here, roots)
