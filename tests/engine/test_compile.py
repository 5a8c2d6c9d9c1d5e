"""engine.compile: its interface, its memory, its threads and its cache."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
import tracemalloc
from itertools import pairwise, product
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, GraphError, Variable, no_grad, using_config
from gradmeter.engine.compiler import kernels
from gradmeter.engine.observer import observe

from ..thorough import examples, repeated

pytest.importorskip("llvmlite")

FACTOR = 2.0


def goldstein_price(x, y):
    a = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    b = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return a * b


def loss(w1, b1, w2, b2, x, target):
    hidden = engine.tanh(x @ w1 + b1)
    missed = hidden @ w2 + b2 - target
    return engine.sum(missed * missed) / x.shape[0]


def points(n, dtype=np.float64, k=2):
    rng = np.random.default_rng(n)
    return [Variable(rng.uniform(-2, 2, n).astype(dtype)) for _ in range(k)]


def eager(function, *arguments):
    leaves = [x for x in arguments if isinstance(x, Variable)]
    for x in leaves:
        x.cleargrad()
    y = function(*arguments)
    y.backward()
    return y.data, tuple(x.grad if isinstance(x, Variable) else None for x in arguments)


def same(got, expected):
    value, gradients = got
    assert value.tobytes() == expected[0].tobytes()
    for x, y in zip(gradients, expected[1], strict=True):
        assert (x is None) is (y is None)
        assert x is None or (x.tobytes() == y.tobytes() and x.dtype == y.dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_goldstein_price_is_one_loop_and_eagers_to_the_bit(dtype, threads):
    x, y = points(100_003, dtype)
    compiled = engine.compile(goldstein_price, threads=threads)
    same(compiled(x, y), eager(goldstein_price, x, y))
    plan = compiled.plan(x, y)
    assert plan.startswith("1 step, arena of 0 bytes")
    assert x.grad is not None  # eager's; a compiled call sets none
    x.cleargrad()
    compiled(x, y)
    assert x.grad is None


def test_a_training_step():
    rng = np.random.default_rng(0)
    shapes = [(5, 8), (8,), (8, 3), (3,)]
    parameters = [Variable(rng.normal(size=shape) / 3) for shape in shapes]
    data, target = rng.normal(size=(40, 5)), rng.normal(size=(40, 3))
    step = engine.compile(loss)
    values = []
    for _ in range(30):
        value, gradients = step(*parameters, data, target)
        expected = eager(loss, *parameters, data, target)
        np.testing.assert_allclose(value, expected[0], 1e-12)
        for got, want in zip(gradients, expected[1], strict=True):
            assert (got is None) is (want is None)
            if want is not None:
                np.testing.assert_allclose(got, want, 1e-11, 1e-13)
        for p, g in zip(parameters, gradients, strict=False):
            p.data -= 0.1 * g
        values.append(float(value))
    assert values[-1] < 0.8 * values[0]
    assert repr(step).endswith("loss, 1 recorded>")


@given(
    shapes=st.sampled_from(
        [((3, 20_011), (20_011,)), ((20_011, 3), (3,)), ((70_001,), ()), ((5, 1, 9_001), (7, 1))]
    ),
    seed=st.integers(0, 9),
    threads=st.integers(1, 3),
)
@settings(deadline=None, max_examples=12)
def test_many_blocks_sums_and_broadcasting(shapes, seed, threads):
    def function(a, b):
        e = engine.exp(-engine.square(a)) * engine.tanh(b)
        return engine.sum(e * e) + engine.sum(e) * 0.5

    rng = np.random.default_rng(seed)
    a, b = (Variable(rng.normal(size=shape)) for shape in shapes)
    value, gradients = engine.compile(function, threads=threads)(a, b)
    one, of_one = engine.compile(function)(a, b)
    assert value.tobytes() == one.tobytes()
    assert [g.tobytes() for g in gradients] == [g.tobytes() for g in of_one]
    expected = eager(function, a, b)
    np.testing.assert_allclose(value, expected[0], 1e-13)
    for got, want in zip(gradients, expected[1], strict=True):
        np.testing.assert_allclose(got, want, 1e-11, 1e-13)


DEPTHS, SIZES = (100, 101, 400), (0, 1, 1_000, 40_000)  # up to 300 operations are one kernel


@pytest.mark.parametrize(
    ("depth", "size"),
    repeated([*((101, size) for size in SIZES), (100, 1_000), (400, 1_000)],
             [*product(DEPTHS, SIZES)]),
)  # fmt: skip
def test_a_program_of_several_kernels(depth, size):
    def function(x):
        for _ in range(depth):
            x = engine.square(x) * 1.0
        return x

    x = Variable(np.random.default_rng(size).choice([-1.0, 1.0], size))
    same(engine.compile(function)(x), eager(function, x))


def test_a_sum_is_as_accurate_as_numpys():
    x = Variable(np.random.default_rng(0).uniform(0, 1, 1 << 20).astype(np.float32))
    value, _ = engine.compile(lambda x: engine.sum(x * 1.5))(x)
    exact = np.sum(x.data.astype(np.float64) * 1.5)
    assert abs(value - exact) <= 4e-7 * exact


class Scaled(Function):
    """As the book: its backward reads what it was called with."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return x * self.factor

    def backward(self, gy):
        gy *= self.factor
        return gy + 0 * self.inputs[0].data


def test_structures_keywords_and_what_has_no_gradient():
    def function(x, scale, *, y, name):
        assert name == "n"
        half = Scaled(scale)(x)
        return {"a": [half, (x + y,)], "b": x}

    x, y = points(4)
    constant = y.data
    compiled = engine.compile(function)
    value, gradients = compiled(x, 0.5, y=constant, name="n")
    assert value["a"][0].tolist() == (x.data / 2).tolist()
    assert value["a"][1][0].tolist() == (x.data + constant).tolist()
    assert value["b"].tolist() == x.data.tolist()
    assert not np.shares_memory(value["b"], x.data)
    assert gradients[0].tolist() == [2.5] * 4
    assert gradients[1:] == (None, None, None)
    _, gradients = engine.compile(lambda x, y: x * 1.0)(x, y)
    assert gradients[1] is None


def test_without_gradients_and_without_a_graph():
    x, y = points(4)
    value, gradients = engine.compile(goldstein_price, gradients=False)(x, y)
    assert value.tobytes() == goldstein_price(x, y).data.tobytes()
    assert gradients == (None, None)
    compiled = engine.compile(goldstein_price)
    with no_grad(), pytest.raises(GraphError, match="no_grad"):
        compiled(x, y)
    with pytest.raises(GraphError, match="gradients=False"):
        compiled(x.data, y.data)
    same(compiled(x, y), eager(goldstein_price, x, y))


def test_a_function_may_go_backward_by_itself():
    def slope(x):
        z = Variable(x.data)
        y = z**3
        y.backward()
        return Variable(z.grad), x * 1

    x = Variable(np.array([1.0, 2.0]))
    (value, _), gradients = engine.compile(slope)(x)
    assert value.tolist() == [3.0, 12.0]
    assert gradients[0].tolist() == [1.0, 1.0]


def test_checkpoints_compile():
    def function(x):
        return engine.checkpoint(engine.square, engine.checkpoint(engine.tanh, x))

    x = points(9, k=1)[0]
    same(engine.compile(function)(x), eager(function, x))


@pytest.mark.parametrize("hidden", [8, 300])
def test_it_allocates_no_array_data_in_the_steady_state(hidden, array_bytes):
    rng = np.random.default_rng(0)
    shapes = [(5, hidden), (hidden,), (hidden, 3), (3,)]
    arguments = [Variable(rng.normal(size=shape)) for shape in shapes]
    arguments += [rng.normal(size=(40, 5)), rng.normal(size=(40, 3))]
    step = engine.compile(loss)
    out, workspace = step(*arguments), step.workspace(*arguments)
    expected = [out[0].copy(), *[g.copy() for g in out[1] if g is not None]]
    with array_bytes() as counter:
        value, gradients = step(*arguments, out=out, workspace=workspace)
        assert counter.peak <= 64  # ... but for the fields of a 0-d view or two
        assert value is out[0]
        assert all(g is o for g, o in zip(gradients, out[1], strict=True))
    for got, want in zip([value, *gradients[:4]], expected, strict=True):
        assert got.tobytes() == want.tobytes()
    assert workspace.nbytes < 200_000


@pytest.mark.parametrize("threads", [1, 2])
def test_beyond_arguments_and_results_it_takes_less_than_a_megabyte(threads, array_bytes):
    x, y = points(1_000_000)
    compiled = engine.compile(goldstein_price, threads=threads)
    compiled(x, y)
    tracemalloc.start()
    try:
        held = compiled(x, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - 3 * 8_000_000 < 1_000_000
    with array_bytes() as counter:
        held = compiled(x, y)
        assert counter.live == 3 * 8_000_000
        assert counter.peak - counter.live < 10_000
    del held


def test_out_and_workspace_are_checked():
    x, y = points(6)
    compiled = engine.compile(goldstein_price)
    value, (gx, gy) = compiled(x, y)
    wrong = {
        "a pair": [value, (value, (gx,)), (value, (gx, None)), (1.0, (gx, gy))],
        "must be": [(value[:3], (gx, gy)), (value, (gx.astype(np.float32), gy))],
        "C-contiguous": [(np.zeros(12)[::2], (gx, gy))],
        "overlaps": [(value, (gx, gx)), (value, (x.data, gy)), (gx[...], (gx, gy))],
    }
    before = x.data.tobytes()
    for sentence, outs in wrong.items():
        for out in outs:
            with pytest.raises((TypeError, ValueError), match=sentence):
                compiled(x, y, out=out)
    assert x.data.tobytes() == before
    with pytest.raises(ValueError, match="workspace was made for other"):
        compiled(*points(7), workspace=compiled.workspace(x, y))
    used = compiled.workspace(x, y)
    used.busy = True
    with pytest.raises(GraphError, match="in use"):
        compiled(x, y, workspace=used)


def test_a_call_records_only_what_is_new():
    function = Mock(wraps=lambda x, k: x * k)
    compiled = engine.compile(function)
    x = Variable(np.arange(6.0))

    def records(*arguments):
        before = function.call_count
        value, _ = compiled(*arguments)
        with np.errstate(all="ignore"):
            expected = arguments[0].data * arguments[1]
        np.testing.assert_array_equal(value, expected)
        assert np.signbit(value).tolist() == np.signbit(expected).tolist()
        return function.call_count > before

    assert records(x, 2.0)
    assert not records(x, 2.0)
    assert not records(Variable(np.ones(6)), 2.0)
    new = [2, True, 0.0, -0.0, np.float32(2), np.float64(2), 3.0, float("nan")]
    assert all(records(x, k) for k in new)
    assert not any(records(x, k) for k in new)
    arrays = [
        np.ones(7),
        np.ones((2, 3)),
        np.ones(6, np.float32),
        np.ones(12)[::2],
        np.ones(6, int),
    ]
    assert all(records(Variable(a), 2.0) for a in arrays)
    assert not any(records(Variable(a.copy() if i != 3 else a), 2.0) for i, a in enumerate(arrays))
    with using_config("output_references", "strong"):
        assert records(x, 2.0)
    compiled.clear()
    assert records(x, 2.0)
    array = np.arange(6.0)
    _, (gx, gc) = compiled(x, array)
    array += 1
    again, _ = compiled(x, array)
    assert gc is None
    assert gx.tolist() == (array - 1).tolist()
    assert again.tolist() == (x.data * array).tolist()


def test_equal_arithmetic_is_compiled_once_whatever_its_shapes_and_constants(monkeypatch):
    x = Variable(np.ones(5))
    engine.compile(lambda x: x * 1.25 + x * x)(x)
    monkeypatch.setattr(kernels, "emit", lambda text: pytest.fail("compiled again"))
    engine.compile(lambda x: x * 7.5 + x * x)(Variable(np.ones((4, 6))))


def helper(x):
    return x * FACTOR


class Settings:
    def __init__(self):
        self.rates = [1.0, 2.0]


def test_values_from_outside_are_part_of_the_key(monkeypatch):
    rate, options = 1.0, {"on": True}
    held = Settings()

    def function(x):
        y = helper(x) * rate
        return y * held.rates[1] if options["on"] else y

    compiled = engine.compile(function)
    x = Variable(np.array([1.0]))
    assert compiled(x)[0] == 4.0
    monkeypatch.setitem(globals(), "FACTOR", 10.0)
    assert compiled(x)[0] == 20.0
    rate = 3.0
    assert compiled(x)[0] == 60.0
    held.rates[1] = 1.0
    assert compiled(x)[0] == 30.0
    options["on"] = False
    assert compiled(x)[0] == 30.0
    monkeypatch.setitem(globals(), "helper", lambda x: -x)
    assert compiled(x)[0] == -3.0


def test_methods_compile():
    class Model:
        scale = 3.0

        def __init__(self):
            self.shift = 1.0

        @engine.compile
        def decorated(self, x):
            return x * self.scale + self.shift

        def bound(self, x):
            return x * self.scale + self.shift

    model, x = Model(), Variable(np.array([2.0]))
    compiled = engine.compile(model.bound)
    assert model.decorated(x)[0] == compiled(x)[0] == 7.0
    model.shift = 2.0
    assert model.decorated(x)[0] == compiled(x)[0] == 8.0


def test_threads_may_call_at_once():
    compiled = engine.compile(lambda x, y: goldstein_price(x, y) * 0.75, threads=2)
    wrong = []

    def work(n):
        try:
            x, y = points(n)
            expected = eager(lambda x, y: goldstein_price(x, y) * 0.75, x, y)
            for _ in range(5):
                same(compiled(x, y), expected)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in (40_000, 40_001, 5, 5, 40_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_recording_leaves_no_state_behind():
    x, y = points(3)

    def failing(x, y):
        engine.Config.enable_backprop = False
        raise KeyError("boom")

    def changing(x, y):
        engine.Config.output_references = "strong"
        return x * y

    before = contextvars.copy_context()
    compiled = engine.compile(failing)
    for _ in range(2):
        with pytest.raises(KeyError, match="boom"):
            compiled(x, y)
    engine.compile(changing)(x, y)
    after = contextvars.copy_context()
    assert dict(before.items()) == dict(after.items())
    assert engine.Config.enable_backprop
    assert x.grad is y.grad is None
    eager(goldstein_price, x, y)


def test_observers_are_not_told_of_recordings():
    told = []
    x, y = points(3)
    with observe(lambda event: told.append(event.operation)):
        engine.compile(goldstein_price)(x, y)
        assert not told
        eager(goldstein_price, x, y)
    assert told


def test_the_plan_says_what_every_buffer_is():
    rng = np.random.default_rng(0)
    arguments = [Variable(rng.normal(size=s)) for s in [(5, 8), (8,), (8, 3), (3,)]]
    arguments += [rng.normal(size=(40, 5)), rng.normal(size=(40, 3))]
    compiled = engine.compile(loss)
    with pytest.raises(TypeError, match="nothing is recorded yet"):
        compiled.plan()
    plan = compiled.plan(*arguments)
    assert compiled.plan() == plan
    buffers = [line.split(maxsplit=4) for line in plan.splitlines() if line.startswith("  ")]
    assert buffers[0] == ["bytes", "at", "born", "dies", "buffer"]
    *numbers, what = buffers[1]
    assert numbers == ["8", "0", "0", "1"]
    assert what.startswith("add float64 () in output 0; ")
    assert what.endswith("return engine.sum(missed * missed) / x.shape[0]")
    assert plan.splitlines()[1].startswith("step 0: a loop over 40 rows: ")
    assert "NumPy's matmul, tanh, matmul, matmul, 5 sums; scratch of 6,080 bytes" in plan
    wide = engine.compile(lambda x: engine.tanh(engine.sum(engine.exp(x), 0)))
    plan = wide.plan(Variable(np.ones((3, 1000))))
    buffers = [line.split(maxsplit=4) for line in plan.splitlines() if line.startswith("  ")]
    assert buffers[1][:4] == ["24,000", "0", "0", "3"]
    assert buffers[1][4].startswith("exp float64 (3, 1000) in output 1; ")
    assert buffers[-1][-1].endswith("; in the backward")


ROWS, WIDTHS = (1, 100, 5_000, 40_000), ((8, 16, 1), (3, 2, 5), (20, 40, 10))


@pytest.mark.parametrize(
    ("rows", "widths", "threads"),
    repeated(
        [(rows, WIDTHS[(number + threads) % 3], threads)
         for number, rows in enumerate(ROWS) for threads in (1, 2)],
        [*product(ROWS, WIDTHS, (1, 2))],
    ),
)  # fmt: skip
def test_a_training_step_takes_no_more_array_data_than_eager(rows, widths, threads, array_bytes):
    features, hidden, targets = widths
    rng = np.random.default_rng(0)
    shapes = [(features, hidden), (hidden,), (hidden, targets), (targets,)]
    arguments = [Variable(rng.normal(size=shape)) for shape in shapes]
    arguments += [rng.normal(size=(rows, features)), rng.normal(size=(rows, targets))]
    step = engine.compile(loss, threads=threads)
    step(*arguments)
    with array_bytes() as counter:
        step(*arguments)
        compiled = counter.peak
    with array_bytes() as counter:
        eager(loss, *arguments)
        eagerly = counter.peak
    # Its addresses and paddings; of a few rows they are most of it.
    assert compiled <= eagerly + (1_000 if rows > 1 else 2_000)


ACTIVATIONS = {
    "tanh": engine.tanh,
    "sigmoid": lambda x: 1 / (1 + engine.exp(-x)),
    "bell": lambda x: engine.exp(-x * x),
    "relu": lambda x: engine.maximum(x, 0.0),
    "swish": lambda x: x / (1 + engine.exp(-x)),
    "softplus": lambda x: engine.log(1 + engine.exp(x)),
    "cube": lambda x: x**3,
}


@given(
    rows=st.integers(1, 20) | st.integers(1, 2_000),
    widths=st.lists(st.integers(1, 130) | st.integers(1, 300), min_size=3, max_size=5),
    names=st.lists(st.sampled_from([*ACTIVATIONS]), min_size=3, max_size=3),
    threads=st.integers(1, 2),
)
@example(rows=100, widths=[64, 512, 10], names=["tanh"], threads=1)
@example(rows=1_000, widths=[30, 300, 300, 3], names=["tanh", "tanh"], threads=2)
@example(rows=100, widths=[128, 128, 128, 10], names=["tanh", "sigmoid"], threads=1)
@settings(
    deadline=None,
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_network_takes_more_array_data_than_eager(rows, widths, names, threads, array_bytes):
    def loss(x, target, *parameters):
        for layer, (w, b) in enumerate(zip(parameters[::2], parameters[1::2], strict=True)):
            x = x @ w + b
            if layer < len(widths) - 2:
                x = ACTIVATIONS[names[layer]](x)
        missed = x - target
        return engine.sum(missed * missed) / rows

    rng = np.random.default_rng(rows)
    arguments = [rng.normal(size=(rows, n)) for n in (widths[0], widths[-1])]
    for a, b in pairwise(widths):
        arguments += [Variable(rng.normal(size=(a, b)) / (4 + a)), Variable(rng.normal(size=b))]
    step = engine.compile(loss, threads=threads)
    step(*arguments)
    with array_bytes() as counter:
        value, gradients = step(*arguments)
        compiled = counter.peak
    with array_bytes() as counter:
        expected = eager(loss, *arguments)
        eagerly = counter.peak
    for got, want in zip([value, *gradients[2:]], [expected[0], *expected[1][2:]], strict=True):
        np.testing.assert_allclose(got, want, 1e-9, 1e-9)
    results = sum(array.nbytes for array in (value, *gradients[2:]))
    assert results < compiled <= eagerly + 2_000  # addresses, one table a thread


@pytest.mark.parametrize("dtype", ["f2", "f8"])
@pytest.mark.parametrize("shape", [(), (2,), (3, 2)])
def test_a_sum_over_any_axes_has_the_sign_of_numpys_zero(shape, dtype):
    x = np.full(shape, -0.0, dtype)
    for axis in (None, (), 0, -1, tuple(range(len(shape)))):
        if shape or not isinstance(axis, int):
            value, (gradient, _) = engine.compile(engine.sum)(Variable(x), axis)
            eager = engine.sum(Variable(x), axis).data
            assert (value.dtype, value.shape) == (eager.dtype, eager.shape)
            assert np.signbit(value).tolist() == np.signbit(eager).tolist()
            assert gradient.tolist() == np.ones(shape).tolist()


def test_importing_the_engine_does_not_import_llvm():
    names = {"llvmlite", "gradmeter.engine.compiler"}
    code = f"import sys, gradmeter.engine; assert not {names} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_llvmlite_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with pytest.raises(ImportError, match="pip install llvmlite"):
        engine.compile(lambda x: x * 1)(Variable(np.ones(2)))


@pytest.mark.parametrize("threads", [0, True, 1.5])
def test_what_is_not_a_function_or_a_number_of_threads(threads):
    with pytest.raises(TypeError, match="threads is a positive integer"):
        engine.compile(engine.square, threads=threads)
    with pytest.raises(TypeError, match="not int"):
        engine.compile(3)
