"""Releases of published packages, as git repositories with a commit for each."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench.archives import extract
from gradmeter.bench.errors import UsageError

LIMIT = 600.0  # seconds for a download
AGAIN = "again"  # the tag of the newer release's files with one more that nothing reads
_UNREAD = "UNREAD"
_SETTINGS = ("user.name=gradmeter", "user.email=gradmeter@example.org", "commit.gpgSign=false")


@dataclass(frozen=True)
class Package:
    """Two releases of a package whose source distribution holds a pytest-benchmark suite.

    Attributes:
        name: of the distribution.
        suite: pytest's arguments.
        requirements: distributions that the package or its suite imports, as pip takes them.
    """

    name: str
    old: str
    new: str
    suite: tuple[str, ...]
    requirements: tuple[str, ...] = ()


def repository(package: Package, folder: Path) -> Path:
    """Make a repository of a package's two releases, and of the newer one again.

    Its commits are tagged with the versions and with `AGAIN`.

    Args:
        folder: a new one, for the repository and what it is made from.

    Raises:
        UsageError: a release cannot be downloaded or unpacked.
    """
    top = start(folder)
    for version in (package.old, package.new):
        for path in top.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        source = _unpacked(package.name, version, folder / version)
        shutil.copytree(source, top, symlinks=True, dirs_exist_ok=True)
        commit(top, version)
    (top / _UNREAD).write_text("a file that nothing reads\n")
    commit(top, AGAIN)
    return top


def start(folder: Path) -> Path:
    """Make an empty repository in a new folder; return its top."""
    top = folder / "repository"
    top.mkdir(parents=True)
    _git(top, "init", "--quiet", "--initial-branch=main")
    return top


def commit(top: Path, tag: str) -> None:
    """Commit all files of a repository, and tag the commit."""
    _git(top, "add", "--all", "--force")  # whatever the package's .gitignore leaves out
    _git(top, "commit", "--quiet", "--message", tag)
    _git(top, "tag", tag)


def install(requirements: Sequence[str], folder: Path) -> None:
    """Install distributions into a folder, to be put on the import path.

    Raises:
        UsageError: pip fails.
    """
    if requirements:
        _pip(f"{', '.join(requirements)} cannot be installed", "install", folder, *requirements)


def _unpacked(name: str, version: str, folder: Path) -> Path:
    """Download and unpack a source distribution; return its top folder."""
    failed = f"the source distribution of {name} {version} cannot be "
    only = ("--no-deps", "--no-binary", name)
    _pip(f"{failed}downloaded", "download", folder, *only, f"{name}=={version}")
    archives = sorted(folder.glob("*.tar.gz"))
    if len(archives) != 1:
        raise UsageError(f"{failed}unpacked: it is no .tar.gz")
    with tarfile.open(archives[0]) as archive:
        extract(archive, folder / "unpacked", "data")
    tops = list((folder / "unpacked").iterdir())
    if len(tops) != 1:
        raise UsageError(f"{failed}unpacked: it has {len(tops)} folders at the top, not one")
    return tops[0]


def _pip(failed: str, command: str, folder: Path, *words: str) -> None:
    target = "--dest" if command == "download" else "--target"
    quiet = ("--quiet", "--disable-pip-version-check")
    pip = [sys.executable, "-m", "pip", command, *quiet, target, str(folder), *words]
    try:
        # What pip says names hosts and folders, so it is no part of the error.
        subprocess.run(pip, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True, timeout=LIMIT)
    except subprocess.CalledProcessError as error:
        raise UsageError(f"{failed}: pip's exit code is {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{failed}: pip takes more than {LIMIT:.0f} s") from None


def _git(top: Path, *words: str) -> None:
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    subprocess.run(["git", *settings, *words], cwd=top, check=True, stdout=sys.stderr)
