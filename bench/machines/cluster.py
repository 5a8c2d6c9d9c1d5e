"""Send requests to the workers of a Dask scheduler, and turn what happens there into events."""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.loading import described
from gradmeter.bench.machines.messages import Step
from gradmeter.bench.machines.slot import RESOURCE, carry_out

CONNECT = 10.0  # seconds for a scheduler to answer
LOOK = 3.0  # seconds between two looks at the scheduler's workers
LOCAL = "local:"
SILENT = logging.CRITICAL + 1
HOW = f"dask worker ADDRESS --nthreads 1 --resources {RESOURCE}=1"


@dataclass(frozen=True)
class Joined:
    """A worker with a slot is there."""

    worker: str


@dataclass(frozen=True)
class Left:
    """A worker is not there any more."""

    worker: str


@dataclass(frozen=True)
class Said:
    """A worker has sent a step of what it was asked with a ticket."""

    ticket: int
    step: Step


@dataclass(frozen=True)
class Gone:
    """The scheduler does not answer any more."""


Event = Joined | Left | Said | Gone


class Cluster(Protocol):
    """Workers, each with one slot."""

    address: str

    def next(self, seconds: float) -> Event | None:
        """The next event; None where there is none within so many seconds."""

    def submit(self, worker: str, ticket: int, request: bytes) -> None:
        """Have a worker serve a request, in its slot."""

    def cancel(self, ticket: int) -> None:
        """Have a worker end what it serves."""


class DaskCluster:
    """The workers of a Dask scheduler that have a slot.

    Args:
        client: a client of Dask's.
    """

    def __init__(self, client: Any, address: str) -> None:
        from distributed import Queue

        self.address = address
        self._client = client
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()  # None: look
        self._workers: set[str] = set()
        self._futures: dict[int, Any] = {}
        self._looked = 0.0
        self._channel = f"gradmeter-{uuid.uuid4().hex}"
        self._steps = Queue(self._channel, client=client)
        client.subscribe_topic("all", self._on_scheduler)
        threading.Thread(target=self._receive, daemon=True).start()

    def next(self, seconds: float) -> Event | None:
        """The next event; None where there is none within so many seconds."""
        if self._client.status != "running":
            return Gone()
        if time.monotonic() - self._looked > LOOK:
            self._look()
        with suppress(queue.Empty):
            event = self._events.get(timeout=seconds)
            if event is not None:
                return self._noted(event)
            self._look()
        return None

    def submit(self, worker: str, ticket: int, request: bytes) -> None:
        """Have a worker serve a request, in its slot."""
        future = self._client.submit(
            carry_out,
            self._channel,
            ticket,
            request,
            key=f"{self._channel}-{ticket}",
            workers=[worker],
            allow_other_workers=False,
            resources={RESOURCE: 1},
            retries=0,
            pure=False,
        )
        self._futures[ticket] = future
        future.add_done_callback(lambda future: self._on_end(ticket, future))

    def cancel(self, ticket: int) -> None:
        """Have a worker end what it serves."""
        future = self._futures.pop(ticket, None)
        if future is not None:
            with suppress(Exception):  # the scheduler may be gone
                future.cancel()

    def close(self) -> None:
        """End everything that workers still serve."""
        for ticket in list(self._futures):
            self.cancel(ticket)
        with suppress(Exception):
            self._client.unsubscribe_topic("all")
            self._steps.close()

    def workers(self) -> list[str]:
        """The workers with a slot that are there now."""
        return [worker for worker, slots in self._slots().items() if slots]

    def _noted(self, event: Event) -> Event:
        if isinstance(event, Left):
            self._workers.discard(event.worker)
        elif isinstance(event, Said) and event.step.is_last:
            self._futures.pop(event.ticket, None)
        return event

    def _slots(self) -> dict[str, float]:
        """The slots of each worker, by its address."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return {w: about.get("resources", {}).get(RESOURCE, 0) for w, about in workers.items()}

    def _look(self) -> None:
        """Look which workers there are."""
        self._looked = time.monotonic()
        try:
            there = {worker for worker, slots in self._slots().items() if slots}
        except Exception:  # the connection may break at any moment; the next look says so
            return
        for worker in sorted(there - self._workers):
            self._events.put(Joined(worker))
        for worker in sorted(self._workers - there):
            self._events.put(Left(worker))
        self._workers = there

    def _on_scheduler(self, event: tuple[float, Any]) -> None:
        """Take an event of the scheduler's, in a thread of Dask's."""
        message = event[1]
        if isinstance(message, dict):
            if message.get("action") == "remove-worker":
                self._events.put(Left(str(message.get("worker"))))
            if message.get("action") in ("add-worker", "remove-worker"):
                self._events.put(None)

    def _on_end(self, ticket: int, future: Any) -> None:
        """Tell why a request ended without its last step, in a thread of Dask's."""
        if future.status == "error":
            reason = described(future.exception())
            self._events.put(Said(ticket, Step(lost=f"its Dask worker says: {reason}")))
        elif future.status != "finished":
            self._events.put(Said(ticket, Step(lost="the scheduler has dropped it")))

    def _receive(self) -> None:
        """Take steps from the scheduler, until the connection ends."""
        with suppress(Exception):
            while True:
                ticket, step = self._steps.get()
                self._events.put(Said(ticket, msgspec.json.decode(step, type=Step)))


@contextmanager
def connected(on: str) -> Iterator[DaskCluster]:
    """Connect to a scheduler, or start one here with workers for local:N, while the block lasts.

    Raises:
        UsageError: no scheduler answers there, or it is no address.
    """
    # What Dask logs of lost workers is told as the run goes on.
    logging.getLogger("distributed").setLevel(SILENT)
    with ExitStack() as stack, warnings.catch_warnings(action="ignore"):
        import asyncio  # of which every command would take the time to load

        from distributed import Client

        address = stack.enter_context(_local(on)) if on.startswith(LOCAL) else on
        try:
            asyncio.run(_reach(address))  # a client that cannot connect goes on trying
            client = Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise UsageError(
                f"--on {on}: no Dask scheduler answers there ({described(error)}); start one with "
                "dask scheduler --host ADDRESS, or try it on this machine with --on local:2"
            ) from None
        stack.callback(_close, client)
        cluster = DaskCluster(client, on)
        stack.callback(cluster.close)
        yield cluster


async def _reach(address: str) -> None:
    """Connect to an address once.

    Raises:
        OSError: nothing answers there.
        ValueError: it is no address.
        TypeError: it is one of TLS, and the configuration of Dask names no certificates.
    """
    from distributed.comm.core import connect
    from distributed.security import Security

    comm = await connect(address, timeout=CONNECT, **Security().get_connection_args("client"))
    comm.abort()


def _close(client: Any) -> None:
    with suppress(Exception):
        client.close(timeout=5)


def local_workers(on: str) -> int:
    """The number of workers in local:N.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"[1-9][0-9]?", on.removeprefix(LOCAL)):
        raise UsageError(f"--on {on} is no number of workers, 1 to 99; write local:2")
    return int(on.removeprefix(LOCAL))


@contextmanager
def _local(on: str) -> Iterator[str]:
    """Start a scheduler and workers that nobody reaches from another machine."""
    from distributed import LocalCluster

    count = local_workers(on)
    with LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        resources={RESOURCE: 1},
        host="127.0.0.1",
        # Without these, their status pages listen on every network.
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=SILENT,
    ) as cluster:
        yield cluster.scheduler_address
