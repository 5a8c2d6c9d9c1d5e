"""What a Dask worker does for a client: it runs an agent in its one slot, and passes on its steps.

The agent is a process of its own, so that no user's code and no measurement is in the Dask worker,
which stays able to answer its scheduler, and can end what nobody waits for any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.machines.messages import Shipment, Step
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.dialogue import Dialogue
from gradmeter.bench.runs.launcher import START, START_FOLDER, started
from gradmeter.bench.runs.ties import MARK

RESOURCE = "gradmeter"  # of a Dask worker: its slot
LOOK = 0.3  # seconds between two looks whether the client still waits


class Agent(Dialogue):
    """An agent's process, for one shipment."""

    def __init__(self, shipment: Shipment) -> None:
        self.shipment = shipment
        mark = descendants.new_mark()
        command = [sys.executable, str(START), str(START_FOLDER), "machines.agent"]
        child, errors = started(command, {**os.environ, MARK: mark})
        super().__init__(child, errors, LOOK, mark)

    def request(self, line: bytes) -> bool:
        """Send a request; return whether there is a process that may read it."""
        assert self.child.stdin is not None
        try:
            self.child.stdin.write(line + b"\n")
            self.child.stdin.flush()
        except (OSError, ValueError):
            return False
        return True


_agents: list[Agent] = []  # of this Dask worker, one at most


def serve(request: bytes, send: Callable[[bytes], Any], is_wanted: Callable[[], bool]) -> None:
    """Have a request served, and send its steps as they come; the last one says how it ended.

    Args:
        request: a message, encoded.
        send: takes a step, encoded.
        is_wanted: whether the client still waits; where it does not, the agent is ended.
    """
    try:
        agent = _agent_for(request)
        while is_wanted():
            try:
                line = agent.line(LOOK)
            except TimeoutError:
                continue
            if not line:
                raise agent.exit_error()
            send(line.rstrip(b"\n"))
            if msgspec.json.decode(line, type=Step).is_last:
                return
        end()
    except (WorkerError, ValueError, msgspec.MsgspecError) as error:
        end()
        reason = str(error).replace("the worker", "the process that measured it", 1)
        send(msgspec.json.encode(Step(lost=reason)))
    except BaseException:
        end()
        raise


def end() -> None:
    """End the agent and all that it started."""
    while _agents:
        _agents.pop().close()


class _Shipped(msgspec.Struct):
    """Of a request, what decides whether another agent is needed."""

    shipment: Shipment


def _agent_for(request: bytes) -> Agent:
    """The agent that has got the request: the one that there is, or a new one."""
    shipment = msgspec.json.decode(request, type=_Shipped).shipment
    if not (_agents and _agents[0].shipment == shipment and _agents[0].request(request)):
        end()
        _agents.append(Agent(shipment))
        if not _agents[0].request(request):
            raise _agents[0].exit_error()
    return _agents[0]


def carry_out(channel: str, ticket: int, request: bytes) -> None:
    """Serve a request of a client; runs in a Dask worker."""
    from distributed import Queue, get_client, get_worker

    worker = get_worker()
    key = worker.get_current_task()
    steps = Queue(channel, client=get_client())

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    try:
        serve(request, lambda step: steps.put((ticket, step)), is_wanted)
    finally:
        steps.close()
