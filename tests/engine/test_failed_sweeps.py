"""A sweep that fails half-way changes no variable's grad, and the next one is right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, Variable, operations, using_config

from ..thorough import examples


class FaultyError(Exception):
    """What a user's backward raises by itself."""


class Fault(Function):
    """The identity of one input and a weak use of another; its backward can be broken."""

    broken = None

    def forward(self, x, w):
        return x + 0 * w

    def backward(self, gy):
        right = gy, 0 * gy
        gy *= 1
        return right if Fault.broken is None else FAULTS[Fault.broken][1](gy)


class DeclaredFault(Fault):
    def forward(self, x, w):
        self.saved_for_backward = (x,)
        return x + 0 * w


def spoil_and_raise(gy):
    gy[...] = 777.0
    raise FaultyError


def interrupt(gy):
    raise KeyboardInterrupt


FAULTS = {  # what is raised, and how
    "raises": (FaultyError, spoil_and_raise),
    "is interrupted": (KeyboardInterrupt, interrupt),
    "returns too few": (ValueError, lambda gy: (gy,)),
    "returns one array": (ValueError, lambda gy: gy),
    "returns too many": (ValueError, lambda gy: (gy, gy, gy)),
    "returns nothing": (ValueError, lambda gy: None),
    "returns an empty tuple": (ValueError, lambda gy: ()),
    "returns a list": (ValueError, lambda gy: [gy, gy]),
    "returns a smaller shape": (ValueError, lambda gy: (gy, gy[:1])),
    "returns a larger shape": (ValueError, lambda gy: (gy, np.ones((2, *gy.shape)))),
    "returns a transposed shape": (ValueError, lambda gy: (gy, gy[:, None])),
    "returns a number": (ValueError, lambda gy: (gy, 0.0)),
    "returns complex numbers": (ValueError, lambda gy: (gy, gy * 1j)),
    "returns objects": (ValueError, lambda gy: (gy, gy.astype(object))),
    "returns strings": (ValueError, lambda gy: (gy, gy.astype(str))),
    "returns dates": (ValueError, lambda gy: (gy, np.zeros(gy.shape, "M8[D]"))),
    "returns a variable": (ValueError, lambda gy: (gy, Variable(gy))),
    "returns a string": (ValueError, lambda gy: (gy, "gradient")),
    "returns a list of numbers": (ValueError, lambda gy: (gy, gy.tolist())),
}
STEPS = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b * 0.5,
    "square": lambda a, b: engine.square(a) * 0.1,
    "tanh": lambda a, b: engine.tanh(a),
    "sum": lambda a, b: a + engine.sum(b) * 0.1,
    "fault": lambda a, b: Fault()(a, b),
    "declared fault": lambda a, b: DeclaredFault()(a, b),
}
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 3)),
    min_size=1,
    max_size=8,
)


def snapshot(variables):
    return [(v.grad, None if v.grad is None else v.grad.copy()) for v in variables]


def check_unchanged(variables, before):
    for variable, (grad, copy) in zip(variables, before, strict=True):
        assert variable.grad is grad
        assert grad is None or grad.tolist() == copy.tolist()


def build(steps):
    variables = [Variable(np.array([0.5, -1.0])), Variable(np.array([0.25, 2.0]))]
    for name, i, j in steps:
        i = -1 if i > 6 else i % len(variables)
        variables.append(STEPS[name](variables[i], variables[-1 - j % len(variables)]))
    return variables


@given(
    before=PROGRAMS,
    fault=st.sampled_from(["fault", "declared fault"]),
    after=PROGRAMS,
    broken=st.sampled_from(sorted(FAULTS)),
    history=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=2),
    retain=st.booleans(),
    seeded=st.booleans(),
)
@settings(deadline=None, max_examples=examples(400))
def test_a_broken_backward_leaves_every_grad_as_it_was(
    before, fault, after, broken, history, retain, seeded
):
    steps = [*before, (fault, 9, 1), *after, ("add", 9, 9)]
    variables, others = build(steps), build(steps)
    root = 2 + len(before)  # the fault's result, at least; or all of them
    variables.append(engine.sum(variables[root] * variables[-1]))
    others.append(engine.sum(others[root] * others[-1]))
    with using_config("retain_graph", True):
        for start, keep in history:
            for vs in (variables, others):
                vs[start % len(vs)].backward(retain_grad=keep)
        if seeded:
            variables[-1].grad, others[-1].grad = np.array(2.0), np.array(2.0)
        grads, data = snapshot(variables), [v.data.copy() for v in variables]
        Fault.broken = broken
        try:
            with pytest.raises(FAULTS[broken][0]):
                variables[-1].backward(retain_grad=retain)
        finally:
            Fault.broken = None
        check_unchanged(variables, grads)
        for v, copy in zip(variables, data, strict=True):
            assert v.data.tolist() == copy.tolist()
        for vs in (variables, others):
            vs[-1].backward(retain_grad=retain)
    for v, other in zip(variables, others, strict=True):
        assert (v.grad is None) is (other.grad is None)
        assert v.grad is None or v.grad.tolist() == other.grad.tolist()


@pytest.mark.parametrize("cls", [Fault, DeclaredFault])
@pytest.mark.parametrize("broken", FAULTS)
def test_the_error_of_a_broken_backward_names_the_function(broken, cls):
    x, w = Variable(np.array([1.0, 2.0])), Variable(np.array([3.0, 4.0]))
    y = cls()(x, w)
    Fault.broken = broken
    try:
        with pytest.raises(FAULTS[broken][0]) as caught:
            y.backward()
    finally:
        Fault.broken = None
    if FAULTS[broken][0] is KeyboardInterrupt:
        return
    message = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert cls.__name__ in message
    if "shape" in broken:
        assert "(2,)" in message
        assert str(
            {"smaller": (1,), "larger": (2, 2), "transposed": (2, 1)}[broken.split()[2]]
        ) in (message)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_wrong_number_of_gradients_is_told_with_the_right_one(number):
    class Wrong(Function):
        def forward(self, a, b):
            return a + b

        def backward(self, gy):
            return (gy,) * number

    y = Wrong()(Variable(np.ones(2)), Variable(np.ones(2)))
    with pytest.raises(ValueError, match=rf"Wrong.*\b{number}\b.*\b2\b"):
        y.backward()


def test_a_function_without_a_backward_is_named():
    class Forward(Function):
        def forward(self, x):
            return x * 2

    y = Forward()(Variable(np.ones(2)))
    with pytest.raises((AttributeError, NotImplementedError)) as caught:
        y.backward()
    assert "Forward" in "\n".join([str(caught.value), *caught.value.__notes__])


def test_the_gradient_of_a_constant_is_not_looked_at():
    class OneSided(Function):
        def forward(self, a, b):
            return a * b

        def backward(self, gy):
            return gy * self.inputs[1].data, "whatever"

    x = Variable(np.array([1.0, 2.0]))
    OneSided()(x, np.array([3.0, 4.0])).backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_a_user_function_does_not_broadcast_by_itself():
    class Plus(Function):
        def forward(self, a, b):
            return a + b

        def backward(self, gy):
            return gy, gy

    x, b = Variable(np.ones((3, 3))), Variable(np.ones(3))
    y = Plus()(x, b)
    with pytest.raises(ValueError, match=r"Plus.*\(3, 3\).*\(3,\)"):
        y.backward()
    assert x.grad is b.grad is None


def test_a_graph_that_failed_half_way_says_so_when_it_was_not_to_be_retained():
    x = Variable(np.array([1.0, 2.0]))
    y = Fault()(engine.square(x), x) * 2.0
    Fault.broken = "raises"
    try:
        with pytest.raises(FaultyError):
            y.backward()
    finally:
        Fault.broken = None
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()
    assert x.grad is None


def test_a_sweep_into_a_released_graph_changes_nothing():
    x, w = Variable(np.array([1.0, 2.0])), Variable(np.array([3.0, 4.0]))
    shared = engine.square(x)
    first, second = shared * 2.0, engine.exp(w) * shared
    first.backward()
    x_grad, second.grad = x.grad, np.ones(2)
    seed = second.grad
    with pytest.raises(RuntimeError, match=r"square.*retain_graph"):
        second.backward(retain_grad=True)
    assert x.grad is x_grad
    assert x_grad.tolist() == [4.0, 8.0]
    assert second.grad is seed
    assert w.grad is shared.grad is None


def test_a_warning_that_is_an_error_fails_the_sweep_as_a_whole():
    x, w = Variable(np.array([0.0, 1.0])), Variable(np.array([1.0, 1.0]))
    y = x**0.5 * w
    with pytest.raises(RuntimeWarning, match="divide by zero") as caught:
        y.backward(retain_grad=True)
    assert "pow" in "\n".join(caught.value.__notes__)
    assert x.grad is w.grad is y.grad is None


def test_an_overflow_into_a_narrower_leaf_fails_the_sweep_as_a_whole():
    narrow, wide = Variable(np.ones(2, np.float32)), Variable(np.full(2, 1e300))
    y = narrow * wide
    with pytest.raises(RuntimeWarning, match="overflow"):
        y.backward(retain_grad=True)
    assert narrow.grad is wide.grad is y.grad is None


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_leafs_unusable_grad_keeps_all_others_from_changing(position):
    leaves = [Variable(np.full(2, value)) for value in (1.0, 2.0, 3.0)]
    y = leaves[0] * leaves[1] * leaves[2]
    for leaf in leaves:
        leaf.grad = np.ones(2)
    leaves[position].grad = np.ones(3)
    before = snapshot([*leaves, y])
    with using_config("retain_graph", True), pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        y.backward(retain_grad=True)
    check_unchanged([*leaves, y], before)
    leaves[position].grad = None
    y.backward()
    assert [leaf.grad.tolist()[0] for leaf in leaves] == [
        6.0 + (position != 0),
        3.0 + (position != 1),
        2.0 + (position != 2),
    ]


def test_what_an_interrupted_backward_may_have_written_into_is_not_used_again(monkeypatch):
    def interrupted(self, gy, out):
        out[...] = np.nan
        raise KeyboardInterrupt

    y = engine.square(engine.square(Variable(np.ones(3))))
    with monkeypatch.context() as patch:
        patch.setattr(operations.Square, "backward", interrupted)
        with pytest.raises(KeyboardInterrupt):
            y.backward()
    with pytest.raises(RuntimeError, match="has released"):
        y.backward()
