"""Blocks that are suspended, that end out of order, that are entered again or by others."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import pickle
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager

import numpy as np
import pluggy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.engine import (
    Config,
    SettingError,
    Settings,
    Variable,
    blocks,
    no_grad,
    using_config,
)
from gradmeter.engine.blocks import tied

from ..thorough import examples


@pytest.fixture(autouse=True)
def defaults_before_and_after():
    yield
    left = repr(Config), len(tied)
    for name in Settings.__slots__:
        setattr(Config, name, getattr(Settings(), name))
    assert left == (repr(Settings()).replace("Settings", "Config"), 0)


def records():
    """Return whether an operation is recorded here, which Config must say too."""
    recorded = (Variable(np.ones(1)) * 2.0).creator is not None
    assert Config.enable_backprop is recorded
    return recorded


def under_no_grad(times=2):
    with no_grad():
        for _ in range(times):
            yield records()


# Generators.


def test_generators_that_are_exhausted_together_leave_nothing_behind():
    for pair in zip(under_no_grad(), under_no_grad(), strict=False):
        assert pair == (False, False)
        assert records()
    assert records()


def test_a_consumer_is_not_under_the_block_of_what_it_consumes():
    for inside in under_no_grad():
        assert not inside
        assert records()
    with no_grad():
        for inside in under_no_grad():
            assert not inside
            assert not records()
    assert records()


MAIN = 0
ACTORS = range(4)
steps = st.lists(
    st.tuples(
        st.sampled_from(ACTORS),
        st.one_of(
            st.tuples(st.just("enter"), st.booleans()),
            st.tuples(st.just("leave"), st.integers(0, 3)),
            st.tuples(st.just("assign"), st.booleans()),
            st.tuples(st.just("resume"), st.sampled_from(ACTORS)),
        ),
    ),
    max_size=30,
)


@given(steps)
@settings(deadline=None, max_examples=examples(200))
def test_what_holds_is_the_innermost_open_block_of_the_generators_on_the_stack(script):
    """Generators that resume each other, and enter and leave blocks in any order."""
    todo = {actor: [] for actor in ACTORS}
    for actor, step in script:
        todo[actor].append(step)
    open_blocks = {actor: [] for actor in ACTORS}  # pairs of a block and its value
    assigned = [True]
    stack = []

    def expected():
        for actor in reversed(stack):
            if open_blocks[actor]:
                return open_blocks[actor][-1][1]
        return assigned[0]

    def take(actor):
        """Take one step as the actor, which is on the stack."""
        assert records() is expected()
        what, value = todo[actor].pop(0)
        mine = open_blocks[actor]
        if what == "enter":
            block = using_config("enable_backprop", value)
            block.__enter__()
            mine.append([block, value])
        elif what == "leave" and mine:
            block, _ = mine.pop(value % len(mine))
            block.__exit__(None, None, None)
        elif what == "assign":
            Config.enable_backprop = value
            for other in reversed(stack):
                if open_blocks[other]:
                    open_blocks[other][-1][1] = value
                    break
            else:
                assigned[0] = value
        elif what == "resume" and value not in stack and value != MAIN:
            next(bodies[value])
        assert records() is expected()

    def body(actor):
        while True:
            stack.append(actor)
            if todo[actor]:
                take(actor)
            stack.pop()
            yield

    bodies = {actor: body(actor) for actor in ACTORS if actor != MAIN}
    stack.append(MAIN)
    try:
        while todo[MAIN]:
            take(MAIN)
        for actor in bodies:
            while todo[actor]:
                next(bodies[actor])
                assert records() is expected()
    finally:
        for actor in ACTORS:
            for block, _ in open_blocks[actor]:
                block.__exit__(None, None, None)
        Config.enable_backprop = True


def test_a_generator_is_under_its_block_in_whatever_thread_resumes_it():
    generator = under_no_grad(3)
    assert next(generator) is False
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(next, generator).result() is False
        assert pool.submit(records).result()
    assert records()
    assert list(generator) == [False]


def test_a_thread_is_not_under_the_block_of_a_generator_that_runs_in_another():
    inside, done = threading.Event(), threading.Event()

    def generator():
        with no_grad():
            inside.set()
            done.wait(30)
            yield records()

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(list, generator())
        assert inside.wait(30)
        assert records()
        done.set()
        assert result.result() == [False]


def test_frames_of_others_are_not_looked_into_without_the_interpreter_lock(monkeypatch):
    monkeypatch.setattr(blocks, "HAS_LOCK", False)
    for pair in zip(under_no_grad(), under_no_grad(), strict=False):
        assert pair == (False, False)
        assert records()


def test_what_a_generator_calls_is_under_its_block_and_may_open_others():
    def recording():
        with using_config("enable_backprop", True):
            return records()

    def generator():
        with no_grad():
            yield [records() for _ in range(2)], recording(), next(iter(map(bool, [records()])))
            yield from under_no_grad(1)
            with using_config("enable_backprop", True):
                yield from under_no_grad(1)
                yield records()
            yield records()

    results = []
    for result in generator():
        assert records()
        results.append(result)
    assert results == [([False, False], True, False), False, False, True, False]


def test_blocks_that_a_stack_enters_in_a_generator_belong_to_the_generator():
    def generator():
        with ExitStack() as stack:
            stack.enter_context(no_grad())
            yield records()

    for inside in generator():
        assert (inside, records()) == (False, True)

    def given_a_stack(stack):
        stack.enter_context(no_grad())
        yield records()

    with ExitStack() as stack:
        suspended = given_a_stack(stack)
        assert (next(suspended), records()) == (False, True)


def test_a_generator_that_nobody_finishes_leaves_its_block():
    suspended = under_no_grad()
    next(suspended)
    assert len(tied) == 1
    del suspended
    assert not tied

    def in_a_cycle(references):
        with no_grad():
            yield references

    references = []
    references.append(in_a_cycle(references))
    next(references[0])
    del references
    assert len(tied) == 1
    gc.collect()
    assert not tied
    assert records()


def test_exceptions_thrown_into_a_generator_leave_its_block():
    suspended = under_no_grad()
    next(suspended)
    with pytest.raises(KeyError):
        suspended.throw(KeyError)
    assert not tied
    with closing(under_no_grad()) as suspended:
        next(suspended)
        assert records()


def test_a_context_manager_made_of_a_generator_opens_its_block_for_its_caller():
    @contextmanager
    def inference():
        with no_grad():
            yield

    @contextmanager
    def outer():
        with ExitStack() as stack:
            stack.enter_context(inference())
            yield

    @inference()
    def decorated():
        return records()

    for manager in (inference, outer):
        with manager():
            assert not records()
        assert records()
    assert not decorated()

    def generator():
        with outer():
            yield records()

    for inside in generator():
        assert (inside, records()) == (False, True)


@pytest.fixture
def inference_fixture():
    with no_grad():
        yield


@pytest.mark.usefixtures("inference_fixture")
def test_a_fixture_opens_its_block_for_the_test():
    assert not records()


def test_a_hook_wrapper_of_pluggy_opens_its_block_for_the_hooks():
    marker, hook = pluggy.HookspecMarker("tests"), pluggy.HookimplMarker("tests")

    class Specification:
        @marker
        def compute(self):
            """Return whether an operation is recorded."""

    class Wrapper:
        @hook(wrapper=True)
        def compute(self):
            with no_grad():
                return (yield)

    class Plain:
        @hook
        def compute(self):
            return records()

    manager = pluggy.PluginManager("tests")
    manager.add_hookspecs(Specification)
    for plugin in (Wrapper(), Plain()):
        manager.register(plugin)
    assert manager.hook.compute() == [False]
    assert records()


def test_an_assignment_in_a_generators_block_ends_with_it():
    def generator():
        with using_config("enable_backprop", True):
            Config.enable_backprop = False
            Config.retain_grad = True  # of no block: outlives the generator
            yield records()
            yield records()

    for inside in generator():
        assert (inside, records()) == (False, True)
    assert Config.retain_grad is True
    Config.retain_grad = False


# Async functions and generators.


def test_an_async_generators_block_holds_in_its_body_alone():
    async def generator():
        with no_grad():
            for _ in range(2):
                await asyncio.sleep(0)
                yield records()

    async def inner():
        return records()

    async def main():
        async for inside in generator():
            assert (inside, records()) == (False, True)
            assert await asyncio.create_task(inner())
        first, second = generator(), generator()
        for _ in range(2):
            assert (await anext(first), await anext(second)) == (False, False)
            assert records()
        await first.aclose()
        assert [x async for x in second] == []
        assert records()

    asyncio.run(main())


def test_tasks_that_end_out_of_order_undo_only_themselves():
    """Two tasks that share one context, as asyncio allows."""

    async def task(turns):
        with no_grad():
            for _ in range(turns):
                await asyncio.sleep(0)
            assert not records()

    async def main():
        context = contextvars.copy_context()
        await asyncio.gather(
            *[asyncio.create_task(task(n), context=context) for n in (1, 4, 2)],
        )
        assert context.run(records)

    asyncio.run(main())


def test_an_async_context_manager_opens_its_block_for_its_caller():
    @asynccontextmanager
    async def inference():
        with no_grad():
            await asyncio.sleep(0)
            yield

    class Inference:
        async def __aenter__(self):
            self.block = no_grad()
            self.block.__enter__()

        async def __aexit__(self, *exception):
            self.block.__exit__(*exception)

    async def generator(manager):
        async with manager():
            yield records()

    async def main():
        for manager in (inference, Inference):
            async with manager():
                assert not records()
                assert not await asyncio.create_task(asyncio.to_thread(records))
            assert records()
        async for inside in generator(inference):
            assert (inside, records()) == (False, True)

    asyncio.run(main())


def test_a_task_that_a_generator_runs_opens_its_blocks_inside_of_the_generators():
    async def task(value):
        assert not records()
        with using_config("enable_backprop", value):
            for _ in range(3):
                await asyncio.sleep(0)
                assert records() is value
            Config.enable_backprop = not value
            assert records() is not value
        return records()

    async def main():
        return await asyncio.gather(task(True), task(False), task(True))

    def generator():
        with no_grad():
            yield asyncio.run(main())

    for inside in generator():
        assert (inside, records()) == ([False] * 3, True)


def test_a_coroutine_without_an_event_loop_is_suspended_as_a_generator_is():
    @types.coroutine
    def pause():
        yield

    async def work():
        with no_grad():
            assert not records()
            await pause()
            assert not records()

    @types.coroutine
    def awaitable():
        with no_grad():
            yield
            assert not records()

    for function in (work, awaitable):
        first, second = function(), function()
        for coroutine in (first, second):
            coroutine.send(None)
            assert records()
        for coroutine in (first, second):
            with pytest.raises(StopIteration):
                coroutine.send(None)
            assert records()


# Block objects.


def test_a_block_object_can_be_entered_any_number_of_times():
    block = no_grad()
    for _ in range(2):
        with block, block:
            assert not records()
            with using_config("enable_backprop", True), block:
                assert not records()
        assert records()
    other = pickle.loads(pickle.dumps(block))
    with other:
        assert not records()
    assert repr(block) == "using_config('enable_backprop', False)"


def test_a_block_object_may_be_open_in_several_threads_at_once():
    block = no_grad()
    meeting = threading.Barrier(4)

    def work(turns):
        with block:
            meeting.wait(30)
            inside = [records() for _ in range(turns)]
        meeting.wait(30)
        return any(inside), records()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(1, 5))) == [(False, True)] * 4


def test_a_block_that_is_not_open_cannot_be_left():
    block = no_grad()
    with pytest.raises(SettingError, match="not open here"):
        block.__exit__(None, None, None)
    block.__enter__()
    with ThreadPoolExecutor(1) as pool, pytest.raises(SettingError, match="not open here"):
        pool.submit(block.__exit__, None, None, None).result()
    assert not records()
    block.__exit__(None, None, None)
    with pytest.raises(SettingError, match="not open here"):
        block.__exit__(None, None, None)
    assert records()


def test_a_block_entered_in_a_copy_of_the_context_stays_there():
    context = contextvars.copy_context()
    block = no_grad()
    context.run(block.__enter__)
    assert records()
    assert not context.run(records)
    with pytest.raises(SettingError, match="not open here"):
        block.__exit__(None, None, None)
    context.run(block.__exit__, None, None, None)
    assert context.run(records)


def test_a_wrong_value_is_refused_at_every_entry_and_opens_nothing():
    block = using_config("retain_grad", "yes")
    for _ in range(2):
        with pytest.raises(SettingError, match="retain_grad"), block:
            pytest.fail("entered")
    with pytest.raises(SettingError):
        block.__exit__(None, None, None)
