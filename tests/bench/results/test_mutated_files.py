"""Any change of a run file gives a result or a refusal in one sentence, and soon."""

from __future__ import annotations

import copy
import io
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from gradmeter.bench import statistics
from gradmeter.bench.cases import compared
from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import comparison, gate, markdown, page, terminal
from gradmeter.bench.results import known, run_file
from gradmeter.bench.results.baseline import write_baseline
from gradmeter.bench.results.run import Options
from gradmeter.bench.verdicts import gates
from gradmeter.bench.verdicts.regressions import judge

from ...thorough import examples
from ..large_runs import chain, sets
from ..run_files import case, ordinary, run, runs, strong

PLAIN = msgspec.to_builtins(
    run(
        case(timeline=chain(3, 8), times=sets(0.01, 9), again=sets(0.01, 9)),
        strong(times=sets(0.02, 9)),
        ordinary(),
    )
)
WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([-1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**64), 10**400]),
    st.floats(),
    st.sampled_from([1e300, 5e-324, -0.0]),
    st.text(max_size=5),
    st.sampled_from(["", "\x1b[31m", "\u202e", "x" * 1000, "<b>", "[/red]"]),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-2, 2**64), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every part of a document."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            found += places(part, (*path, key))
    return found


PLACES = places(PLAIN)


def show_everything(path) -> None:
    """Read a run file, and do with it what the commands do."""
    found = run_file.load(path)
    criteria = [gates.parse(text) for text in (*gates.DEFAULT, "peak<=5arrays", "held>1%")]
    terminal.show(found, Console(file=io.StringIO(), width=80))
    markdown.render(found)
    page._content(found)
    both = compared.of_files(found, found, ("a", "b"))
    terminal.show(both, Console(file=io.StringIO(), width=80))
    comparison.render(both, [])
    json.dumps(comparison.document(both, []))
    baseline = path.with_name("baseline.json")
    baseline.unlink(missing_ok=True)
    write_baseline(found, baseline)
    before = known.load(baseline)
    assert before
    outcome = judge(found, before, criteria, baseline)
    gate.lines(outcome, criteria, found, path)
    assert not outcome.smaller
    assert not outcome.larger


@settings(max_examples=examples(150), deadline=None)
@given(data=st.data())
def test_a_mutated_run_is_read_or_refused(tmp_path_factory, data):
    content = copy.deepcopy(PLAIN)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(PLACES))
        parent = content
        try:
            for key in above:
                parent = parent[key]
            if data.draw(st.booleans()) or isinstance(parent, list):
                parent[last] = data.draw(WRONG)
            else:
                del parent[last]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed it
    path = tmp_path_factory.mktemp("mutated") / "run.json"
    path.write_text(json.dumps(content))
    with suppress(UsageError):
        show_everything(path)


@settings(max_examples=examples(25), deadline=None)
@given(found=runs())
def test_what_a_baseline_is_made_of_is_accepted(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("any") / "baseline.json"
    try:
        write_baseline(found, path)
    except UsageError:
        assert not path.exists()
    else:
        before = known.load(path)
        outcome = judge(found, before, [gates.parse("peak>0")], path)
        assert not outcome.breaches


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        (("options", "sets"), -1, "sets"),
        (("options", "sets"), 10**6, "sets"),
        (("options", "sets"), 2**63, "$.options.sets"),
        (("options", "most_sets"), -5, "most_sets"),
        (("cases", 0, "size"), -1, "$.cases[0].size"),
        (("cases", 0, "array_bytes"), 2**64, "$.cases[0].array_bytes"),
        (("cases", 0, "allocations", 0, "peak"), -1, "$.cases[0].allocations[0].peak"),
        (("cases", 0, "times", 0, "forward", 0), 1e300, "$.cases[0].times[0]"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_a_figure_out_of_bounds_is_named(tmp_path, where, value, says):
    content = copy.deepcopy(PLAIN)
    parent = content
    for key in where[:-1]:
        parent = parent[key]
    parent[where[-1]] = value
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError) as error:
        run_file.load(path)
    assert says in str(error.value)


def test_a_run_without_sets_is_shown(tmp_path):
    options = {"sets": 0, "most_sets": 64, "seconds": 12.0}
    content = {**PLAIN, "options": {**PLAIN["options"], **options}}
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content))
    show_everything(path)


@given(first=st.integers(0, 2000), most=st.integers(0, 2000))
def test_looks_end_at_the_most(first, most):
    counts = statistics.looks(first, most)
    assert counts == sorted(set(counts))
    assert counts[0] == first
    assert counts[-1] == max(first, most)


@pytest.mark.parametrize("n", [257, 1024, 2000])
@pytest.mark.parametrize("alpha", [0.01, 0.0025, 0.5])
def test_many_sets_have_an_interval(n, alpha):
    outside = statistics.left_out(n, alpha)
    assert outside is not None
    # Both ends together leave out less than the averages that there are.
    assert 0 <= 2 * outside < n * (n + 1) / 2


@pytest.mark.parametrize("n", [100, 200, 256])
def test_where_counting_ends_the_approximation_goes_on(n, monkeypatch):
    for alpha in (0.01, 0.0025, 0.1):
        exact = statistics.left_out.__wrapped__(n, alpha)
        with monkeypatch.context() as patch:
            patch.setattr(statistics, "EXACT", 0)
            near = statistics.left_out.__wrapped__(n, alpha)
        assert abs(exact - near) <= 0.01 * exact


def test_more_sets_than_can_be_compared_are_refused():
    with pytest.raises(ValueError, match="sets"):
        Options(collector="on", seed=0, sets=10**6, budget=1.0, min_rounds=1, limit=1.0)
