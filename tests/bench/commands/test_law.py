"""gradmeter law, as a user starts it: laws, at any size, in a file, and compared with one."""

from __future__ import annotations

import json

import msgspec
import pytest

from gradmeter.bench.report import law_tables
from gradmeter.bench.results import laws as law_file

from ..command import gradmeter
from ..own_workloads import full_file, workload_file
from ..throwaway import adapter

# A workload whose engine keeps arrays, or more than arrays, as a user's regression would.
KEEPS = """
import numpy as np
import gradmeter

def inputs(size, generator):
    return {"x": generator.uniform(0.5, 1.5, size)}

KEPT = []

@gradmeter.workload(inputs)
def keeper(operations, x):
    KEPT[:] = EXTRA
    return operations.square(operations.square(x))
"""
NOTHING = "[]"
ARRAY = "[np.empty(x.data.size) for _ in range(1)]"
N_LOG_N = "[np.empty(x.data.size * int(x.data.size).bit_length(), np.uint8)]"
N_SQUARED = "[np.empty(x.data.size**2 // 64, np.uint8)]"


def keeper(folder, extra):
    """The name of the workload that keeps something."""
    return f"{workload_file(folder, KEEPS.replace('EXTRA', extra))}:keeper"


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """What the command says of two variants at a size, and the file that it writes."""
    path = tmp_path_factory.mktemp("laws") / "laws.json"
    variants = ("--variant", "engine", "--variant", "engine:output_references=strong")
    done = gradmeter("law", "squares-30", *variants, "--at", "1e9", "--out", path)
    assert done.returncode == 0, done.stdout + done.stderr
    return done, path


def test_laws_are_written_as_people_write_them(squares):
    done, _ = squares
    words = " ".join(done.stdout.split())
    assert "squares-n (1 array = 8 N B)" in words
    assert "cycle engine (n + 1) (n + 1) (n + 1) 3 arrays 0 B arrays arrays arrays" in words
    assert "peak, backward from n = 2 on" in words
    assert "peak is largest in gradmeter/engine/operations.py:" in words
    assert "Square.backward" in words
    assert "verified up to N = 1,000,000 and n = 1,400" in words
    assert "equal, to the byte, to what was derived by hand" in words
    assert "neither the engine's nor the workload's" not in words  # of equal places, a line
    assert all(len(line.rstrip()) <= 80 for line in done.stdout.splitlines()[:-1])


@pytest.mark.parametrize("shown", [("peak",), ("peak", "forward", "cycle"), law_tables.FIGURES])
def test_a_legend_is_of_what_is_in_the_tables_and_nothing_else(shown):
    """Each column has its meaning; a letter is explained where a law has it."""
    row = law_tables.Row("engine", dict.fromkeys(shown, "2 arrays"), ())
    words = law_tables.legend([law_tables.LawTable("matyas", 8, shown, (row,))])
    assert [name for name in law_tables.FIGURES if f"{name}: " in words] == list(shown)
    assert "the depth" not in words
    deep = law_tables.Row("engine", {"peak": "(n + 1) arrays"}, ("no law of growth: it differs",))
    words = law_tables.legend([law_tables.LawTable("squares-n", 8, ("peak",), (deep,))])
    assert "n the depth, an array N elements" in words
    assert "growth: what each further run leaves" in words
    without = law_tables.LawTable("solve", 0, ("peak",), (deep,))
    assert "an array N elements" not in law_tables.legend([without])


def test_a_size_that_no_machine_runs_is_told_by_the_law(squares):
    done, _ = squares
    words = " ".join(done.stdout.split())
    assert "squares-30 at N = 1,000,000,000, n = 30, by its laws" in words
    assert "engine: peak 248,000,000,000 B" in words
    assert "248.0 GB" in words


def test_the_file_holds_the_laws(squares):
    _, path = squares
    weak, strong = law_file.load(path)
    assert (weak.program, weak.parameters, weak.itemsize) == ("squares-n", ["N", "n"], 8)
    assert weak.at({"N": 10**6, "n": 100})["peak"] == 8 * 10**6 * 101
    assert strong.at({"N": 10**6, "n": 100})["cycle"] == 8 * 10**6 * 102
    assert weak.figures["cycle"].bytes == "0 B"
    assert weak.verified["n"] >= 140


def test_the_same_laws_pass_and_others_fail(squares, tmp_path):
    _, path = squares
    same = gradmeter("law", "squares-30", "--against", path)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "passed: no laws changed" in same.stdout
    weak, _ = law_file.load(path)
    others = {"peak": "8 N (n + 2)", "odd": "3 N"}
    figures = weak.figures | {name: law_file.Formula(bytes=law) for name, law in others.items()}
    other = tmp_path / "other.json"
    law_file.save([msgspec.structs.replace(weak, figures=figures)], other)
    done = gradmeter("law", "squares-30", "--against", other)
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "squares-n engine: peak was (n + 2) arrays, now (n + 1) arrays" in words
    assert "odd was 0.375 arrays, now no law" in words
    assert "failed: 2 laws changed" in words
    gone = gradmeter("law", "diamond", "--against", path)
    assert gone.returncode == 2
    assert "has no laws of diamond engine" in " ".join(gone.stderr.split())


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (ARRAY, "held was 3 arrays, now 4 arrays"),
        (N_LOG_N, "held was 3 arrays, now no law"),
        (N_SQUARED, "held was 3 arrays, now 3 arrays + N^2/64 B"),
    ],
    ids=["an array", "N log N", "N^2"],
)
def test_a_regression_is_a_change_of_law(keepers_laws, tmp_path, extra, said):
    done = gradmeter("law", keeper(tmp_path, extra), "--against", keepers_laws)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def keepers_laws(tmp_path_factory):
    """The laws of the workload that keeps nothing."""
    folder = tmp_path_factory.mktemp("keeper")
    done = gradmeter("law", keeper(folder, NOTHING), "--out", folder / "laws.json", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == json.loads((folder / "laws.json").read_text())
    return folder / "laws.json"


def test_what_follows_no_law_is_shown_as_it_was_measured(tmp_path):
    noisy = "[np.empty(int.from_bytes(__import__('os').urandom(2)))]"
    done = gradmeter("law", keeper(tmp_path, noisy), "--at", "1e6")
    assert done.returncode == 0, done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "no law" in words
    assert "differs from pass to pass" in words
    assert "keeper engine: measured, where no law was found" in words
    assert "peak has no law" in words


def test_workloads_with_a_depth_and_engines_of_anybody_have_laws(tmp_path):
    path = full_file(tmp_path / "full")
    mine = adapter(tmp_path)
    done = gradmeter(
        "law", f"{path}:fourths-3", "--variant", "engine", "--variant", "mine",
        "--engine", mine, "--out", tmp_path / "laws.json", "--markdown",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| variant | peak |" in done.stdout
    engine, other = law_file.load(tmp_path / "laws.json")
    assert engine.program == other.program == "fourths-n"
    assert engine.at({"N": 10**6, "n": 1000})["forward"] == 8 * 10**6 * 2001
    assert other.variant == "mine"
    assert not other.reasons
    places = [place for law in other.figures.values() for place in law.places]
    assert not any(str(tmp_path) in place for place in places if "adapter" not in place)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("squares-3", "--at", "many"), "--at 'many' is no whole number"),
        (("squares-3", "--at", "m=3"), "squares-3 has N and n, not 'm'"),
        (("diamond", "--at", "N=1e9,n=3"), "diamond has N, not 'n'"),
        (("squares-3", "--at", "n=3"), "has no size"),
        (("squares-3", "--at", "0"), "N is 1 at least"),
        (("squares-3", "--json", "--markdown"), "two outputs"),
        (("squares-3", "--at", "1e9", "--json"), "leave one out"),
        (("squares-3", "--variant", "torch"), "allocates the memory of its arrays itself"),
        (("no_such",), "there is no workload"),
        (("squares-3", "--against", "nowhere.json"), "nowhere.json cannot be read"),
        (("squares-3", "--seed", "-1"), "seed"),
    ],
)
def test_a_wrong_call_is_refused(words, said, tmp_path):
    done = gradmeter("law", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in " ".join(done.stderr.split())


def test_a_program_that_fails_is_told_and_others_are_measured(tmp_path):
    failing = keeper(tmp_path, "[1 / 0 if x.data.size > 100 else 0]")
    done = gradmeter("law", failing, "diamond")
    assert done.returncode == 3
    assert "keeper engine could not be measured" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "5 arrays" in done.stdout


def test_what_an_engine_cannot_do_is_no_failure():
    done = gradmeter("law", "diamond", "--variant", "engine:checkpoint=3", "--variant", "engine")
    assert done.returncode == 0
    assert "takes a chain of operations" in done.stderr
