"""Collect the files of a user's adapters and workloads, and lay them out on another machine.

What is sent is each named file and the Python files that it imports, at its top or later, from its
own folder, its package or the working folder; and the packages of revisions that are compared.
Everything else has to be installed there.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import gradmeter
from gradmeter.bench.cases.adapter_imports import imports_of
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.revisions import OURS, Revision
from gradmeter.bench.errors import UsageError
from gradmeter.bench.loading import folders
from gradmeter.bench.machines.messages import Checkout, Planned, Shipment


def shipment(groups: Sequence[Group], revisions: Sequence[Revision] = ()) -> Shipment:
    """The files that groups are made of.

    Args:
        revisions: those that variants are labelled with.

    Raises:
        UsageError: one cannot be read any more, or a revision was built here.
    """
    if any(revision.interpreter for revision in revisions):
        raise UsageError(
            "--bench-install builds revisions in environments of this machine, which --on sends to "
            "no other one; leave one of them out"
        )
    variants = dict.fromkeys(variant for group in groups for variant in group.variants)
    adapters = dict.fromkeys(v.engine.file for v in variants if v.engine.file)
    sources = dict.fromkeys(_file(g.workload.source) for g in groups if g.workload.source)
    paths: dict[Path, None] = {}
    for name in [*adapters, *sources]:
        paths |= dict.fromkeys(_with_imports(Path(name).resolve()))
    for revision in revisions:
        paths |= dict.fromkeys(_checked_out(revision))
    try:
        files = {_rootless(path): path.read_bytes() for path in sorted(paths)}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None
    return Shipment(
        adapters=[_rootless(Path(name).resolve()) for name in adapters],
        files=files,
        folder=_rootless(Path.cwd().resolve()),
        checkouts=[
            Checkout(
                label=r.label,
                path=_rootless(r.path),
                packages={name: _rootless(folder) for name, folder in r.packages.items()},
                origins=list(map(_rootless, r.origins)),
            )
            for r in revisions
        ],
        packages={v.engine.name: list(v.engine.packages) for v in variants if v.label},
    )


def planned(group: Group) -> Planned:
    """The names that make a group again where its files are laid out."""
    source = group.workload.source
    if source:
        file, _, name = source.rpartition(":")
        source = f"{_rootless(Path(file))}:{name}"
    return Planned(
        workload=source or group.workload.name,
        size=group.size,
        variants=[str(replace(variant, label="")) for variant in group.variants],
        labels=[variant.label for variant in group.variants],
    )


def lay_out(sent: Shipment, top: Path) -> tuple[list[Path], list[Revision]]:
    """Write the files of a shipment below a folder and work there.

    Returns:
        The adapters' paths, and the revisions.
    """
    for name, content in sent.files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (top / sent.folder).mkdir(parents=True, exist_ok=True)
    os.chdir(top / sent.folder)
    return [top / name for name in sent.adapters], [
        Revision(
            label=checkout.label,
            meaning="",
            path=top / checkout.path,
            packages={name: top / folder for name, folder in checkout.packages.items()},
            origins=tuple(top / origin for origin in checkout.origins),
        )
        for checkout in sent.checkouts
    ]


def sources() -> str:
    """A digest of gradmeter's own files, which the same version may have others of."""
    top = Path(gradmeter.__file__).parent
    hashed = hashlib.sha256()
    for part in (top / "engine", top / "bench"):
        for path in sorted(part.rglob("*.py")):
            content = path.read_bytes()
            hashed.update(f"{path.relative_to(top)}:{len(content)}:".encode() + content)
    return hashed.hexdigest()[:16]


def _checked_out(revision: Revision) -> Iterator[Path]:
    """The files of a revision's packages, without what else its checkout has."""
    packages = dict(revision.packages) or dict.fromkeys((OURS, "gradmeter"), revision.path)
    for name, folder in packages.items():
        place = folder.joinpath(*name.split("."))
        found = [*place.rglob("*"), *place.parent.glob(f"{place.name}.*")]
        yield from (p for p in sorted(found) if p.is_file() and "__pycache__" not in p.parts)


def _file(source: str) -> str:
    return source.rpartition(":")[0]


def _rootless(path: Path) -> str:
    return path.relative_to(path.anchor).as_posix()


def _with_imports(path: Path) -> list[Path]:
    """A file and the Python files that it imports from its folders, and they from theirs."""
    files = [path]
    for file in files:
        for name in imports_of(file):
            files += [each for each in _module(name, file) if each not in files]
    return files


def _module(name: str, importer: Path) -> Iterator[Path]:
    """The files of a top-level module, where it lies in the importer's folders."""
    for folder in map(Path, folders(importer)):
        if _is_installed(folder) or not name.isidentifier() or name == "gradmeter":
            continue
        package = folder / name / "__init__.py"
        if package.is_file():
            yield from (path.resolve() for path in sorted(package.parent.rglob("*.py")))
            return
        if (folder / f"{name}.py").is_file():
            yield (folder / f"{name}.py").resolve()
            return


def _is_installed(folder: Path) -> bool:
    """Whether a folder is of the interpreter, whose packages have to be installed there."""
    return any(
        folder.is_relative_to(Path(prefix)) for prefix in {sys.prefix, sys.base_prefix}
    ) and ("site-packages" in folder.parts or "lib" in folder.parts)
