"""Random whole graphs against forward-mode differentiation of the same program."""

import gc
import weakref
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradmeter.engine import using_config

from ..thorough import examples
from .forward_mode import array, programs, run


def float_dtype(dtype):
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


class Expected:
    """What every variable's grad is, as [gradient, tolerance], or None."""

    def __init__(self, program):
        self.program = program
        self.grads = dict.fromkeys(range(len(program.duals)))

    def sweep(self, root, seed, retain):
        program, before = self.program, self.grads
        if root not in program.makers:
            self.grads[root] = [seed, 0 * seed]
            return
        last_place = 1e-7 if program.single else 2e-16
        grads = {}
        for register in program.visited(root):
            gradient = program.gradient(root, register, seed)
            error = 100 * last_place * program.gradient(root, register, seed, True) + 1e-30
            if register in program.makers:
                grads[register] = [gradient, error] if retain else None
            elif before[register] is None:
                grads[register] = [gradient, error]
            else:
                old, tolerance = before[register]
                error = error + tolerance + 10 * last_place * (abs(old) + abs(gradient))
                grads[register] = [old + gradient, error]
        self.grads.update(grads)

    def check(self, variables):
        for register, variable in variables.items():
            value, expected = self.program.duals[register].value, self.grads[register]
            assert type(variable.data) is np.ndarray
            assert variable.dtype == value.dtype
            assert variable.shape == value.shape
            np.testing.assert_array_equal(variable.data, value)
            if expected is None:
                assert variable.grad is None
                continue
            assert type(variable.grad) is np.ndarray
            assert variable.grad.dtype == float_dtype(value.dtype)
            assert variable.grad.shape == value.shape
            assert (abs(variable.grad - expected[0]) <= expected[1]).all(), register


def check_that_nothing_is_shared(variables, others):
    arrays = [v.data for v in variables.values()]
    arrays += [v.grad for v in variables.values() if v.grad is not None]
    for a, b in combinations([*arrays, *others], 2):
        assert not np.shares_memory(a, b)


GRAPHS = settings(
    deadline=None,
    max_examples=examples(250),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@given(program=programs(), data=st.data())
@GRAPHS
def test_a_sweep_through_any_graph_gives_the_forward_modes_gradients(program, data):
    draw = data.draw
    variables = run(program, weak=draw(st.booleans()))
    for register in draw(st.sets(st.sampled_from(range(len(variables))), max_size=3)):
        if len(variables) > 1:
            del variables[register]
    expected = Expected(program)
    seeds = []
    for still_to_come in reversed(range(draw(st.integers(1, 4)))):
        roots = sorted(variables)
        root = draw(st.sampled_from(roots) | st.just(roots[-1]))
        y, retain = variables[root], draw(st.booleans())
        detached = y.creator is None and root >= program.leaves
        if draw(st.booleans()) and not detached:
            seeds.append(array(draw, y.shape, float_dtype(y.dtype)))
            y.grad = seeds[-1]
        given_seed = y.grad
        seed = np.ones(y.shape) if given_seed is None else given_seed.astype(np.float64)
        copies = [s.copy() for s in seeds]
        held = [(g, g.copy()) for g in (v.grad for v in variables.values()) if g is not None]
        with using_config("retain_graph", still_to_come > 0):
            if detached:
                with pytest.raises(RuntimeError, match="no_grad"):
                    y.backward(retain_grad=retain)
            else:
                y.backward(retain_grad=retain)
                expected.sweep(root, seed, retain)
        expected.check(variables)
        leaf_root = y.creator is None
        check_that_nothing_is_shared(variables, [] if leaf_root else seeds)
        if leaf_root:
            y.grad = None if y.grad is None else y.grad.copy()
        assert all((s == c).all() for s, c in zip(seeds, copies, strict=True))
        assert all((g == c).all() for g, c in held), "an array that the user held has changed"
    if y.creator is not None:
        with pytest.raises(RuntimeError, match="retain_graph"):
            y.backward()
        y.grad = None
        expected.grads[root] = None
        expected.check(variables)


@given(
    program=programs(),
    data=st.data(),
    weak=st.booleans(),
    retain_grad=st.booleans(),
    retain_graph=st.booleans(),
    sweeps=st.integers(0, 2),
)
@GRAPHS
def test_every_array_dies_with_the_last_name(
    program, data, weak, retain_grad, retain_graph, sweeps
):
    gc.disable()
    try:
        variables = run(program, weak)
        root = data.draw(st.sampled_from(sorted({*program.makers, 0})))
        watched = []
        with using_config("retain_graph", retain_graph or sweeps > 1):
            for _ in range(sweeps):
                variables[root].backward(retain_grad=retain_grad)
        for v in variables.values():
            watched += [weakref.ref(v), weakref.ref(v.data)]
            watched += [] if v.grad is None else [weakref.ref(v.grad)]
        f = variables[root].creator
        if f is not None:
            watched.append(weakref.ref(f))
        assert all(r() is not None for r in watched)
        del variables, v, f
        if not weak:
            gc.collect(0)  # all of it is young
        assert not [r for r in watched if r() is not None]
    finally:
        gc.enable()


@given(program=programs(), count=st.integers(2, 4), retain=st.booleans())
@GRAPHS
def test_repeated_sweeps_add_up_at_the_leaves_only(program, count, retain):
    if not program.makers:
        return
    variables, root = run(program, weak=True), max(program.makers)
    y = variables[root]
    with using_config("retain_graph", True):
        y.backward(retain_grad=retain)
        once = {i: None if v.grad is None else v.grad.copy() for i, v in variables.items()}
        for _ in range(count - 1):
            y.backward(retain_grad=retain)
    tolerance = 1e-5 if program.single else 1e-12
    for i, v in variables.items():
        times = 1 if i in program.makers else count
        if once[i] is None:
            assert v.grad is None
        else:
            np.testing.assert_allclose(v.grad, times * once[i], tolerance)
