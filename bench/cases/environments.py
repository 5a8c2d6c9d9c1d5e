"""Python environments for revisions that must be built, and for other versions of a dependency.

Each is a virtual environment in which the packages of this one can be imported, too, after its
own: so pytest and the project's dependencies need not be installed again.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench.errors import UsageError
from gradmeter.bench.text import plain

LIMIT = 3600.0  # seconds for a build
LINES = 12  # of a failed command's output that are shown
_OF_ENVIRONMENTS = {"pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel", "_virtualenv"}
_PINNED = re.compile(r"[\w.-]+(\[[\w.,-]+\])?===?[^\s*,;]+")
_OUTER = "zz-gradmeter-outer.pth"  # read last: what it adds comes after what is installed here


class BuildError(UsageError):
    """An environment cannot be built.

    Attributes:
        lines: the last ones that the failed command wrote; part of the text, below the message.
    """

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.lines = [plain(line)[:300] for line in lines]

    def __str__(self) -> str:
        return "\n    ".join([super().__str__(), *self.lines])

    def at(self, label: str) -> BuildError:
        """The same error with the name of the side that it prevents."""
        return BuildError(f"{label} cannot be built: {self.message}", self.lines)


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")


def requirements_of(text: str) -> list[str]:
    """The requirements of one side, as they stand in a shell after ``pip install``.

    Raises:
        UsageError: there is none, or an option of pip's.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--with {text!r} has no end ({error})") from None
    if not words or any(word.startswith("-") for word in words):
        raise UsageError(
            f"--with {text!r} names no requirements; write them as after pip install, without "
            "options: --with numpy==2.2, or --with 'numpy==2.2 scipy==1.14'"
        )
    return words


def pinned(requirements: Sequence[str]) -> bool:
    """Whether requirements are the same distributions the next time: each has one version."""
    return all(_PINNED.fullmatch(word) for word in requirements)


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


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _run(command: Sequence[str], folder: Path, variables: dict[str, str] | None = None) -> None:
    shown = command[-1] if command[0] == "/bin/sh" else " ".join(command)
    try:
        code, output = _to_its_end(command, folder, variables)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{shown} cannot be run: {error}") from None
    if code:
        lines = output.decode(errors="replace").strip().splitlines()[-LINES:]
        raise BuildError(f"{shown} failed with exit code {code}", lines)


def _to_its_end(
    command: Sequence[str], folder: Path, variables: dict[str, str] | None
) -> tuple[int, bytes]:
    """Run a command; return its exit code and output. What it started ends with it on Ctrl-C."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as child:
        try:
            output, _ = child.communicate(timeout=LIMIT)
        except BaseException:
            if hasattr(os, "killpg"):
                with suppress(OSError):
                    os.killpg(child.pid, signal.SIGKILL)
            child.kill()
            child.wait()  # which communicate, interrupted, leaves undone
            raise
    return child.returncode, output
