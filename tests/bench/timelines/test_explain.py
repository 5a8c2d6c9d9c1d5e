"""What a timeline means: each sentence where its cause is there, and only there."""

from __future__ import annotations

from io import StringIO

import msgspec
import numpy as np
import pytest
from hypothesis import given
from rich.console import Console

from gradmeter import engine
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import trace as report
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.timelines import difference, explain
from gradmeter.engine import Function, Variable, no_grad, using_config

from ..meters.test_timeline import BYTES, N, leaf, traced
from ..run_files import any_runs, timelines

ONE = bytes_text(BYTES)


def squares(x):
    for _ in range(3):
        x = engine.square(x)
    return x


def swept(**settings):
    def run():
        x = leaf("x")
        for name, value in settings.items():
            stack.append(using_config(name, value))
            stack[-1].__enter__()
        try:
            y = squares(x)
            y.backward()
        finally:
            while stack:
                stack.pop().__exit__(None, None, None)
        return x, y

    stack: list = []
    return traced(run)


def rendered(show, *arguments) -> str:
    text = StringIO()
    show(*arguments, Console(file=text, width=80))
    return text.getvalue()


CYCLE = "cycle: Variable ._edge -> Square ._outputs[0] -> Variable; in such cycles {} wait"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, [f"the graph holds 1 saved array, {ONE}, until backward reaches them"]),
        ({"retain_grad": True}, ["retain_grad keeps 3 gradients, 24.0 kB"]),
        (
            {"retain_graph": True, "retain_grad": True},
            ["retain_graph keeps 2 saved arrays, 16.0 kB, that backward"],
        ),
        ({"output_references": "strong"}, [CYCLE.format("40.0 kB")]),
        (
            {"output_references": "strong", "retain_grad": True},
            ["retain_grad keeps 3 gradients, 24.0 kB", CYCLE.format("64.0 kB")],
        ),
    ],
    ids=str,
)
def test_each_setting_is_told_by_what_it_costs_and_by_no_other_s_sentence(settings, says):
    swept()
    advice = explain.advice(swept(**settings))
    for sentence in says:
        assert any(line.startswith(sentence) for line in advice), advice
    told = "\n".join(advice)
    assert ("retain_grad" in told) == ("retain_grad" in settings)
    assert ("retain_graph" in told) == ("retain_graph" in settings)
    assert ("cycle" in told) == ("output_references" in settings)


def test_a_gradient_is_retained_from_where_backward_is_done_with_it():
    class Wasteful(Function):
        def forward(self, x):
            return x + 1.0

        def backward(self, gy):
            return gy + np.empty(9 * N)[:N]

    def run():
        x = leaf("x")
        y = squares(Wasteful()(x))
        y.backward(retain_grad=True)
        return x, y

    run()
    found = traced(run)
    assert explain.when(found, explain.peak(found)[1]) == "in Wasteful#1 backward"
    # Those of square#2 and square#3; that of Wasteful#1 is at work there.
    assert "retain_grad keeps 2 gradients, 16.0 kB" in explain.advice(found)


def test_a_graph_without_a_backward_is_told_that_it_is_for_nothing():
    advice = explain.advice(traced(lambda: squares(leaf())))
    # The second one is saved by the operation that is at work, and would be there anyway.
    assert advice == [
        f"the graph holds 1 saved array, {ONE}, and no backward follows; "
        "under no_grad() they would not be kept"
    ]


def test_without_a_graph_nothing_is_said_of_one():
    def run():
        x = leaf("x")
        with no_grad():
            return squares(x), x

    assert explain.advice(traced(run)) == [f"no operation uses x any more: 1 array, {ONE}"]


def test_temporaries_inside_an_operation_are_told():
    class Wasteful(Function):
        def forward(self, x):
            scratch = np.empty(3 * N)
            y = x + scratch[:N]
            del scratch
            return y

        def backward(self, gy):
            return gy

    found = traced(lambda: Wasteful()(leaf("x")))
    parts = explain.alive_at(found, explain.peak(found)[1])
    assert [(p.name, p.category, p.bytes) for p in parts] == [
        ("inside Wasteful#1 forward", "temporary", 3 * BYTES),
        ("x", "input", BYTES),
        ("Wasteful#1", "output", BYTES),
    ]
    assert explain.advice(found) == ["temporaries inside Wasteful#1 forward take 24.0 kB"]


def test_an_array_that_died_before_the_peak_is_not_alive_there():
    def run():
        x = leaf("x")
        y = engine.square(x)
        x = y.data  # the first array goes when the graph does
        del y
        other = np.empty(9 * N)
        return x, other

    found = traced(run)
    parts = explain.alive_at(found, explain.peak(found)[1])
    assert [(p.name, p.bytes) for p in parts] == [
        ("not made by an operation", 9 * BYTES),
        ("square#1", BYTES),
    ]
    assert explain.advice(found)[0] == (
        f"the program itself, outside of operations, holds {bytes_text(9 * BYTES)}"
    )


def test_an_array_passes_through_its_categories():
    def run():
        y = engine.square(engine.square(leaf("x") + 1.0))
        y.backward()
        return y

    run()
    found = traced(run)
    by_name = {life.name: life for life in found.arrays}
    told = {
        name: [explain.category(by_name[name], i) for i in (2, 4, 6)]
        for name in ("x", "add#1", "square#2", "square#3")
    }
    assert told == {
        "x": ["input"] * 3,
        "add#1": ["output", "saved for backward", "saved for backward"],
        "square#2": ["output", "output", "saved for backward"],
        "square#3": ["output"] * 3,
    }


def test_the_same_array_has_the_same_category_in_every_variant():
    swept()
    weak, strong = swept(), swept(output_references="strong")
    assert {a.name for a in weak.arrays} == {a.name for a in strong.arrays}
    for timeline in (weak, strong):
        told = {a.name: explain.category(a, a.born) for a in timeline.arrays if a.born >= 0}
        assert set(told.values()) == {"input", "output", "gradient"}
        assert all(told[name] == "output" for name in told if name.startswith("square"))


def test_a_timeline_does_not_differ_from_itself():
    swept()
    found = difference.difference(swept(), swept())
    assert found == difference.Difference(None, [], [], [])


def test_two_variants_part_where_the_first_byte_differs():
    swept()
    weak, strong = swept(), swept(output_references="strong")
    found = difference.difference(weak, strong)
    assert found.first == 3
    assert (found.only_a, found.only_b) == ([], [])
    assert [a.name for a, _ in found.moved] == ["square#1", "square#2"]
    kept = difference.difference(weak, swept(retain_grad=True))
    # Without it one array, square#2's, takes one gradient after the other.
    names = [f"grad of {name}" for name in ("square#2", "square#1", "square#3")]
    assert [life.name for life in kept.only_b] == names


def test_a_program_that_goes_on_differs_where_the_other_ends():
    longer = traced(lambda: squares(leaf("x")))
    shorter = traced(lambda: engine.square(leaf("x")))
    found = difference.difference(longer, shorter)
    assert found.first == 1
    assert {life.name for life in found.only_a} == {"square#2", "square#3"}
    text = rendered(report.show_difference, ("long", "short"), (longer, shorter))
    assert "B  has ended" in text


@any_runs
@given(timelines(), timelines())
def test_any_timeline_can_be_shown_and_stays_text(a, b):
    text = rendered(report.show, "[bold]\x1b[2J", a)
    text += rendered(report.show_operations, a)
    text += rendered(report.show_difference, ("a", "b"), (a, b))
    assert not set(text) & {"\x1b", "\x07", "\r"}
    assert "[bold]" in text


@pytest.mark.parametrize(
    "change",
    [
        {"levels": [], "peaks": []},
        {"levels": [0, 1]},
        {"operations": [("square", "forward", 1, 1, 0, 0, 0, 0, False)]},
        {"operations": [("square", "forward", 1, 0, 9, 0, 0, 0, False)]},
        {"arrays": [("x", "input", 1, 9, None, False, 0, None, None, None)]},
        {"arrays": [("x", "input", 1, 0, -1, False, 0, None, None, None)]},
    ],
    ids=str,
)
def test_a_timeline_that_speaks_of_ticks_that_there_are_not_is_refused(change):
    whole = {"levels": [0], "peaks": [0], "dropped": 0, "leaked": 0, "loop": []}
    whole |= {"operations": [], "arrays": []}
    msgspec.convert(whole, Timeline)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**whole, **change}, Timeline)


def test_a_hostile_name_stays_one_line_of_text():
    name = "evil\n\x1b[2J[red]\u202e" + 500 * "x"

    found = traced(lambda: engine.square(Variable(np.ones(N), name)))
    text = rendered(report.show, name, found)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "evil\\x0a\\x1b" in text
    assert max(map(len, text.splitlines()[1:])) <= 80  # the first has the path, to be copied


def test_who_holds_the_bytes_of_a_figure_is_said_from_the_timeline():
    x = leaf("x")
    timeline = traced(lambda: x.__mul__(x).backward())
    for figure, where in (("peak", "the peak is "), ("held", "at the end")):
        said = explain.holders(timeline, figure)
        assert said.startswith(where)
        assert "; alive there: " in said
    assert explain.holders(timeline, "cycle") == ""
    assert explain.holders(timeline, "forward") == ""


class Hoarder(Function):
    """Keeps a copy that it declares to nobody."""

    def forward(self, x):
        self.kept = np.concatenate([x, x])
        return x * 2

    def backward(self, gy):
        return gy * 2


def test_what_an_operation_keeps_in_secret_is_told_with_its_name():
    def work():
        y = Hoarder()(leaf("x"))
        y.backward()
        return y

    timeline = traced(work)
    said = explain.holders(timeline, "peak")
    assert f"{bytes_text(2 * BYTES)} that belong to no variable, taken in Hoarder#1 forward" in said
