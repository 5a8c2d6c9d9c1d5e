"""What cannot be recorded is refused, with the operation and the line; or it comes out right."""

from __future__ import annotations

import copy
import math
import random
import time

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.engine import Function, RecordingError, Variable

pytest.importorskip("llvmlite")

OUTSIDE = np.array([1.0, 2.0])
WEIGHT = Variable(np.array([1.0, 2.0]))
READ_ONLY = np.array([1.0, 2.0])
READ_ONLY.flags.writeable = False
GENERATOR = np.random.default_rng(0)


def x():
    return Variable(np.array([0.5, 2.0]))


def kept_in_place(x):
    data = x.data * 1
    view = data[1:]
    view += 1
    return x * data


def partly(x):
    data = x.data * 1
    data[0] = 3
    return x * data


def into_an_array(x):
    total = np.zeros(2)
    total += x.data
    return x * total


def filled(x):
    array = np.empty(2)
    array[:] = x.data
    return x * array


def reshaped_then_written(x):
    data = x.data * 1
    flat = data.reshape(1, 2)
    data += 1
    return x * flat


def one_by_one(x):
    array = np.zeros(2)
    for i in range(2):
        array[i] = x.data[i]
    return x * array


def on_x(operate):
    def function(x):
        operate(x)
        return x * 1

    return function


REFUSED = {
    "a decision": lambda x: x if x.data[0] > 0 else -x,
    "a decision .*and": lambda x: x * 2 if x.data.any else (x.data > 0 and x),
    r"float\(\)": lambda x: x * float(engine.sum(x).data),
    r"int\(\)": lambda x: x * int(engine.sum(x).data),
    r"float\(\) of": lambda x: x * math.sin(x.data[0]),
    "making an ndarray": lambda x: x * np.asarray(x.data),
    "making an ndarray.*": lambda x: x * np.array([x.data, x.data]),
    "an index that is": lambda x: x * [1.0, 2.0][x.data[0]],
    "an index of type RecordedArray": lambda x: x * x.data[x.data > 0],
    "an index of type list": lambda x: x * x.data[[0, 1]],
    "an array's tolist": lambda x: x * x.data.tolist()[0],
    "an array's item": lambda x: x * x.data.item(0),
    "an array's ctypes": lambda x: x * x.data.ctypes.data,
    "an array's sort": lambda x: x * x.data.sort(),
    "an array's flags": lambda x: x if x.data.flags.writeable else -x,
    "a deep copy": on_x(lambda x: copy.deepcopy(x.data)),
    "an operation in place on an argument's data": on_x(lambda x: np.add(x.data, 1, out=x.data)),
    "in place on an argument's data.*": on_x(lambda x: x.data.__iadd__(1)),
    "assigning to a part": partly,
    "in place on a view": kept_in_place,
    "writing into an ndarray": into_an_array,
    "making an ndarray .*": filled,
    "reshaped, then written": reshaped_then_written,
    r"float\(\) .*": one_by_one,
    "np.add with where=": lambda x: x * np.add(x.data, 1, where=np.array([True, False])),
    r"np.add.accumulate": lambda x: x * np.add.accumulate(x.data),
    r"np.add.outer": lambda x: x * np.add.outer(x.data, x.data)[0],
    r"np.multiply.reduce": lambda x: x * np.multiply.reduce(x.data),
    "np.sort": lambda x: x * np.sort(x.data),
    "np.nonzero": lambda x: x * np.nonzero(x.data)[0],
    "np.cumsum": lambda x: x * np.cumsum(x.data),
    "np.concatenate": lambda x: x * np.concatenate([x.data, x.data])[:2],
    "np.linalg|norm": lambda x: x / np.linalg.norm(x.data),
    "np.where of a condition alone": lambda x: x * np.where(x.data)[0],
    "np.modf": lambda x: x * np.modf(x.data)[0],
    "np.sum with these arguments": lambda x: x * np.sum(x.data, where=[True, False]),
    "of an array's|divmod": lambda x: x * divmod(x.data, 2)[0],
    "reads 'OUTSIDE'.*pass it as an argument": lambda x: x * OUTSIDE,
    "reads 'WEIGHT'.*pass it as an argument": lambda x: x * WEIGHT,
    "random numbers": lambda x: x * np.random.normal(size=2),
    "random numbers.*": lambda x: x * random.choice([1.0, 1.0]),
    "random numbers.*draw them outside": lambda x: x * GENERATOR.normal(size=2),
    "something else each time": lambda x: x * time.perf_counter_ns(),
    "assigns to an argument's data": on_x(lambda x: setattr(x, "data", x.data * 2)),
    "assigns to an argument's grad": on_x(lambda x: (x * 2).backward()),
    "returned float": lambda x: 1.0,
    "returned ndarray": lambda x: np.ones(2),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_it_is_refused(sentence):
    with pytest.raises(RecordingError, match=sentence) as caught:
        engine.compile(REFUSED[sentence])(x())
    assert "; " in str(caught.value)  # and what to do


def test_the_line_is_named():
    def function(x):
        y = x * 2
        if y.data[0] > 0:  # here
            return y
        return x

    with pytest.raises(RecordingError, match=r"test_compile_refusals.py:\d+: if y.data\[0\] > 0:"):
        engine.compile(function)(x())


class Deciding(Function):
    def forward(self, x):
        return x * 2

    def backward(self, gy):
        return gy if gy.sum() > 0 else -gy


def test_the_line_of_a_users_backward_is_named():
    with pytest.raises(RecordingError, match=r"return gy if gy.sum\(\) > 0 else -gy") as caught:
        engine.compile(lambda x: Deciding()(x) * x)(x())
    assert "in the backward of Deciding" in caught.value.__notes__


def test_an_array_of_a_recording_means_nothing_outside_of_it():
    kept = []

    def function(x):
        kept.append(x.data)
        return x * kept[0]

    compiled = engine.compile(function)
    with pytest.raises(RecordingError, match="another recording"):
        compiled(x())
    with pytest.raises(RecordingError, match="another recording"):
        kept[0] + 1


def test_arrays_of_objects_are_refused_too():
    class Holder:
        def __init__(self):
            self.array = np.array([1.0, 2.0])

    holder = Holder()
    with pytest.raises(RecordingError, match=r"from outside.*x \* holder.array"):
        engine.compile(lambda x: x * holder.array)(x())


def test_a_result_of_an_outside_variable_is_refused():
    class Holder:
        weight = Variable(np.array([1.0, 2.0]))

    with pytest.raises(RecordingError, match="did not get as an argument"):
        engine.compile(lambda x: x * (Holder.weight * 2))(x())
    assert Holder.weight.grad is None


def test_containers_and_subclasses_as_arguments_are_refused():
    compiled = engine.compile(lambda x, c: x * 1)
    with pytest.raises(TypeError, match=r"argument 1: a list.*f\(\*parameters\)"):
        compiled(x(), [1.0])

    class Own(np.ndarray):
        pass

    with pytest.raises(TypeError, match="a Own may change NumPy's arithmetic"):
        compiled(x(), np.ones(2).view(Own))


def test_integer_powers_that_depend_on_values_are_refused():
    n = np.array([1, 2])
    with pytest.raises(RecordingError, match="power of integers"):
        engine.compile(lambda a, n: a**n)(Variable(n), n)


def written_in_place(x):
    data = x.data * 1
    twice, view = data, data[::-1]
    data += 1
    twice *= view
    return x * twice


def scalars_are_replaced(x):
    total = np.sum(x.data)
    kept = total
    total += 1
    first = x.data[0]
    first *= 3
    return x * total + x * kept + x * first


def arrays_of_its_own(x):
    mask = np.zeros(2)
    y = x * mask
    mask[0] = 1
    return y + x * mask + np.arange(2)


def iterated(x):
    total = 0
    for part in x.data:
        total = total + part * len(x.data)
    return x * total


RIGHT = {
    "in place": written_in_place,
    "scalars": scalars_are_replaced,
    "arrays of its own": arrays_of_its_own,
    "iteration": iterated,
    "read-only arrays": lambda x: x * READ_ONLY + READ_ONLY.tolist()[0],
    "seeded random numbers": lambda x: x * np.random.default_rng(7).normal(size=2),
    "views": lambda x: x * x.data.reshape(2, 1).T[0] + np.expand_dims(x.data, 0)[:, ::-1][0],
    "reductions": lambda x: x * x.data.mean() * np.max(x.data) - np.min(x.data, axis=0),
    "other functions": lambda x: x * np.floor(x.data) + np.arctan2(x.data, 2) + np.cbrt(x.data),
    "like": lambda x: x * np.ones_like(x.data) + np.full_like(x.data, 3) + np.zeros_like(x.data),
    "where": lambda x: x * np.where(x.data > 1, 1, x.data) + np.where(x.data > 1, 1.0, 2),
    "clip": lambda x: x * np.clip(x.data, 0.75, None) * x.data.clip(0, 1),
    "numbers": lambda x: x * np.float32(1.1) + np.float64(2) + np.int64(3),
    "astype": lambda x: x * x.data.astype(np.float32) * (x.data > 1).astype(int),
    "dot": lambda x: x * np.dot(x.data, x.data) + np.matmul(x.data, x.data),
    "a dtype's power": lambda x: x**2.0 + x**0.5 + x**-1 + x**0 + x**1 + x ** np.float64(2),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_is_right(name, dtype):
    function = RIGHT[name]
    a = Variable(np.array([0.5, 2.0], dtype))
    y = function(a)
    y.backward()
    value, (gradient,) = engine.compile(function)(a)
    assert value.dtype == y.dtype
    assert value.tolist() == y.data.tolist()
    assert gradient.tolist() == a.grad.tolist()
