"""Workloads of files: which one a text names, and one sentence for whatever is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench import workloads
from gradmeter.bench.cases import plan
from gradmeter.bench.errors import UsageError
from gradmeter.bench.workloads import Chain

from ..own_workloads import README, full_file, workload_file


@pytest.fixture(autouse=True)
def _same_path(monkeypatch):
    """Forget the folders that files were loaded from."""
    monkeypatch.setattr(sys, "path", [*sys.path])


def refused(text: str, folder: Path) -> str:
    with pytest.raises(UsageError) as error:
        workloads.get(text, folder)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_declared_function_is_a_workload_with_its_name_and_docstring(tmp_path):
    path = workload_file(tmp_path)
    workload = workloads.get(f"{path}:softplus_loss")
    assert workload.name == "softplus_loss"
    assert workload.meaning == "the squared error of log(1 + exp(x)) against t"
    assert workload.constants == {"t"}
    assert workload.source == f"{path}:softplus_loss"


def test_one_name_is_one_workload_from_any_folder(tmp_path, monkeypatch):
    path = workload_file(tmp_path / "below")
    monkeypatch.chdir(tmp_path)
    relative = workloads.get("below/own.py:softplus_loss")
    monkeypatch.chdir(tmp_path / "below")
    assert workloads.get("./../below/own.py:softplus_loss") is relative
    assert workloads.get(f"{path}:softplus_loss") is relative
    assert workloads.get("own.py:softplus_loss", tmp_path / "below") is relative
    (tmp_path / "link.py").symlink_to(path)
    assert workloads.get("link.py:softplus_loss", tmp_path) is relative


def test_a_function_of_a_depth_is_named_with_it(tmp_path, capsys):
    path = full_file(tmp_path)
    workload = workloads.get(f"{path}:fourths-3")
    assert workload.name == "fourths-3"
    assert isinstance(workload.function, Chain)
    assert workload.function.depth == 3
    assert workloads.get(f"{path}:fourths-3") is workload
    out, err = capsys.readouterr()
    assert out == ""
    assert "no part of" in err
    assert "takes no depth" in refused(f"{path}:wave-3", tmp_path)
    assert "such as fourths-3" in refused(f"{path}:fourths", tmp_path)


def test_a_file_imports_what_lies_beside_it_early_and_late(tmp_path):
    workload = workloads.get(f"{full_file(tmp_path)}:fourth")
    plan.check(workload, 16)
    assert workload.meaning == "the square of a square"


@pytest.mark.parametrize("stem", ["two words", "dotted.name", "a:b", "größe", "C:", "-x", "1"])
def test_a_file_may_be_called_anything(tmp_path, stem):
    workload_file(tmp_path, name=f"{stem}.py")
    assert workloads.get(f"{stem}.py:softplus_loss", tmp_path).name == "softplus_loss"


def test_two_files_of_one_stem_are_two_modules(tmp_path):
    texts = [README, README.replace("softplus_loss", "other")]
    paths = [workload_file(tmp_path / str(i), text) for i, text in enumerate(texts)]
    first, second = (
        workloads.get(f"{path}:{name}")
        for path, name in zip(paths, ("softplus_loss", "other"), strict=True)
    )
    assert sys.modules[first.function.__module__].__file__ == str(paths[0])
    assert sys.modules[second.function.__module__].__file__ == str(paths[1])


def test_a_name_is_compared_as_python_compares_identifiers(tmp_path):
    workload_file(tmp_path, README.replace("softplus_loss", "\ufb01eld"))  # the ligature fi
    for name in ("\ufb01eld", "field"):
        assert workloads.get(f"own.py:{name}", tmp_path).name == "field"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (line 1)"),
        ("\n1 +", "SyntaxError"),
        ("\n\nraise KeyError(3)", "KeyError: 3 (line 3)"),
        ("import sys; sys.exit()", "SystemExit"),
        ("import sys; sys.exit('no')", "SystemExit: no"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def __getattr__(name): raise SystemExit", "does not load: SystemExit"),
        ("", "no workload 'it'; declare it with @gradmeter.workload(inputs)"),
        ("it = 3", "is a int and no workload"),
        ("def it(operations, x): return x", "declare it with @gradmeter.workload(inputs)"),
        ("import gradmeter\n@gradmeter.workload\ndef it(x): pass", "declare it with"),
        ("import gradmeter\n@gradmeter.workload()\ndef it(x): pass", "TypeError"),
        ("import gradmeter\n@gradmeter.workload(id, exakt=1)\ndef it(x): pass", "exakt"),
        ("import gradmeter\n@gradmeter.workload(id)\ndef diamond(x): 0\nit = diamond", "one of"),
        ("import gradmeter\n@gradmeter.workload(id, name='a b')\ndef it(x): 0", "letters, digits"),
        ("import gradmeter\n@gradmeter.workload(id, name='squares-3')\ndef it(x): 0", "one of"),
        ("import gradmeter\n@gradmeter.workload(id, meaning=3)\ndef it(x): 0", "meaning is 3"),
        ("import gradmeter\n@gradmeter.workload(id, name=3)\ndef it(x): 0", "called 3"),
        ("import gradmeter\n@gradmeter.workload(id)\ndef that(x): 0", "its workloads: that"),
    ],
)
def test_a_file_without_the_workload_is_refused_with_the_reason(tmp_path, text, expected):
    path = workload_file(tmp_path, text)
    message = refused("own.py:it", tmp_path)
    assert str(path) in message
    assert expected in message


@pytest.mark.parametrize("text", ["own.py", "own.py:", ":own.py", "C:\\own.py", "own.py:a:b"])
def test_a_text_that_names_no_workload_of_a_file_is_refused_with_the_form(tmp_path, text):
    workload_file(tmp_path)
    assert "write FILE.py:NAME" in refused(text, tmp_path)


def test_a_file_that_is_not_there_is_named_whole(tmp_path):
    for text in ("no.py:it", "C:\\folder\\no.py:it", "folder/../no.py:it"):
        assert "there is no such file" in refused(text, tmp_path)
    assert "is no path" in refused("\x00.py:it", tmp_path)
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    for name in ("folder", "pipe"):
        assert f"{tmp_path}/{name}.py does not load" in refused(f"{name}.py:it", tmp_path)


@given(st.text(max_size=12))
def test_any_text_is_a_workload_or_refused_in_one_line(text):
    assert "\n" not in refused(f"{text}.py:it", Path("/nowhere"))
    assert "\n" not in refused(f"own.py:{text}", Path("/nowhere"))
    assert "\n" not in refused(f"no {text}", Path("/nowhere"))


def test_two_workloads_of_one_name_are_refused_in_one_run(tmp_path):
    first, second = (workload_file(tmp_path / folder) for folder in "ab")
    names = [f"{path}:softplus_loss" for path in (first, second)]
    with pytest.raises(UsageError, match="two workloads are called 'softplus_loss'") as error:
        plan.plan(names, [16], ["engine"])
    assert all(name in str(error.value) for name in names)
    groups, _ = plan.plan([names[0], names[0]], [16], ["engine"])
    assert len(groups) == 1


# Also loaded by its file, in the tests below.
@workloads.workload(lambda size, rng: {"x": rng.uniform(0, 1, size)})
def at_the_top(operations, x):
    return operations.square(x)


def test_a_workload_that_is_at_hand_knows_its_file_and_name():
    found = workloads.with_source(at_the_top)
    assert found.source == f"{Path(__file__).resolve()}:at_the_top"
    assert workloads.with_source(at_the_top) is found
    assert workloads.with_source(found) is found
    ours = workloads.get("diamond")
    assert workloads.with_source(ours) is ours


def test_a_workload_that_is_in_no_file_is_refused_with_the_remedy():
    hidden = workloads.workload(at_the_top.inputs)(lambda operations, x: x)
    with pytest.raises(UsageError, match="no variable at the top of a file"):
        workloads.with_source(hidden)
