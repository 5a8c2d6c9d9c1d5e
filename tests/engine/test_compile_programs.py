"""engine.compile: random programs give what eager execution gives, values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, Variable
from gradmeter.engine.compiler import execution, loops, plan

from ..thorough import examples

pytest.importorskip("llvmlite")

SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (3, 3), (0,), (0, 3), (20,), (2, 20), (20, 3)]
DTYPES = ["f8", "f8", "f4", "i8", "?"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e300]
MANY = settings(
    deadline=None,
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.generate, Phase.shrink],
)


class Clipped(Function):
    """As the book, with NumPy's functions that choose."""

    def forward(self, x):
        return np.clip(np.where(x > 0.5, x, np.abs(x)), -2, 2)

    def backward(self, gy):
        x = self.inputs[0].data
        y = self.outputs[0]().data
        return gy * np.where((x > -2) & ~(x >= 2), np.sign(x * 1.0), 0) + 0 * y


class InPlace(Function):
    """Its backward writes into everything that is its own."""

    def forward(self, a, b):
        y = np.add(a, b)
        y = y * np.ones(y.shape, y.dtype)
        y += y
        return y, np.sqrt(np.abs(a))

    def backward(self, g0, g1):
        a, b = (v.data for v in self.inputs)
        g0 *= 2
        look = g0[...]
        g0 += 1
        look -= 1
        root = np.sqrt(np.abs(a))
        g1 /= np.maximum(2 * root, 1e-3)
        total = g0 + np.broadcast_to(g1 * np.sign(a * 1.0), g0.shape)
        return summed(total, a), summed(look, b)


def summed(gradient, x):
    lead = gradient.ndim - x.ndim
    gradient = np.sum(gradient, axis=tuple(range(lead)))
    axes = tuple(i for i, n in enumerate(x.shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient


class Column(Function):
    """All elements below each other."""

    def forward(self, x):
        return x.reshape(-1, 1)

    def backward(self, gy):
        return gy.reshape(self.inputs[0].data.shape)


class Transposed(Function):
    """The axes the other way round."""

    def forward(self, x):
        return np.transpose(x)

    def backward(self, gy):
        return gy.T


def softmax(a):
    e = engine.exp(a / 8)
    return e / engine.sum(e, -1, True)


def scaled_sum(a, axis, keepdims):
    return engine.sum(a, axis % (a.ndim + 1) - 1 if a.ndim else None, keepdims)


UNARY = {
    "neg": lambda a: -a,
    "square": engine.square,
    "exp": lambda a: engine.exp(a / 8),
    "log": lambda a: engine.log(a * a + 0.5),
    "tanh": engine.tanh,
    "power 2": lambda a: a**2,
    "power 3": lambda a: a**3,
    "power 1": lambda a: a**1,
    "power 0": lambda a: a**0,
    "root": lambda a: (a * a) ** 0.5,
    "inverse": lambda a: (a + 0.5) ** -1,
    "exponential": lambda a: 2.0**a,
    "one": lambda a: 1 * a / 1,
    "minus one": lambda a: a * -1 - 1.5,
    "relu": lambda a: engine.maximum(a, 0),
    "sum": lambda a: engine.sum(a),
    "sum -1": lambda a: engine.sum(a, -1) if a.ndim else a,
    "sum 0 kept": lambda a: engine.sum(a, 0, True) if a.ndim else a,
    "clipped": lambda a: Clipped()(a),
    "detached": lambda a: a * (a.data * 0.5),
    "full": lambda a: (
        a + np.full(a.shape, 0.25, np.float32) * np.arange(a.shape[-1] if a.ndim else 1)
    ),
    "matmul": lambda a: a @ np.full((a.shape[-1], 2), 0.25) if a.ndim else a,
    "layer": lambda a: a @ np.linspace(-1, 1, a.shape[-1] * 3).reshape(-1, 3) if a.ndim else a,
    "column": lambda a: Column()(a),
    "softmax": lambda a: softmax(a) if a.ndim else a,
    "transposed": lambda a: Transposed()(a),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "maximum": engine.maximum,
    "power": lambda a, b: (a * a + 0.5) ** b,
    "product": lambda a, b: engine.tanh(a) @ b,
    "contracted": lambda a, b: Transposed()(engine.tanh(a)) @ b,
    "in place": lambda a, b: InPlace()(a * 1.0, b * 1.0)[0],
    "in place, both": lambda a, b: engine.sum(InPlace()(a * 1.0, b * 1.0)[1]) + b,
}


def laid(layout, array):
    """The same array in another memory layout."""
    if layout == "strided" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "reversed":
        return array[::-1].copy()[::-1] if array.ndim else array
    if layout == "transposed":
        return np.asfortranarray(array)
    if layout == "unaligned" and array.size:
        raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
        moved = raw.view(array.dtype).reshape(array.shape)
        moved[...] = array
        return moved
    if layout == "swapped":
        return array.astype(array.dtype.newbyteorder())
    if layout == "broadcast" and array.ndim > 1 and array.shape[0]:
        return np.broadcast_to(array[:1], array.shape)
    return array


LAYOUTS = [
    "plain",
    "plain",
    "strided",
    "reversed",
    "transposed",
    "unaligned",
    "swapped",
    "broadcast",
]


@st.composite
def arrays(draw):
    shape, dtype = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    values = rng.integers(-8, 9, shape) / (4 if dtype in ("f8", "f4") else 1)
    if dtype in ("f8", "f4"):
        for _ in range(draw(st.integers(0, 2)) if values.size else 0):
            values.flat[rng.integers(values.size)] = draw(st.sampled_from(SPECIAL))
    with np.errstate(all="ignore"):
        return laid(draw(st.sampled_from(LAYOUTS)), np.asarray(values, dtype))


STEP = st.tuples(st.sampled_from([*UNARY, *BINARY, *BINARY]), st.integers(0, 9), st.integers(0, 9))


def function_of(steps, returns):
    """The function of a list of steps: it applies those that its operands allow."""

    def function(*leaves):
        pool = list(leaves)
        for name, i, j in steps:
            a, b = pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]
            try:
                if name in UNARY:
                    pool.append(UNARY[name](a) if isinstance(a, Variable) else a)
                elif isinstance(a, Variable) or isinstance(b, Variable):
                    pool.append(BINARY[name](a, b))
            except (ValueError, engine.DataError):  # these do not broadcast; booleans
                pass
        results = [x for x in pool if isinstance(x, Variable)][-returns:]
        return results[0] if returns == 1 else tuple(results)

    return function


def eager(function, arguments):
    """Values, and gradients of their sum, as the engine computes them at once."""
    values = function(*arguments)
    several = values if isinstance(values, tuple) else (values,)
    total = engine.sum(several[0])
    for value in several[1:]:
        total = total + engine.sum(value)
    total.backward()
    return [v.data for v in several], [getattr(x, "grad", None) for x in arguments]


def agree(got, expected, single=False):
    """Assert that two results are the same, up to the rounding of their precision.

    Args:
        single: whether a result in double precision may be computed from single ones.
    """
    if expected is None:
        assert got is None
        return
    assert type(got) is np.ndarray
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    small = 2e-4 if single or expected.dtype == np.float32 else 1e-9
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(got, expected, small, small)


@pytest.fixture(params=["large blocks", "small blocks", "small blocks of whole arrays", "kernels"])
def block_sizes(request, monkeypatch):
    """Also in blocks of a row or a few, whose partial results add up, and in several kernels."""
    if request.param == "kernels":
        monkeypatch.setattr(loops, "MAX_KERNEL_OPERATIONS", 2)
    if "whole" in request.param:
        monkeypatch.setattr(plan, "LITTLE_BYTES", -(10**9))
    if "small" in request.param:
        for name, value in (("SCRATCH_BYTES", 64), ("MIN_BLOCK", 1), ("MAX_BLOCK", 8)):
            monkeypatch.setattr(loops, name, value)
        monkeypatch.setattr(loops, "PARTIAL_BYTES", 0)
        monkeypatch.setattr(loops, "MIN_PARTIALS", 2)
        monkeypatch.setattr(execution, "MIN_THREADED_ELEMENTS", 1)


@pytest.mark.usefixtures("block_sizes")
@given(
    leaves=st.lists(arrays(), min_size=1, max_size=3),
    constant=st.booleans(),
    steps=st.lists(STEP, max_size=8),
    returns=st.integers(1, 2),
    threads=st.integers(1, 2),
)
# A product over rows whose right factor is the transpose of an earlier array.
@example(
    leaves=[np.arange(6.0).reshape(2, 3), np.array(1.5)],
    constant=False,
    steps=[("neg", 1, 0), ("transposed", 0, 0), ("neg", 0, 0), ("neg", 0, 0), ("contracted", 0, 0)],
    returns=1,
    threads=1,
)
@MANY
def test_compiled_is_eager(leaves, constant, steps, returns, threads):
    function = function_of(steps, returns)
    before = [a.tobytes() for a in leaves]
    arguments = [Variable(a) for a in leaves[:-1]]
    arguments.append(leaves[-1] if constant and arguments else Variable(leaves[-1]))
    with np.errstate(all="ignore"):
        values, gradients = eager(function, arguments)
        compiled = engine.compile(function, threads=threads)
        got, got_gradients = compiled(*arguments)
        again, _ = compiled(*arguments)
    several = got if isinstance(got, tuple) else (got,)
    # NumPy rounds the power of two scalars in single precision otherwise than that of arrays.
    single = any(a.dtype.char == "f" for a in leaves)
    for x, y in zip([*several, *got_gradients], [*values, *gradients], strict=True):
        agree(x, y, single)
    for x, y in zip(several, again if isinstance(again, tuple) else (again,), strict=True):
        assert x.tobytes() == y.tobytes()
    assert [a.tobytes() for a in leaves] == before
    everything = [x for x in (*several, *got_gradients) if x is not None]
    for i, x in enumerate(everything):
        assert not any(np.shares_memory(x, y) for y in (*everything[:i], *leaves))


ALSO_READ_ELSEWHERE = {
    "transposed": lambda z: z + Transposed()(z),
    "as a factor": lambda z: engine.tanh(z @ z + z),
    "as a transposed factor": lambda z: (z * 2) @ Transposed()(z * 2) + z,
    "summed": lambda z: z * engine.sum(z, 0),
    "reshaped": lambda z: z + engine.sum(Column()(z)),
}


@pytest.mark.usefixtures("block_sizes")
@pytest.mark.parametrize("name", ALSO_READ_ELSEWHERE)
@pytest.mark.parametrize("n", [7, 140])
def test_what_takes_over_memory_leaves_what_others_read_of_it(name, n):
    def function(x):
        return ALSO_READ_ELSEWHERE[name](x @ x)

    x = Variable(np.random.default_rng(n).normal(size=(n, n)) / n)
    compiled = engine.compile(function, gradients=False)
    np.testing.assert_allclose(compiled(x)[0], function(x).data, 1e-9, 1e-12)
