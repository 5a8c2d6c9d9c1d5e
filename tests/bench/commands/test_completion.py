"""Shell completion, asked as a shell asks: by a real bash, and by the words of the others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradmeter.bench import cli

from ..command import GRADMETER, gradmeter

BASH = shutil.which("bash")
COMPLETE = """
eval "$({gradmeter} --show-completion bash)"
complete -p gradmeter > /dev/null || exit 9
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_gradmeter_completion gradmeter
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def by_bash(folder: Path, *words: str) -> list[str]:
    """What bash would offer for the last of the words, as it parts them itself."""
    script = COMPLETE.format(gradmeter=GRADMETER, words=" ".join(f"'{word}'" for word in words))
    path = os.pathsep.join([str(Path(GRADMETER).parent), os.environ["PATH"]])
    done = subprocess.run(
        [BASH, "--norc", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def by_fish(monkeypatch, capfd):
    """What fish would offer after some words, asked in this process."""

    def offered(*words: str) -> list[str]:
        monkeypatch.setenv("_GRADMETER_COMPLETE", "complete_fish")
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", " ".join(["gradmeter", *words]))
        monkeypatch.setattr(sys, "argv", ["gradmeter"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        assert (ended.value.code or 0, err) == (0, "")
        return [row.partition("\t")[0] for row in out.splitlines() if row]

    return offered


@pytest.mark.skipif(BASH is None, reason="there is no bash")
def test_bash_completes_a_value_in_the_middle_of_what_it_takes_for_words(tmp_path):
    words = ("gradmeter", "compare", "squares-3", "engine", ":", "output_references", "=", "s")
    assert by_bash(tmp_path, *words) == ["strong"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["comp"], ["compare"]),
        (["run", "mat"], ["matyas"]),
        (["run", "squ"], ["squares-3", "squares-30"]),
        (["run", "engine", "dezero:core"], ["dezero:core=full", "dezero:core=simple"]),
        (["run", "engine:retain_grad=on,memory=k"], ["engine:retain_grad=on,memory=kept"]),
        (["run", "--variant", "mygr"], ["mygrad"]),
        (["run", "--baseline", "mygrad:memory_guard=of"], ["mygrad:memory_guard=off"]),
        (["trace", "gold"], ["goldstein_price"]),
        (["law", "diam"], ["diamond"]),
        (["costs", "autog"], ["autograd"]),
        (["list", "set"], ["settings"]),
        (["run", "nothing:"], []),
        (["run", "--res"], ["--resume"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_names_are_completed(by_fish, words, offered):
    assert by_fish(*words) == offered


def test_runs_and_ones_own_engines_and_workloads_are_completed(by_fish, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("reports/first", "reports/second", "reports/empty"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("first", "second"):
        (tmp_path / "reports" / name / "run.json").touch()
    (tmp_path / "own.py").write_text(
        "import gradmeter\n"
        "@gradmeter.workload(lambda size, rng: {'x': rng.random(size)})\n"
        "def halves(operations, x):\n    return x * 0.5\n"
    )
    (tmp_path / "broken.py").write_text("1 / 0\n")
    assert by_fish("show", "rep") == ["reports/first", "reports/second"]
    assert by_fish("compare", "reports/s") == ["reports/second"]
    assert by_fish("run", "own.py:") == ["own.py:halves"]
    assert by_fish("run", "broken.py:") == []
    assert (
        by_fish("run", "--engine", "broken.py", "engine:retain_grap")
        == [
            "engine:retain_graph=off",
            "engine:retain_graph=on",
        ][::-1]
    )


def test_completion_is_installed_where_the_shell_reads_it(tmp_path):
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = gradmeter("--install-completion", "bash", env=home)
    assert done.returncode == 0, done.stderr
    assert "_GRADMETER_COMPLETE" in (tmp_path / ".bash_completions/gradmeter.sh").read_text()
    assert "gradmeter.sh" in (tmp_path / ".bashrc").read_text()
