"""Whom a setting reaches: the thread or task that changed it, and those it then starts."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.engine import Config, Settings, Variable, no_grad, using_config

DEFAULTS = {name: getattr(Settings(), name) for name in Settings.__slots__}
THREADS_INHERIT = getattr(sys.flags, "thread_inherit_context", False)

changes = st.sampled_from(
    [
        ("enable_backprop", False),
        ("output_references", "strong"),
        ("retain_grad", True),
        ("retain_graph", True),
    ]
)


class BoomError(Exception):
    pass


def now():
    return {name: getattr(Config, name) for name in DEFAULTS}


def in_thread(work):
    """Run work() in a new thread; return what it returned or raise what it raised."""
    results = []

    def run():
        try:
            results.append((work(), None))
        except BaseException as error:
            results.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    ((value, error),) = results
    if error is not None:
        raise error
    return value


@given(st.lists(changes, max_size=4))
def test_a_new_thread_starts_from_the_defaults(changed):
    with ExitStack() as blocks:
        for name, value in changed:
            blocks.enter_context(using_config(name, value))
        assert in_thread(now) == (now() if THREADS_INHERIT else DEFAULTS)
        assert in_thread(lambda: contextvars.copy_context().run(now)) == in_thread(now)
        context = contextvars.copy_context()
        assert in_thread(lambda: context.run(now)) == now()


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["enter", "leave", "assign"]), st.booleans()),
        max_size=20,
    )
)
def test_two_threads_interleaved_in_any_order_never_see_each_other(schedule):
    """Two threads take turns as scheduled; each must see only what it did itself."""
    start = threading.Barrier(3)
    turns = [threading.Semaphore(0), threading.Semaphore(0)]
    done = threading.Semaphore(0)
    faults = []

    def work(me):
        start.wait()
        model, blocks = [True], []
        for who, what, value in schedule:
            if who != me:
                continue
            turns[me].acquire()
            if what == "enter":
                blocks.append(no_grad())
                blocks[-1].__enter__()
                model.append(False)
            elif what == "leave" and blocks:
                blocks.pop().__exit__(None, None, None)
                model.pop()
            elif what == "assign":
                Config.enable_backprop = value
                model[-1] = value
            recorded = (Variable(np.ones(1)) * 2.0).creator is not None
            if (Config.enable_backprop, recorded) != (model[-1], model[-1]):
                faults.append((me, what, value))
            done.release()

    threads = [threading.Thread(target=work, args=(me,)) for me in (False, True)]
    for thread in threads:
        thread.start()
    start.wait()
    for who, _, _ in schedule:
        turns[who].release()
        done.acquire()
    for thread in threads:
        thread.join()
    assert faults == []
    assert now() == DEFAULTS


def test_tasks_see_their_creators_settings_and_not_each_others():
    async def task(name, value, log):
        inherited = now()
        with using_config(name, value):
            for _ in range(3):
                await asyncio.sleep(0)
                assert now() == {**inherited, name: value}
            Config.retain_grad = True  # outlives the block, not the task
        log.append(inherited)

    async def main():
        log = []
        with using_config("output_references", "strong"):
            tasks = [
                asyncio.create_task(task(name, value, log))
                for name, value in [("enable_backprop", False), ("retain_graph", True)] * 2
            ]
        await asyncio.gather(*tasks)
        assert log == [{**DEFAULTS, "output_references": "strong"}] * 4
        assert now() == DEFAULTS
        with no_grad():
            assert (await asyncio.to_thread(now))["enable_backprop"] is False

    asyncio.run(main())


def test_an_error_in_one_thread_under_no_grad_leaves_the_others_recording():
    def fails():
        with no_grad():
            raise BoomError

    for _ in range(3):
        with pytest.raises(BoomError):
            in_thread(fails)
        assert (Variable(np.ones(1)) * 2.0).creator is not None
        assert in_thread(now) == DEFAULTS
