"""Settings blocks as decorators, of every kind of function."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gradmeter.engine import Config, Variable, no_grad, using_config


def records():
    recorded = (Variable(np.ones(1)) * 2.0).creator is not None
    assert Config.enable_backprop is recorded
    return recorded


@pytest.fixture(autouse=True)
def records_before_and_after():
    assert records()
    yield
    assert records()


def hidden(function):
    """A decorator that keeps no sign of the function's kind."""
    return lambda *args: function(*args)


def echo(start):
    """Yield whether it records, with what was sent before; return the number of turns."""
    turns = 0
    received = start
    while received is not None:
        turns += 1
        try:
            received = yield records(), received
        except KeyError as error:
            received = repr(error)
    return turns


@pytest.mark.parametrize("wrap", [lambda f: f, hidden, functools.partial])
def test_a_generator_function_is_under_the_block_whenever_it_is_resumed(wrap):
    decorated = no_grad()(wrap(echo))
    if wrap is not hidden:
        assert inspect.isgeneratorfunction(decorated)
    first, second = decorated("a"), decorated("b")
    assert (next(first), next(second)) == ((False, "a"), (False, "b"))
    assert records()
    assert first.send("c") == (False, "c")
    assert first.throw(KeyError(1)) == (False, "KeyError(1)")
    assert records()
    with pytest.raises(StopIteration) as stop:
        first.send(None)
    assert stop.value.value == 3
    second.close()


@pytest.mark.parametrize("wrap", [lambda f: f, hidden, functools.partial])
def test_an_async_function_is_under_the_block(wrap):
    async def work(value):
        before = records()
        await asyncio.sleep(0)
        return before, records(), value

    decorated = no_grad()(wrap(work))
    if wrap is not hidden:
        assert inspect.iscoroutinefunction(decorated)

    async def main():
        results = asyncio.gather(decorated(1), work(2), decorated(3))
        assert await results == [(False, False, 1), (True, True, 2), (False, False, 3)]
        assert await decorated(4) == (False, False, 4)
        assert records()

    asyncio.run(main())


@pytest.mark.parametrize("wrap", [lambda f: f, hidden])
def test_an_async_generator_is_under_the_block_whenever_it_is_resumed(wrap):
    closed = []

    async def work(received):
        try:
            while received is not None:
                try:
                    received = yield records(), received
                except KeyError as error:
                    received = repr(error)
                await asyncio.sleep(0)
        finally:
            closed.append(records())

    decorated = no_grad()(wrap(work))
    if wrap is not hidden:
        assert inspect.isasyncgenfunction(decorated)

    async def main():
        first, second = decorated("a"), decorated("b")
        assert (await anext(first), await anext(second)) == ((False, "a"), (False, "b"))
        assert records()
        assert await first.asend("c") == (False, "c")
        assert await first.athrow(KeyError(1)) == (False, "KeyError(1)")
        assert records()
        with pytest.raises(StopAsyncIteration):
            await first.asend(None)
        await second.aclose()
        third = decorated("d")
        await anext(third)
        with pytest.raises(ZeroDivisionError):
            await third.athrow(ZeroDivisionError)
        assert records()

    asyncio.run(main())
    assert closed == [False] * 3


def test_an_awaitable_generator_stays_awaitable():
    @no_grad()
    @types.coroutine
    def pause():
        yield records()
        return records()

    async def main():
        return await pause()

    coroutine = main()
    assert coroutine.send(None) is False
    assert records()
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value is False


class Model:
    @no_grad()
    def method(self):
        return self, records()

    @no_grad()
    @classmethod
    def outside(cls):
        return cls, records()

    @classmethod
    @no_grad()
    def inside(cls):
        return cls, records()

    @no_grad()
    @staticmethod
    def static():
        return records()

    @property
    @no_grad()
    def value(self):
        return records()

    @no_grad()
    def batches(self):
        yield self, records()

    @no_grad()
    async def work(self):
        return self, records()

    @no_grad()
    def __call__(self):
        return records()


def test_methods():
    model = Model()
    assert model.method() == (model, False)
    assert model.outside() == Model.outside() == model.inside() == (Model, False)
    assert not any([model.static(), Model.static(), model.value, model()])
    assert list(model.batches()) == [(model, False)]
    assert asyncio.run(model.work()) == (model, False)
    assert no_grad()(model.method)() == (model, False)
    assert not no_grad()(model)()


def test_a_callable_object_of_a_suspended_kind():
    class Batches:
        def __call__(self):
            yield records()

    assert list(no_grad()(Batches())()) == [False]


def test_what_is_resumed_by_others_stays_with_them():
    """A generator that had begun before the call is no work of the decorated function."""
    begun = echo("a")
    next(begun)
    assert no_grad()(lambda: begun)() is begun
    assert begun.send("b") == (True, "b")


@pytest.mark.parametrize("wrong", [Model, property(records), 3, None])
def test_what_is_no_function_is_refused_where_it_is_decorated(wrong):
    with pytest.raises(TypeError, match="cannot decorate"):
        no_grad()(wrong)


def test_a_decorated_function_keeps_its_name_and_is_reentrant():
    @using_config("enable_backprop", False)
    def fibonacci(n: int) -> int:
        """The book's."""
        assert not records()
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert (fibonacci.__name__, fibonacci.__doc__) == ("fibonacci", "The book's.")
    assert fibonacci(6) == 8
    meeting = threading.Barrier(3)

    @no_grad()
    def work():
        meeting.wait(30)
        return records()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: work(), range(3))) == [False] * 3
