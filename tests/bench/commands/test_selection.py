"""Plain arguments and -k select what the options would, and what pytest would."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench import engines
from gradmeter.bench.cases.plan import plan
from gradmeter.bench.commands.selection import named, select
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import run_file

from ..command import TINY, gradmeter

NAMES = ["squares-3", "squares-30", "matyas"]
SIZES = [10, 1000]
VARIANTS = ["engine", "engine:output_references=strong", "engine:retain_grad=on", "dezero"]
GROUPS, COMPARISONS = plan(NAMES, SIZES, VARIANTS)
WORDS = ["squares", "squares-3", "matyas", "10", "1e3", "strong", "RETAIN_GRAD", "dezero", "engine"]
WORDS += ["retain_grad=on", "engine:output_references=strong"]


def matches(word: str, workload: str, size: int, variant: str) -> bool:
    """As pytest has it: a part of a name, in letters of either case; and a size as it is read."""
    sizes = {"10": 10, "1e3": 1000}
    if any(word.lower() in name.lower() for name in (workload, variant)):
        return True
    return sizes.get(word) == size


@st.composite
def expressions(draw, depth=2):
    """An expression, and what it means."""
    if depth == 0 or draw(st.booleans()):
        word = draw(st.sampled_from(WORDS))
        return word, lambda *key: matches(word, *key)
    left, means_left = draw(expressions(depth - 1))
    kind = draw(st.sampled_from(["and", "or", "not"]))
    if kind == "not":
        return f"not ({left})", lambda *key: not means_left(*key)
    right, means_right = draw(expressions(depth - 1))
    if kind == "and":
        return f"({left}) and ({right})", lambda *key: means_left(*key) and means_right(*key)
    return f"({left}) or ({right})", lambda *key: means_left(*key) or means_right(*key)


@settings(deadline=None)
@given(expressions())
def test_an_expression_selects_what_it_says_and_the_baselines_of_that(expression):
    text, means = expression
    wanted = {key for group in GROUPS for v in group.variants if means(*(key := group.key(v)))}
    if not wanted:
        with pytest.raises(UsageError, match="selects no case"):
            select(text, GROUPS, COMPARISONS)
        return
    groups, comparisons = select(text, GROUPS, COMPARISONS)
    kept = {group.key(v) for group in groups for v in group.variants}
    compared = {(c.workload, c.size, name) for c in comparisons for name in c.candidates}
    baselines = {(c.workload, c.size, c.baseline) for c in comparisons}
    assert compared == {key for key in wanted if key[2] != "engine"}
    assert kept == wanted | baselines
    assert {key[2] for key in baselines} <= {"engine"}


def test_without_an_expression_everything_is_selected():
    assert select("", GROUPS, COMPARISONS) == (GROUPS, COMPARISONS)
    assert select("  ", GROUPS, COMPARISONS) == (GROUPS, COMPARISONS)


def test_of_several_baselines_each_keeps_its_own():
    first, second = (each.__class__(
        workload="squares-3", size=10, baseline=baseline, candidates=[candidate]
    ) for each, baseline, candidate in [
        (COMPARISONS[0], "engine", "engine:retain_grad=on"),
        (COMPARISONS[0], "engine:output_references=strong", "dezero"),
    ])  # fmt: skip
    [group], kept = select("dezero", GROUPS[:1], [first, second])
    assert kept == [second]
    assert [str(v) for v in group.variants] == ["engine:output_references=strong", "dezero"]


def test_words_are_workloads_or_variants_in_their_order():
    found = named(["engine:retain_grad=on", "squares-3", "own.py:mine", "engine", "matyas"])
    assert found.workloads == ["squares-3", "own.py:mine", "matyas"]
    assert found.variants == ["engine:retain_grad=on", "engine"]


def test_a_name_of_both_kinds_is_not_guessed(monkeypatch):
    monkeypatch.setattr(engines, "names", lambda: ["engine", "matyas"])
    with pytest.raises(UsageError, match=r"write --workload matyas or --variant matyas"):
        named(["matyas"])


@pytest.fixture(scope="module")
def run_as_json(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    words = ("squares-2", "matyas", "engine", "engine:retain_grad=on", "-k", "squares")
    return out, gradmeter("run", *words, *TINY, "--out", out, "--json")


def test_json_is_the_run_file_and_progress_is_on_standard_error(run_as_json):
    out, done = run_as_json
    assert done.returncode == 0
    assert done.stdout == (out / "run.json").read_text()
    assert "gradmeter   0%" in done.stderr


def test_plain_arguments_and_k_measure_what_they_select(run_as_json):
    run = run_file.load(run_as_json[0] / "run.json")
    assert {(case.workload, case.variant) for case in run.cases} == {
        ("squares-2", "engine"),
        ("squares-2", "engine:retain_grad=on"),
    }


def test_quiet_says_nothing_where_nothing_failed(tmp_path):
    done = gradmeter(
        "compare", "squares-2", "engine", "engine:output_references=strong", *TINY[:4],
        "--sets", 1, "--seconds", 0, "--quiet", "--out", tmp_path, "-k", "strong",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run_file.load(tmp_path / "run.json").finished


def test_quiet_says_which_gate_failed_and_nothing_else(tmp_path):
    done = gradmeter(
        "compare", "squares-2", "engine", "engine:retain_grad=on", *TINY[:4], "--sets", 1,
        "--seconds", 0, "--quiet", "--out", tmp_path, "--fail-on", "held>0",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("gate failed: held>0")
    assert "Traceback" not in done.stdout


BROKEN = '''
import gradmeter

@gradmeter.workload(lambda size, rng: {"x": rng.uniform(1, 2, size)})
def broken(operations, x):
    """A workload that fails at its size"""
    if len(getattr(x, "data", x)) > 9:
        raise ValueError("too many")
    return x * x
'''


def test_quiet_and_json_say_on_standard_error_what_could_not_be_measured(tmp_path):
    (tmp_path / "own.py").write_text(BROKEN)
    words = ("run", "own.py:broken", "engine", *TINY, "--out", "out", "--quiet")
    done = gradmeter(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("gradmeter: not measured: broken x 16 engine: ")
    as_json = gradmeter(*words, "--json", cwd=tmp_path)
    assert as_json.returncode == 3
    assert json.loads(as_json.stdout)["cases"][0]["failure"]
    assert as_json.stderr == done.stderr
