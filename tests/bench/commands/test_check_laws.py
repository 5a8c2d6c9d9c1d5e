"""`gradmeter check --against laws.json`: real runs at any size, and files that are none."""

from __future__ import annotations

import json

import pytest

from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.laws import Formula, Laws

from ..command import gradmeter

LAWS = [
    Laws(
        program="squares-n",
        variant=variant,
        parameters=["N", "n"],
        itemsize=8,
        figures={
            "peak": Formula(bytes=peak, since={"n": 2}),
            "forward": Formula(bytes="8 N (n + 1)"),
            "backward": Formula(bytes=peak, since={"n": 2}),
            "held": Formula(bytes="3 arrays"),
            "dropped": Formula(bytes="0"),
            "cycle": Formula(bytes="0"),
        },
        verified={"N": 10**6, "n": 140},
    )
    for variant, peak in (("engine", "8 N (n + 2)"), ("engine:retain_grad=on", "8 N (n + 2) + 8"))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two variants at two sizes, and a file of laws of which those of one are wrong."""
    folder = tmp_path_factory.mktemp("laws")
    done = gradmeter(
        *("run", "--exact", "--workload", "squares-3", "--workload", "squares-6"),
        *("--size", "33", "--size", "1000", "--variant", "engine", "--out", folder),
        *("--variant", "engine:retain_grad=on"),
    )
    assert done.returncode == 0, done.stderr
    law_file.save(LAWS, folder / "laws.json")
    return folder


def checked(folder, *arguments, laws="laws.json"):
    return gradmeter("check", folder, "--against", folder / laws, *arguments)


def test_a_run_follows_its_laws_at_sizes_that_were_never_run(folder):
    done = checked(folder, "--fail-on", "peak[engine]>0", "--fail-on", "held[engine]>0")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == (
        "passed: peak[engine]>0 held[engine]>0; 8 cases compared with laws"
    )


def test_a_change_of_law_fails_at_every_size_with_the_law(folder):
    done = checked(folder, "--fail-on", "peak>0")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == (
        "gate failed: peak>0: squares-3 x 1,000 engine:retain_grad=on"
    )
    assert "its law: peak = 8 N (n + 2) + 8 at N = 1,000, n = 3" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(
        "FAILED: 4 breaches of peak>0; 8 cases compared with laws"
    )
    assert checked(folder, "--fail-on", "peak>N n").returncode == 1
    assert checked(folder, "--fail-on", "peak>8 N - 8").returncode == 0
    assert checked(folder, "--fail-on", "peak<=(n+3)arrays").returncode == 0
    over = checked(folder, "--fail-on", "peak<=(n+2)arrays")
    assert "budget (n+2)arrays = 64,000 B at n = 6, arrays of 8,000 B, 8,000 B over it" in (
        over.stdout
    )


def test_what_no_law_speaks_of_is_counted(folder):
    one = Laws(
        program="squares-3",
        variant="engine",
        parameters=["N"],
        itemsize=8,
        figures={"peak": Formula(bytes="40 N", since={"N": 100})},
    )
    law_file.save([one], folder / "few.json")
    done = checked(folder, "--fail-on", "peak>0", laws="few.json")
    assert done.returncode == 0
    assert "no law of peak: squares-3 x 33 engine: its law holds from N = 100 on" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "passed: peak>0; 1 case compared with laws, 6 cases and 1 figure without a law"
    )
    asked = checked(folder, "--fail-on", "new", laws="few.json")
    assert asked.returncode == 1


def test_a_file_of_laws_is_no_run_to_compare(folder):
    done = gradmeter("compare", folder, folder / "laws.json")
    assert done.returncode == 2
    assert f"gradmeter check {folder} --against {folder / 'laws.json'}" in done.stderr


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ("instructions>1%", "could never fail: a file of laws has none; name a baseline"),
        ("peak<=8 M", "expected a unit: B"),
        ("peak<=8/(n-3)", "has no value for squares-3 x 33 engine"),
    ],
)
def test_a_gate_that_makes_no_sense_here_is_refused(folder, gate, says):
    done = checked(folder, "--fail-on", gate)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def changed(**changes):
    def change(text):
        content = json.loads(text)
        content["laws"][0].update(changes)
        return json.dumps(content)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t[: len(t) // 2], "cannot be read as a baseline"),
        (lambda t: t.replace('"version": 1', '"version": 9'), "has laws of version 9, this"),
        (lambda t: t.replace("gradmeter laws", "shopping list"), '"format"'),
        (lambda t: t.replace('"figures"', '"formulas"', 1), "no valid file of laws"),
        (lambda t: t.replace("engine:retain_grad=on", "engine"), "two laws of squares-n engine"),
        (changed(figures={"peak": {"bytes": "8 N (n + 2"}}), "does not parse at the end"),
        (
            changed(figures={"peak": {"bytes": "8 M"}}),
            "'M', which is none of its parameters (N, n)",
        ),
        (changed(figures={"peak": {"bytes": "8", "since": {"M": 2}}}), "which is none of its"),
        (changed(figures={"peak": {"bytes": "8", "multiple": {"N": 0}}}), "is 1 at least"),
        (changed(itemsize=0), "'arrays', which is none of its parameters"),
    ],
)
def test_a_file_of_laws_that_is_none_is_refused_in_a_sentence(folder, change, says):
    (folder / "wrong.json").write_text(change((folder / "laws.json").read_text()))
    done = checked(folder, laws="wrong.json")
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_laws_of_another_dtype_are_not_compared(folder):
    (folder / "wrong.json").write_text(changed(itemsize=4)((folder / "laws.json").read_text()))
    done = checked(folder, "--fail-on", "peak[engine]>0", laws="wrong.json")
    assert done.returncode == 3
    assert "the laws of squares-n engine are of elements of 4 B, and those of squares-" in (
        done.stdout
    )
