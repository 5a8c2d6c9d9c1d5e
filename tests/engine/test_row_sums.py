"""The gradient of what was broadcast along rows: summed as NumPy's sum does, to the bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Variable


@given(
    rows=st.lists(st.integers(0, 70), min_size=1, max_size=2),
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=2),
    dtype=st.sampled_from([np.float64, np.float32]),
    order=st.sampled_from("CF"),
    seed=st.integers(0, 99),
)
def test_rows_add_up_as_in_numpy(rows, shape, dtype, order, seed):
    weight = np.random.default_rng(seed).normal(size=(*rows, *shape))
    weight = np.asarray(weight, dtype, order=order)
    x = Variable(np.zeros(shape, dtype))
    engine.sum(x * weight).backward()
    expected = np.sum(np.ones_like(weight) * weight, axis=tuple(range(len(rows))))
    assert x.grad.dtype == dtype
    assert x.grad.tobytes() == expected.tobytes()
