"""Blocks under which a setting has another value, and the settings that result from them.

A block is open from its entry to its exit, and each exit removes its own block: blocks
that end out of order undo only themselves. The settings are those assigned, changed by
the open blocks from the outermost to the innermost.

Most blocks are kept by the context. But a generator can be suspended inside of a block,
while its consumer goes on in the same context; a block opened by a generator is therefore
tied to the generator's frame, and holds where that frame is on the stack:

- in the generator's body each time that it is resumed, in whatever thread, and in all
  that the body calls;
- not in the consumer, and not in a task that starts from a copy of the context.

An asynchronous generator is tied in the same way. An async function is where nothing but
its own code resumes it: in an event loop its task has a context of its own.

A generator that a library resumes to set something up (``contextlib.contextmanager``, a
pytest fixture) opens its block for whoever asked for the setup, as the block of that one.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from dataclasses import dataclass, replace
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from threading import get_ident
from types import FrameType, TracebackType
from typing import Any, Final, TypeVar

from .decorating import decorate
from .errors import SettingError
from .settings import Settings, changed, check_value

T = TypeVar("T")

GENERATORS: Final = CO_GENERATOR | CO_ASYNC_GENERATOR
SUSPENDABLE: Final = GENERATORS | CO_COROUTINE
# The packages that resume a generator to set up and to tear down.
SETUP_PACKAGES: Final = frozenset({"contextlib", "_pytest", "pluggy", "pytest_asyncio", "anyio"})
# Without the global interpreter lock, the frames of other threads must not be looked into.
HAS_LOCK: Final[bool] = getattr(sys, "_is_gil_enabled", lambda: True)()


class _Tied:
    """An open block that is tied to a frame."""

    __slots__ = ("block", "frame", "name", "thread", "value")

    def __init__(self, block: SettingBlock, value: Any, frame: FrameType) -> None:
        self.block = block
        self.name = block.name
        self.value = value
        self.frame = frame
        self.thread = get_ident()


@dataclass(frozen=True, slots=True)
class _Kept:
    """An open block that is kept by the context; an assignment inside replaces its value.

    Attributes:
        around: the tied blocks inside of which it was opened: a generator may run an event
            loop, whose tasks open blocks of their own.
    """

    block: SettingBlock
    name: str
    value: Any
    around: tuple[_Tied, ...] = ()


@dataclass(frozen=True, slots=True)
class _Context:
    """What one context has: its assignments, and its open blocks from the outermost on."""

    assigned: Settings
    blocks: tuple[_Kept, ...] = ()


_settings: Final[ContextVar[Settings]] = ContextVar(
    "engine_settings",
    default=Settings(),  # noqa: B039 (it is frozen)
)
_context: Final[ContextVar[_Context]] = ContextVar(
    "engine_setting_blocks",
    default=_Context(Settings()),  # noqa: B039 (it is frozen)
)
context_settings = _settings.get
"""Return the context's own settings: those that hold unless `tied` has something."""

tied: Final[list[_Tied]] = []
"""The open blocks of all generators, in the order of their entries; mostly empty."""


def current() -> Settings:
    """Return the settings that hold here."""
    settings = context_settings()
    if tied:
        for block in _tied_here():
            settings = changed(settings, block.name, block.value)
    return settings


def assign(name: str, value: Any) -> None:
    """Set one setting, to the end of the innermost open block that names it."""
    check_value(name, value)
    for block in reversed(_tied_here()):
        if block.name == name:
            block.value = value
            return
    context = _context.get()
    blocks = list(context.blocks)
    for i in reversed(range(len(blocks))):
        if blocks[i].name == name:
            blocks[i] = replace(blocks[i], value=value)
            _store(_Context(context.assigned, tuple(blocks)))
            return
    _store(_Context(changed(context.assigned, name, value), context.blocks))


def _store(context: _Context) -> None:
    settings = context.assigned
    for block in context.blocks:
        settings = changed(settings, block.name, block.value)
    _context.set(context)
    _settings.set(settings)


def _tied_here() -> list[_Tied]:
    """Return the tied blocks that hold on this stack, from the outermost on."""
    hidden = [(kept.name, block) for kept in _context.get().blocks for block in kept.around]
    by_frame: dict[FrameType, list[_Tied]] = {}
    for block in tuple(tied):
        # A suspended frame has been taken off its stack: nothing is behind it.
        is_suspended = HAS_LOCK and block.frame.f_back is None
        if not is_suspended and (block.name, block) not in hidden:
            by_frame.setdefault(block.frame, []).append(block)
    here: list[list[_Tied]] = []
    frame: FrameType | None = sys._getframe(1)
    while by_frame and frame is not None:  # it may be on the stack of another thread
        blocks = by_frame.pop(frame, None)
        if blocks is not None:
            here.append(blocks)
        frame = frame.f_back
    return [block for blocks in reversed(here) for block in blocks]


def _frame_to_tie_to(caller: FrameType) -> FrameType | None:
    """Return the frame that can be suspended inside of a block that ``caller`` enters.

    It is the innermost generator's, also behind functions that it calls: ``ExitStack``
    enters a block and returns. None: nothing that shares its context with other code.
    """
    frame: FrameType | None = caller
    while frame is not None:
        kind = frame.f_code.co_flags & SUSPENDABLE
        if kind and _package(frame) not in SETUP_PACKAGES:
            resumer = frame.f_back
            if kind & GENERATORS:
                if resumer is None or _package(resumer) not in SETUP_PACKAGES:
                    return frame
            elif _in_event_loop():
                if resumer is None or not resumer.f_code.co_flags & SUSPENDABLE:
                    return None  # the outermost coroutine of a task
            elif frame is caller:
                return frame
        frame = frame.f_back
    return None


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _in_event_loop() -> bool:
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


class SettingBlock:
    """A context manager and decorator under which one setting has another value."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def __enter__(self) -> None:
        check_value(self.name, self.value)
        frame = _frame_to_tie_to(sys._getframe(1))
        if frame is not None:
            tied.append(_Tied(self, self.value, frame))
            return
        context = _context.get()
        block = _Kept(self, self.name, self.value, tuple(_tied_here()) if tied else ())
        _context.set(_Context(context.assigned, (*context.blocks, block)))
        _settings.set(changed(context_settings(), self.name, self.value))

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entered = [block for block in tuple(tied) if block.block is self] if tied else []
        if entered:
            here = [block for block in _tied_here() if block.block is self]
            if here:
                tied.remove(here[-1])
                return
        context = _context.get()
        blocks = list(context.blocks)
        for i in reversed(range(len(blocks))):
            if blocks[i].block is self:
                del blocks[i]
                _store(_Context(context.assigned, tuple(blocks)))
                return
        # A generator may hand the exit to others, as with an ExitStack that it was given.
        entered = [block for block in entered if block.thread == get_ident()]
        if not entered:
            raise SettingError(
                f"the block of setting {self.name!r} is not open here, so it cannot be left: "
                "enter it first, and leave it in the thread or task that entered it"
            )
        tied.remove(entered[-1])

    def __call__(self, function: T) -> T:
        """Return ``function`` decorated: each call, and each resumption, is under the block.

        Args:
            function: a function, method, classmethod or staticmethod; also one whose body
                can be suspended: a generator function, an async function or generator.

        Raises:
            TypeError: it is a class, or cannot be called.
        """
        decorated: T = decorate(self, function)
        return decorated

    def __repr__(self) -> str:
        return f"using_config({self.name!r}, {self.value!r})"
