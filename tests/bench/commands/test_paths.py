"""A path that cannot be what it has to be is refused in one sentence, and never waited for."""

from __future__ import annotations

import os
import sys

import pytest

from gradmeter.bench import cli
from gradmeter.bench.results import run_file

from ..run_files import run

KINDS = ["long", "file", "folder", "pipe", "/dev/full"]
READING = ["show ODD", "compare ODD RUN", "check RUN --against ODD"]
WRITING = ["baseline RUN --out ODD", "report RUN -o ODD"]
FOLDERS = ["report RUN --images ODD", "run --size 16 --out ODD"]


def odd(kind: str, folder) -> str:
    """A path of this kind."""
    path = folder / ("x" * 300 if kind == "long" else "odd")
    if kind == "file":
        path.write_text("theirs")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    return kind if kind.startswith("/") else str(path)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        *((command, kind) for command in READING + WRITING for kind in KINDS),
        *((command, kind) for command in FOLDERS for kind in KINDS if kind != "folder"),
    ],
)
def test_an_odd_path_is_refused(command, kind, tmp_path, monkeypatch, capfd):
    saved = tmp_path / "run.json"
    run_file.save(run(), saved)
    path = odd(kind, tmp_path)
    words = [{"ODD": path, "RUN": str(saved)}.get(word, word) for word in command.split()]
    monkeypatch.setattr(sys, "argv", ["gradmeter", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capfd.readouterr()
    assert ended.value.code == 2, out + err
    assert err.count("\n") == 1
    if kind == "file":
        assert (tmp_path / "odd").read_text() == "theirs"
