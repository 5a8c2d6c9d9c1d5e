"""Settings: what they accept, how long they last, and what they do."""

from __future__ import annotations

import copy
import dataclasses
from contextlib import ExitStack
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.engine import (
    Config,
    EngineError,
    SettingError,
    Settings,
    Variable,
    no_grad,
    using_config,
)

DEFAULTS = {
    "enable_backprop": True,
    "output_references": "weak",
    "retain_grad": False,
    "retain_graph": False,
}
VALUES = {
    "enable_backprop": (True, False),
    "output_references": ("weak", "strong"),
    "retain_grad": (True, False),
    "retain_graph": (True, False),
}

settings_and_values = st.sampled_from([(n, v) for n, values in VALUES.items() for v in values])
names = st.sampled_from(sorted(VALUES))
wrong_values = st.sampled_from(
    [None, 0, 1, "", "Weak", "none", "True", b"weak", np.True_, np.array(True), [True], (), 1.0]
)


def now():
    return {name: getattr(Config, name) for name in VALUES}


@pytest.fixture(autouse=True)
def defaults_before_and_after():
    assert now() == DEFAULTS
    yield
    left = now()
    for name, value in DEFAULTS.items():
        setattr(Config, name, value)
    assert left == DEFAULTS


class BoomError(Exception):
    pass


# One block: every setting, every way out, any nesting.


@given(st.lists(st.tuples(st.sampled_from(["with", "assign"]), settings_and_values), max_size=8))
def test_nested_blocks_behave_as_dictionaries_would(steps):
    """A block restores the one setting that it names; an assignment lasts to the end of it."""
    model = dict(DEFAULTS)
    saved = []
    with using_config_for_all(), ExitStack() as blocks:
        for how, (name, value) in steps:
            if how == "with":
                saved.append((name, model[name]))
                blocks.enter_context(using_config(name, value))
            else:
                setattr(Config, name, value)
            model[name] = value
            assert now() == model
        blocks.close()
        model.update(reversed(saved))
        assert now() == model
    assert now() == DEFAULTS


def using_config_for_all():
    """Put back everything at the end, by the blocks' own promise."""
    blocks = ExitStack()
    for name, value in DEFAULTS.items():
        blocks.enter_context(using_config(name, value))
    return blocks


@given(settings_and_values, st.sampled_from([BoomError, KeyboardInterrupt, GeneratorExit]))
def test_a_block_left_by_an_exception_restores(setting, exception):
    name, value = setting
    with pytest.raises(exception), using_config(name, value):
        raise exception
    assert now() == DEFAULTS


@given(settings_and_values, st.booleans())
def test_as_a_decorator_every_call_is_a_block_of_its_own(setting, fails):
    name, value = setting

    @using_config(name, value)
    def work(depth):
        assert now() == {**DEFAULTS, name: value}
        if depth:
            return work(depth - 1)
        if fails:
            raise BoomError
        return now()

    for _ in range(2):
        if fails:
            with pytest.raises(BoomError):
                work(3)
        else:
            assert work(3)[name] == value
        assert now() == DEFAULTS


# What is refused.


@given(names, wrong_values)
def test_a_wrong_value_is_refused_naming_the_right_ones(name, value):
    for attempt in (lambda: setattr(Config, name, value), lambda: enter(name, value)):
        with pytest.raises(SettingError) as raised:
            attempt()
        assert isinstance(raised.value, ValueError)
        assert isinstance(raised.value, EngineError)
        for words in (name, *map(repr, VALUES[name])):
            assert words in str(raised.value)
        assert now() == DEFAULTS


def enter(name, value):
    with using_config(name, value):
        pytest.fail("entered")


@given(st.text().filter(lambda name: name not in VALUES and not name.startswith("__")))
def test_an_unknown_name_is_refused_naming_the_known_ones(name):
    for attempt in (
        lambda: using_config(name, True),
        lambda: setattr(Config, name, True),
        lambda: getattr(Config, name),
    ):
        with pytest.raises(SettingError) as raised:
            attempt()
        assert isinstance(raised.value, AttributeError)
        for words in (repr(name), *VALUES):
            assert words in str(raised.value)
    assert now() == DEFAULTS


def test_settings_describe_themselves():
    assert dataclasses.asdict(Settings()) == DEFAULTS
    for field in dataclasses.fields(Settings):
        assert field.default == DEFAULTS[field.name]
        assert set(field.metadata["values"]) == set(VALUES[field.name])
        assert len(field.metadata["meaning"].split()) > 3
    assert set(VALUES) <= set(dir(Config))
    for name, value in DEFAULTS.items():
        assert f"{name}={value!r}" in repr(Config)


# The tools by which people set attributes.


@given(settings_and_values)
def test_setattr_getattr_hasattr_monkeypatch_and_mock(setting):
    name, value = setting
    assert hasattr(Config, name)
    assert not hasattr(Config, "enable_backpropagation")
    assert getattr(Config, "enable_backpropagation", "default") == "default"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, name, value)
        assert getattr(Config, name) == value
        with pytest.raises(AttributeError):
            patch.setattr(Config, "enable_backpropagation", False)
    assert now() == DEFAULTS

    setattr(Config, name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, name, DEFAULTS[name])
    assert getattr(Config, name) == value
    setattr(Config, name, DEFAULTS[name])
    assert now() == DEFAULTS


@pytest.mark.parametrize("outside", [True, False])
def test_mock_patch_restores_what_was_there(outside):
    try:
        Config.enable_backprop = outside
        with mock.patch.object(Config, "enable_backprop", not outside):
            assert Config.enable_backprop is (not outside)
        assert Config.enable_backprop is outside
    finally:
        Config.enable_backprop = True


def test_a_copy_of_config_is_the_same_settings():
    other = copy.deepcopy(Config)
    with no_grad():
        assert other.enable_backprop is False
    assert other.enable_backprop is True


def test_assignment_as_the_book_does():
    Config.enable_backprop = False
    try:
        assert (Variable(np.ones(1)) * 2).creator is None
    finally:
        Config.enable_backprop = True
    assert (Variable(np.ones(1)) * 2).creator is not None


# no_grad.


def test_no_grad_restores_only_what_it_changed():
    with no_grad():
        Config.retain_grad = True
        with no_grad():
            Config.output_references = "strong"
        assert Config.enable_backprop is False
    assert now() == {**DEFAULTS, "retain_grad": True, "output_references": "strong"}
    Config.retain_grad, Config.output_references = False, "weak"


def test_no_grad_inside_a_block_that_is_off_stays_off_afterwards():
    with using_config("enable_backprop", False):
        with no_grad():
            pass
        assert Config.enable_backprop is False
    with no_grad():
        with using_config("enable_backprop", True):
            y = Variable(np.ones(1)) * 3.0
        assert (Variable(np.ones(1)) * 3.0).creator is None
        y.backward()  # a sweep needs no recording
    assert Config.enable_backprop is True


def test_a_block_object_that_was_never_entered_changes_nothing():
    no_grad()
    using_config("retain_grad", True)
    assert now() == DEFAULTS


def test_a_generator_closed_half_way_leaves_its_block():
    def generator():
        with no_grad():
            yield

    suspended = generator()
    next(suspended)
    suspended.close()
    assert now() == DEFAULTS


# What each setting does.


def test_enable_backprop_decides_at_the_call():
    x = Variable(np.ones(2))
    with no_grad():
        y = x * 2.0
    assert y.creator is None
    with pytest.raises(EngineError, match="no_grad"):
        y.backward()
    z = x * 2.0
    with no_grad():
        z.backward()
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("setting", [False, True])
@pytest.mark.parametrize("argument", [None, False, True])
def test_the_argument_of_backward_wins_over_retain_grad(setting, argument):
    x = Variable(np.ones(2))
    t = x * 3.0
    y = t * 2.0
    with using_config("retain_grad", setting):
        y.backward(retain_grad=argument)
    retained = setting if argument is None else argument
    assert (t.grad is not None, y.grad is not None) == (retained, retained)
    assert x.grad.tolist() == [6.0, 6.0]


def test_retain_graph_is_read_by_each_sweep():
    x = Variable(np.ones(2))
    y = x * x
    with using_config("retain_graph", True):
        y.backward()
        y.backward()
    y.backward()
    assert x.grad.tolist() == [6.0, 6.0]
    with pytest.raises(EngineError, match="retain_graph"):
        y.backward()
    assert x.grad.tolist() == [6.0, 6.0]
