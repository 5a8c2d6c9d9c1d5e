"""What is missing is named by distributions that pip finds, wherever gradmeter came from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gradmeter import bench
from gradmeter.bench import engines
from gradmeter.bench.installing import install


@pytest.mark.parametrize(
    ("requirements", "command"),
    [
        (["torch"], "pip install torch"),
        (["gradmeter[torch]"], "pip install torch"),
        (["gradmeter[dezero]"], "pip install dezero matplotlib"),
        (["gradmeter[report]"], "pip install jinja2 altair vl-convert-python"),
        (["gradmeter[native,compiled]"], "pip install memray llvmlite"),
        (["their-engine[fast]"], "pip install 'their-engine[fast]'"),
        (["gradmeter[no-such-extra]"], "pip install no-such-extra"),
    ],
)
def test_an_extra_is_its_distributions(requirements, command):
    assert install(*requirements) == command


def test_another_interpreter_is_named():
    assert install("numpy", python="/a b/python") == "'/a b/python' -m pip install numpy"


def test_no_engine_is_installed_by_an_extra_of_ours():
    commands = [engines.get(name).command for name in engines.names()]
    assert all("gradmeter" not in command for command in commands)


def test_no_other_place_makes_such_a_command():
    top = Path(bench.__file__).resolve().parent.parent
    made = re.compile(r"""pip install '?gradmeter\\\\?\[""")
    for part in ("bench", "engine"):
        for path in (top / part).rglob("*.py"):
            assert not made.search(path.read_text(encoding="utf-8")), path
