"""What a console, a pipe or a disk cannot take ends no command and changes no outcome."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console

from gradmeter.bench import cli
from gradmeter.bench.results import run_file
from gradmeter.bench.runs.progress import Teller

from ..thorough import repeated
from .command import GRADMETER, TINY, gradmeter, process
from .run_files import ordinary, run, strong
from .suite_files import LIGHT

NAME = "test_größe.py::test_größe"
NARROW = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]
# cp1252 has no such letter, and neither has ascii.
HARD = "ж"


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.json"
    run_file.save(run(strong(), ordinary(f"{NAME}[{HARD}]"), comparisons=[]), path)
    return path


WRITTEN = [
    ("show", "RUN"),
    ("check", "RUN", "--fail-on", "peak<=1B"),
    ("check", "RUN", "--fail-on", "peak<=1B", "--markdown"),
    ("compare", "RUN", "RUN", "--all"),
    ("compare", "RUN", "RUN", "--markdown"),
    ("run", "--variant", HARD),
    ("run", f"--{HARD}"),
]


@pytest.mark.parametrize(
    ("arguments", "environment"),
    repeated(
        [*zip(WRITTEN, [*NARROW * 2, NARROW[0]], strict=True)],
        [*product(WRITTEN, NARROW)],
    ),
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else next(iter(value.values())),
)
def test_what_a_console_lacks_is_escaped(saved, arguments, environment):
    words = [str(saved) if word == "RUN" else word for word in arguments]
    done = subprocess.run(
        [GRADMETER, *words], capture_output=True, env={**os.environ, **environment}, timeout=120
    )
    text = (done.stdout + done.stderr).decode("latin-1")
    assert "Traceback" not in text
    # An argument may be bytes to such a Python.
    assert any(escaped in text for escaped in ("\\u0436", "\\udc", "\\xdc"))
    assert done.returncode == {"show": 0, "compare": 0, "check": 1, "run": 2}[words[0]]


def test_a_traced_script_has_the_streams_that_python_gives_it(tmp_path):
    script = tmp_path / "größe.py"
    script.write_text("import sys\nprint(type(sys.stdout).__name__, sys.stdout.errors)\n")
    environment = {"PYTHONIOENCODING": "ascii"}
    done = gradmeter("trace", script, env=environment)
    plain = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(plain.stdout)
    assert "gr\\xf6\\xdfe.py" in done.stdout


def test_pytest_shows_the_figures_of_a_test_whose_name_the_console_lacks(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import numpy as np\n\ndef test_größe(benchmark):\n    benchmark(np.zeros, 1000)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *LIGHT, "--bench-memory", "--benchmark-disable"],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert b"test_gr\\xf6\\xdfe" in done.stdout
    assert b"8,000 B" in done.stdout


def full(arguments: list[object]) -> subprocess.CompletedProcess[str]:
    """The command with its standard output on a full disk."""
    with open("/dev/full", "w") as nowhere:
        return gradmeter(*arguments, stdout=nowhere)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "RUN"], 4),
        (["check", "RUN", "--fail-on", "peak<=1GB"], 4),
        (["check", "RUN", "--fail-on", "peak<=1B"], 1),  # a gate that failed is not lost
        (["list"], 4),
        (["--version"], 4),
        (["--help"], 4),
    ],
    ids=lambda value: str(value),
)
def test_output_on_a_full_disk_is_no_failed_gate(saved, arguments, code):
    done = full([saved if word == "RUN" else word for word in arguments])
    assert done.returncode == code
    assert "cannot be written (No space left on device)" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_whose_tables_cannot_be_written_is_saved(tmp_path):
    done = full(["run", *TINY, "--variant", "engine", "--out", tmp_path])
    assert done.returncode == 4
    assert "saved" in done.stderr
    assert run_file.load(tmp_path / "run.json").finished


@pytest.mark.parametrize(("gate", "code"), [("peak<=1GB", 0), ("peak<=1B", 1)])
def test_a_reader_who_leaves_changes_no_outcome(saved, gate, code):
    with process(GRADMETER, "check", saved, "--fail-on", gate) as command:
        command.stdout.close()
        assert command.stderr.read() == ""
    assert command.returncode == code


def test_a_process_without_standard_output_ends_with_a_sentence(saved):
    words = f"'{GRADMETER}' show '{saved}' >&-"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True)
    assert done.returncode == 4
    assert "standard output cannot be written" in done.stderr


HOSTILE = "x\x1b[31m\x9b1m\u202e[/red]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", HOSTILE],
        ["run", "--workload", HOSTILE],
        ["run", "--variant", HOSTILE],
        ["run", "--variant", f"engine:{HOSTILE}=on"],
        ["run", "--sets", HOSTILE],
        ["run", f"--{HOSTILE}"],
        [HOSTILE],
        ["check", "--fail-on", HOSTILE],
        ["check", "RUN", "--against", HOSTILE, "--fail-on", f"peak[{HOSTILE}]>0"],
        ["check", "RUN", "--fail-on", "peak<=1GB", "--against", HOSTILE],
        ["compare", "--rev", HOSTILE],
        ["compare", "--rev", f":/{HOSTILE}"],
        ["trace", HOSTILE],
        ["trace", f"{HOSTILE}.py"],
        ["report", HOSTILE],
        ["baseline", HOSTILE],
        ["list", HOSTILE],
    ],
    ids=lambda words: " ".join(words).replace(HOSTILE, "X"),
)
def test_no_text_from_outside_reaches_the_terminal_as_it_is(saved, arguments, monkeypatch, capfd):
    monkeypatch.chdir(Path(__file__).parents[2])
    words = [str(saved) if word == "RUN" else word for word in arguments]
    monkeypatch.setattr(sys, "argv", ["gradmeter", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    text = "".join(capfd.readouterr())
    assert ended.value.code in (0, 2)
    assert set("".join(c for c in text if not c.isprintable())) == {"\n"}


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_any_step_as_it_is_written(terminal):
    file = io.StringIO()
    with Teller(Console(file=file, force_terminal=terminal, width=200)) as tell:
        tell(0.0, f"engine@:/{HOSTILE}: exact memory")
    assert "engine@:/x\\x1b[31m\\x9b1m\\x202e[/red]: exact memory" in file.getvalue()
