"""What is built is acyclic: dropping the last name frees it at once, whatever happened to it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, ObserverError, Variable, using_config
from gradmeter.engine.observer import observe

from ..thorough import examples
from .programs import BYTES, SIZE, Declared, programs, run


class BoomError(Exception):
    pass


class BackwardRaises(Function):
    def forward(self, x):
        return x + 1.0

    def backward(self, gy):
        raise BoomError


class DeclaredBackwardRaises(BackwardRaises):
    def forward(self, x):
        self.saved_for_backward = (x,)
        return x + 1.0


class WrongGradients(BackwardRaises):
    def backward(self, gy):
        return gy, gy


class WrongShape(BackwardRaises):
    def backward(self, gy):
        return np.ones(SIZE + 1)


class ForwardRaises(Function):
    def forward(self, x):
        raise BoomError

    def backward(self, gy):
        return gy


class WrongResult(ForwardRaises):
    def forward(self, x):
        return "no array"


FAULTS = {
    "backward raises": lambda a, b: [BackwardRaises()(a)],
    "declared backward raises": lambda a, b: [DeclaredBackwardRaises()(a)],
    "wrong number of gradients": lambda a, b: [WrongGradients()(a)],
    "wrong shape of gradient": lambda a, b: [WrongShape()(a)],
    "forward raises": lambda a, b: [ForwardRaises()(a)],
    "wrong result": lambda a, b: [WrongResult()(a)],
    "wrong operand": lambda a, b: [(a * 2.0) + (b * "text")],
    "shapes do not broadcast": lambda a, b: [(a * 2.0) + np.ones(SIZE + 1)],
    "data is None": lambda a, b: [Variable(None) * a],
    "complex": lambda a, b: [a * np.full(SIZE, 1j)],
}


def sweep(program, ending):
    with np.errstate(all="ignore"):
        if ending == "forward only":
            run(program, FAULTS)
        elif ending == "retain_graph":
            with using_config("retain_graph", True):
                root = run(program, FAULTS)[1]
                root.backward()
                root.backward(retain_grad=True)
        else:
            run(program, FAULTS)[1].backward(retain_grad=ending == "retain_grad")


endings = st.sampled_from(["forward only", "backward", "retain_grad", "retain_graph"])


def unreachable() -> list[str]:
    """The types of what only the collector could free; empty it."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    types = sorted({type(thing).__name__ for thing in gc.garbage})
    gc.garbage.clear()
    gc.collect()
    return types


@pytest.fixture(scope="module", autouse=True)
def collector_off():
    """Off, and with nothing of the engine's constants to look at."""
    sweep([("one of two", 0, 1)], "backward")  # constants of the engine's that stay
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()


@settings(max_examples=examples(300), deadline=None)
@given(programs(), endings)
def test_nothing_is_left_of_any_graph(array_bytes, steps, ending):
    gc.collect()
    with array_bytes() as counter:
        sweep(steps, ending)
        assert counter.peak > 0
        assert (counter.live, counter.blocks) == (0, 0)
    assert unreachable() == []


@settings(max_examples=examples(100), deadline=None)
@given(programs(), endings)
def test_after_backward_only_what_has_a_name_is_held(array_bytes, steps, ending):
    gc.collect()
    with array_bytes() as counter:
        pool, root = run(steps)
        leaves = pool[:2]
        with np.errstate(all="ignore"):
            root.backward()
        recorded = [v for v in pool if v.creator is None]
        shared = {id(v.data): v.data.nbytes for v in (*pool, root)}
        kept_by_users = sum(isinstance(v.creator, Declared) for v in pool) * BYTES
        gradients = [v.grad for v in pool if v.grad is not None]
        assert len(gradients) == len(recorded)
        assert counter.live == (
            sum(shared.values()) + sum(g.nbytes for g in gradients) + kept_by_users
        )
        del pool, root, recorded, gradients
        assert counter.live == 2 * 2 * BYTES  # the leaves and their gradients
        assert all(leaf.grad.shape == (SIZE,) for leaf in leaves)
        del leaves
        assert counter.live == 0


@pytest.mark.parametrize("fault", FAULTS)
@settings(max_examples=examples(40), deadline=None)
@given(programs(), programs(), endings)
def test_nothing_is_left_of_a_graph_that_failed(array_bytes, fault, before, after, ending):
    gc.collect()
    steps = [*before, (fault, 0, 1), *after]
    with array_bytes() as counter:
        for _ in range(2):
            try:
                sweep(steps, "backward" if ending == "forward only" else ending)
            except (BoomError, engine.EngineError, TypeError):
                pass
            else:
                pytest.fail("nothing was raised")
        assert counter.peak > 0
        assert (counter.live, counter.blocks) == (0, 0)
    assert unreachable() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_kept_exception_holds_its_graph_until_it_is_dropped(array_bytes, fault):
    gc.collect()
    with array_bytes() as counter:
        kept = []
        for _ in range(3):
            try:
                sweep([("mul", 0, 1), (fault, 0, 1), ("square", 0, 0)], "backward")
            except (BoomError, engine.EngineError, TypeError) as error:
                kept.append(error)
        sweep([("mul", 0, 1)], "backward")
        del kept
        assert counter.live == 0
    assert unreachable() == []


def raise_plainly():
    raise BoomError


def raise_while_handling():
    try:
        raise KeyError
    except KeyError:
        raise BoomError  # noqa: B904


def raise_from():
    try:
        raise KeyError
    except KeyError as error:
        raise BoomError from error


@pytest.mark.parametrize("fail", [raise_plainly, raise_while_handling, raise_from])
@settings(max_examples=examples(50), deadline=None)
@given(programs(), st.integers(0, 100))
def test_nothing_is_left_when_an_observer_raised(array_bytes, fail, steps, when):
    gc.collect()
    with array_bytes() as counter:
        events = 0

        def observer(event):
            nonlocal events
            events += 1
            if events == when:
                fail()

        try:
            with observe(observer):
                sweep(steps, "backward")
                assert counter.live == 0  # not even while the error waits for the end
        except ObserverError:
            assert events == when
        else:
            assert events < when or when == 0
        del observer
        assert counter.live == 0
    assert unreachable() == []


def test_nothing_is_left_when_both_an_observer_and_the_block_raised(array_bytes):
    def observer(event):
        raise KeyError

    gc.collect()
    with array_bytes() as counter:
        try:
            with observe(observer), observe(observer):
                sweep([("mul", 0, 1)], "backward")
                raise BoomError
        except BoomError:
            pass
        assert counter.live == 0
    assert unreachable() == []


@settings(max_examples=examples(50), deadline=None)
@given(programs(), endings)
def test_strong_references_are_freed_by_the_collector_and_by_it_alone(array_bytes, steps, ending):
    gc.collect()
    with array_bytes() as counter, using_config("output_references", "strong"):
        sweep(steps, ending)
        assert counter.live > 0
        assert "Variable" in unreachable()
        assert counter.live == 0


def test_variables_and_functions_die_in_the_order_in_which_their_names_go():
    deaths = []
    x = Variable(np.ones(3))
    t = x * x
    y = engine.exp(t)
    for name, thing in {"t": t, "y": y, "mul": t.creator, "exp": y.creator}.items():
        weakref.finalize(thing, deaths.append, name)
    del thing
    del t
    assert deaths == ["t"]  # its function lives on in the graph
    y.backward()
    assert deaths == ["t"]
    del y
    assert deaths == ["t", "y", "exp", "mul"]


def test_a_name_for_the_middle_keeps_what_is_before_it_only(array_bytes):
    with array_bytes() as counter:
        x = Variable(np.ones(SIZE))
        middle = engine.square(engine.square(x))
        y = engine.square(engine.exp(middle))
        assert counter.live == 5 * BYTES
        del y
        assert counter.live == 3 * BYTES
        middle.backward()
        assert x.grad.tolist() == [4.0] * SIZE


def test_a_generator_that_is_dropped_half_way_drops_its_graph(array_bytes):
    def training(x):
        y = x
        while True:
            y = engine.tanh(y * 2.0) + x
            yield y
            y = Variable(y.data)

    gc.collect()
    with array_bytes() as counter:
        steps = training(Variable(np.ones(SIZE)))
        for _, y in zip(range(4), steps, strict=False):
            y.backward()
        del steps, y
        assert counter.live == 0
    assert unreachable() == []
