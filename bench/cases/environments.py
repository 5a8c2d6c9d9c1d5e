"""Python environments for revisions that must be built, and for other versions of a dependency.

Each is a virtual environment in which the packages of this one can be imported, too, after its
own: so pytest and the project's dependencies need not be installed again. What was built of a
commit is kept in a cache, since it is the same the next time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench.errors import UsageError

if sys.platform != "win32":
    import fcntl

_DONE = "built.json"
LIMIT = 3600.0  # seconds for a build
LINES = 12  # of a failed command's output that are shown
_OF_ENVIRONMENTS = {"pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel", "_virtualenv"}
_OUTER = "zz-gradmeter-outer.pth"  # read last: what it adds comes after what is installed here


class BuildError(UsageError):
    """An environment cannot be built; the message ends with the last lines of the output."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")


def cache() -> Path:
    """The folder of kept environments: in $XDG_CACHE_HOME, or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "gradmeter" / "environments"


def interpreter(name: str) -> str:
    """Return the path of an interpreter, given that, its command or its version (3.12).

    Raises:
        UsageError: there is none.
    """
    found = shutil.which(name) or shutil.which(f"python{name}")
    uv = shutil.which("uv")
    if found is None and uv:
        with suppress(subprocess.CalledProcessError, OSError):
            found = _output([uv, "python", "find", name]).strip() or None
    if found is None:
        raise UsageError(
            f"there is no interpreter {name!r}; name a path, or a version such as 3.12"
        )
    return found


def version(python: str) -> str:
    """The version of an interpreter, and where it is installed.

    Raises:
        UsageError: it cannot be started.
    """
    try:
        return _output([python, "-c", "import sys; print(sys.version, sys.base_prefix)"]).strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise UsageError(f"the interpreter {python} cannot be started: {error}") from None


def make(environment: Environment, interpreter: str = sys.executable) -> None:
    """Make a virtual environment from which this one's packages can be imported, too.

    Raises:
        BuildError: it cannot be made.
    """
    uv = shutil.which("uv")
    command = [uv, "venv", "--quiet", "--seed"] if uv else [interpreter, "-m", "venv"]
    folder = environment.folder
    _run([*command, *(["--python", interpreter] if uv else []), str(folder)], folder.parent)
    _link(environment.python)


def _link(python: str) -> None:
    """Have an environment's interpreter find this one's packages, if it is of the same version.

    The packages' own .pth files are not read: an editable install of the project would come first.
    """
    code = (
        "import json, sys, sysconfig; "
        "print(json.dumps([sysconfig.get_path('purelib'), list(sys.version_info[:2])]))"
    )
    answer = json.loads(_output([python, "-c", code]))
    if answer[1] != list(sys.version_info[:2]):
        return
    outer = dict.fromkeys(path for path in sys.path if path.endswith(("-packages", ".egg")))
    text = "".join(f"{path}\n" for path in outer if os.path.isdir(path))
    Path(answer[0], _OUTER).write_text(text)


def run_in(environment: Environment, command: str, folder: Path) -> None:
    """Run a shell command in an environment.

    Raises:
        BuildError: it fails.
    """
    _run(["/bin/sh", "-c", command], folder, _variables(environment))


def install(environment: Environment, requirements: Sequence[str]) -> None:
    """Install requirements into an environment.

    Raises:
        BuildError: they cannot be.
    """
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", environment.python]
    else:
        command = [environment.python, "-m", "pip", "install", "--quiet", "--upgrade"]
    _run([*command, *requirements], environment.folder, _variables(environment))


def installed(environment: Environment) -> frozenset[str]:
    """The top-level modules that were installed into an environment."""
    names: set[str] = set()
    for folder in environment.folder.glob("lib*/python*/site-packages"):
        names |= {path.name.partition(".")[0] for path in folder.iterdir() if _is_module(path)}
    return frozenset(names - _OF_ENVIRONMENTS)


def _is_module(path: Path) -> bool:
    if path.is_dir():
        return path.name.isidentifier() and path.name != "__pycache__"
    return path.suffix in (".py", ".so", ".pyd")


def _variables(environment: Environment) -> dict[str, str]:
    bin_folder = str(Path(environment.python).parent)
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    return {
        **kept,
        "VIRTUAL_ENV": str(environment.folder),
        "PATH": os.pathsep.join([bin_folder, kept.get("PATH", "")]),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@contextmanager
def kept(*key: str) -> Iterator[tuple[Path, bool]]:
    """The folder of a key in the cache, and whether what is to be built there is complete.

    Only one process at a time builds a key. What a killed one left is removed; a block that ends
    without an error completes it.
    """
    name = hashlib.sha256("\0".join(key).encode(errors="surrogateescape")).hexdigest()[:24]
    folder = cache() / name
    try:
        cache().mkdir(parents=True, exist_ok=True)
        lock = (cache() / f"{name}.lock").open("w")
    except OSError as error:
        raise BuildError(f"{cache()} cannot be written: {error.strerror}") from None
    with lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)
        complete = (folder / _DONE).is_file()
        if not complete:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        try:
            yield folder, complete
        except BaseException:
            if not complete:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        if not complete:
            (folder / _DONE).write_text(json.dumps(key))


@dataclass(frozen=True)
class Kept:
    """An environment in the cache: its folder, what it was made of, and its bytes."""

    folder: Path
    key: tuple[str, ...]
    bytes: int


def listed() -> list[Kept]:
    """The complete environments in the cache."""
    found = []
    for path in sorted(cache().glob(f"*/{_DONE}")):
        with suppress(OSError, ValueError):
            size = sum(f.lstat().st_size for f in path.parent.rglob("*") if not f.is_dir())
            found.append(Kept(path.parent, tuple(json.loads(path.read_text())), size))
    return found


def clear() -> None:
    """Remove every environment from the cache."""
    shutil.rmtree(cache(), ignore_errors=True)


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _run(command: Sequence[str], folder: Path, variables: dict[str, str] | None = None) -> None:
    shown = command[-1] if command[0] == "/bin/sh" else " ".join(command)
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{shown} cannot be run: {error}") from None
    if done.returncode:
        text = done.stdout.decode(errors="replace").strip()
        last = "\n".join(f"    {line[:300]}" for line in text.splitlines()[-LINES:])
        raise BuildError(f"{shown} failed with exit code {done.returncode}:\n{last}")
