"""Variants: what is written is read, equal exactly where they run the same, else refused."""

from __future__ import annotations

from dataclasses import fields
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.bench import engines
from gradmeter.bench.cases.variants import Variant, parse
from gradmeter.bench.errors import UsageError
from gradmeter.bench.runs.spec import spec_of
from gradmeter.bench.workloads import get
from gradmeter.engine import freed_memory

SETTINGS = {s.name: s for s in engines.get("engine").settings}
OURS = ["execution", "checkpoint"]
chosen = st.fixed_dictionaries(
    {},
    optional={
        s.name: st.sampled_from(s.values) if s.values else st.integers(s.least, 10**8)
        for s in SETTINGS.values()
    },
)
WORDS = {True: ["on", "true", "yes", "On", "TRUE"], False: ["off", "false", "no", "OFF"]}


def written(given: dict) -> str:
    words = [f"{k}={WORDS[v][0] if isinstance(v, bool) else v}" for k, v in given.items()]
    return "engine:" + ",".join(words)


@settings(deadline=None)
@given(chosen)
def test_what_is_written_is_read_again(some):
    variant = parse(written(some))
    assert parse(str(variant)) == variant
    assert str(parse(str(variant))) == str(variant)
    defaults = {s.name: s.default for s in SETTINGS.values()}
    assert variant.all_settings == {**defaults, **some}


@settings(deadline=None)
@given(chosen, chosen)
def test_two_are_equal_exactly_where_they_run_the_same(a, b):
    first, second = parse(written(a)), parse(written(b))
    assert (first == second) == (first.all_settings == second.all_settings)
    assert (first == second) == (str(first) == str(second))
    assert first != second or hash(first) == hash(second)


@pytest.mark.parametrize("name", ["engine", "dezero", "torch:execution=compiled"])
@pytest.mark.parametrize("policy", ["kept", "returned"])
def test_what_becomes_of_freed_memory_is_the_workers_not_the_engines(name, policy):
    plain = parse(name)
    variant = parse(f"{name}{',' if ':' in name else ':'}memory={policy}")
    assert (variant.memory, plain.memory) == (policy, None)
    assert variant.of_engine == plain.of_engine
    assert variant != plain
    assert parse(f"{name}{',' if ':' in name else ':'}memory=inherited") == plain
    for allocator in ("kept", "returned", "system"):
        spec = spec_of(get("squares-3"), 9, variant, collector="on", seed=0, allocator=allocator)
        assert spec.allocator == policy


def test_where_the_c_library_has_no_choice_the_variant_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(freed_memory, "unavailable", lambda: "it takes another one")
    with pytest.raises(UsageError, match="engine:memory=kept: memory=kept cannot be set: it takes"):
        spec_of(get("squares-3"), 9, parse("engine:memory=kept"), collector="on", seed=0)
    assert spec_of(get("squares-3"), 9, parse("engine"), collector="on", seed=0).allocator


@settings(deadline=None)
@given(chosen)
def test_the_engine_runs_as_the_variant_says(some):
    variant = parse(written(some))
    before = engine.Config.output_references
    with variant.engine.make(**dict(variant.settings)).using():
        for name, value in variant.all_settings.items():
            if name in OURS:  # not of the graph: how the adapter runs a workload
                continue
            assert getattr(engine.Config, name) == value
    assert engine.Config.output_references == before


def test_every_setting_of_the_engine_can_be_given():
    assert list(SETTINGS) == [f.name for f in fields(engine.Settings)] + OURS


def test_the_order_of_settings_does_not_matter():
    parts = ["retain_grad=on", "output_references=strong", "retain_graph=on"]
    found = {parse("engine:" + ",".join(order)) for order in permutations(parts)}
    assert len(found) == 1
    assert str(found.pop()) == "engine:output_references=strong,retain_grad=on,retain_graph=on"


@pytest.mark.parametrize("word", WORDS[True])
def test_booleans_have_many_names(word):
    assert parse(f"engine:retain_grad={word}") == Variant(
        engines.get("engine"), (("retain_grad", True),)
    )


@pytest.mark.parametrize(
    "text", ["engine", " engine ", "engine:", "engine:,", "engine:retain_grad=off"]
)
def test_defaults_are_left_out(text):
    assert parse(text) == Variant(engines.get("engine"))
    assert str(parse(text)) == "engine"


def test_blanks_around_the_parts_are_no_part_of_them():
    assert parse(" engine: retain_grad = on , retain_graph=on ") == parse(
        "engine:retain_grad=on,retain_graph=on"
    )


@pytest.mark.parametrize("name", ["", ":", ":retain_grad=on", "[red]"])
def test_an_unknown_engine_is_refused_with_the_list(name):
    with pytest.raises(UsageError, match=r"there is no engine .*; the engines are .*engine"):
        parse(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("torc", "torch"), ("Engine", "engine"), ("tensorfow:threads=2", "tensorflow")],
)
def test_an_engine_with_a_slip_is_refused_with_the_one_that_is_meant(name, meant):
    with pytest.raises(UsageError, match=rf"there is no engine .*; did you mean {meant}\?"):
        parse(name)


@pytest.mark.parametrize("part", ["speed=fast", "=on", "on", "strong"])
def test_an_unknown_setting_is_refused_with_the_list(part):
    with pytest.raises(UsageError) as error:
        parse(f"engine:{part}")
    assert f"variant 'engine:{part}'" in str(error.value)
    assert all(name in str(error.value) for name in SETTINGS)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("retain=on", "has no setting 'retain'; did you mean retain_grad or retain_graph?"),
        ("retian_grad=on", "has no setting 'retian_grad'; did you mean retain_grad?"),
        ("chekpoint=2", "did you mean checkpoint?"),
        ("tread=2", "did you mean threads?"),
        ("retain_grad", "retain_grad has no value; write name=value, where retain_grad is on or"),
        ("output_references=stron", "is weak or strong, not 'stron'; did you mean strong?"),
    ],
)
def test_a_setting_with_a_slip_is_refused_with_what_is_meant(part, says):
    with pytest.raises(UsageError) as error:
        parse(f"engine:{part}")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("part", "valid"),
    [
        ("retain_grad=1", "on or off"),
        ("retain_grad=", "on or off"),
        ("retain_grad=maybe", "on or off"),
        ("retain_grad==on", "on or off"),
        ("retain_grad=[red]", "on or off"),
        ("output_references=on", "weak or strong"),
        ("output_references=STRONG", "weak or strong"),
        ("output_references=True", "weak or strong"),
    ],
)
def test_a_value_that_a_setting_does_not_take_is_refused_with_those_it_takes(part, valid):
    with pytest.raises(UsageError, match=valid):
        parse(f"engine:{part}")


@pytest.mark.parametrize("second", ["on", "off"])
def test_a_setting_that_is_given_twice_is_refused(second):
    with pytest.raises(UsageError, match="retain_grad is given twice"):
        parse(f"engine:retain_grad=on,retain_grad={second}")
