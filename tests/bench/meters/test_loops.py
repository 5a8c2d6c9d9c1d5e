"""Reference cycles as chains: by every kind of reference, the shortest, and gone afterwards."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.bench.meters import loops
from gradmeter.bench.timelines.explain import chain
from gradmeter.engine import Function, Variable, using_config


class Node(Function):
    """A function with attributes of its own."""

    def forward(self, x):
        return x + 0.0

    def backward(self, gy):
        return gy


class Slotted(Variable):
    __slots__ = ("partner",)


@pytest.fixture(autouse=True)
def _collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def drawn(make) -> str:
    make()
    return chain(loops.collect())


def strong():
    with using_config("output_references", "strong"):
        engine.square(engine.square(Variable(np.ones(3))))


def by_attribute():
    node = Node()
    node.me = node


def by_dictionary():
    node = Node()
    node.table = {"first": [0, node], 5: None}


def by_odd_key():
    node = Node()
    node.table = {5: node}


def by_slot():
    a, b = Slotted(None), Slotted(None)
    a.partner, b.partner = b, a


def by_closure():
    node = Node()

    def hook():
        return node

    node.hook = hook


def longer_and_shorter():
    strong()
    by_attribute()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (strong, "Variable ._edge -> Square ._outputs[0] -> Variable"),
        (by_attribute, "Node .me -> Node"),
        (by_dictionary, "Node .table['first'][1] -> Node"),
        (by_odd_key, "Node .table[5] -> Node"),
        (by_slot, "Slotted .partner -> Slotted .partner -> Slotted"),
        (by_closure, "Node .hook -> function .__closure__[0].cell_contents -> Node"),
        (longer_and_shorter, "Node .me -> Node"),
        (lambda: [].append(0), ""),
        (lambda: engine.square(Variable(np.ones(3))), ""),
    ],
)
def test_a_loop_is_told_by_its_types_and_references(make, told):
    assert drawn(make) == told


def test_a_loop_without_the_engine_s_objects_is_not_told():
    def make():
        mine = []
        mine.append(mine)

    assert drawn(make) == ""


def test_what_was_looked_at_is_collected_and_the_collector_is_as_it_was():
    gc.garbage.append("before")
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    try:
        node = Node()
        node.me, ref = node, weakref.ref(node)
        del node
        assert loops.collect() == ("Node", ".me", "Node")
        assert ref() is None
        assert gc.garbage == ["before"]
        assert gc.get_debug() == gc.DEBUG_UNCOLLECTABLE
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_of_many_objects_a_loop_is_found_in_no_time():
    with using_config("output_references", "strong"):
        x = Variable(np.ones(1))
        for _ in range(5000):
            x = x * 1.0
        del x
    assert chain(loops.collect()) == "Variable ._edge -> Mul ._outputs[0] -> Variable"
