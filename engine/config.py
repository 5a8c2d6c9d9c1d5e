"""The engine's settings: how operations are recorded and what backward() keeps.

Settings belong to the current context (``contextvars``): a thread or an asyncio task
that changes one does not change it for any other. A new thread starts from the defaults
below; a new asyncio task starts from the settings of the task that created it. (Python
builds whose threads inherit the context, the free-threaded ones from 3.14 on, start a
thread from its creator's settings instead.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

from .errors import SettingError


def _setting(default: Any, values: tuple[Any, ...], meaning: str) -> Any:
    return field(default=default, metadata={"values": values, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default and its description.

    Each field's metadata holds ``values`` (a tuple of the accepted ones) and
    ``meaning`` (a description).
    """

    enable_backprop: bool = _setting(
        True, (True, False), "record operations, so that backward() can be called on their results"
    )
    output_references: str = _setting(
        "weak",
        ("weak", "strong"),
        "how an operation refers to its outputs: weak makes no reference cycle; strong is "
        "the book's design before step 17, whose cycles only the collector frees",
    )
    retain_grad: bool = _setting(
        False,
        (True, False),
        "keep the gradients of intermediate variables after backward(); "
        "the argument of backward() wins",
    )
    retain_graph: bool = _setting(
        False,
        (True, False),
        "keep what the graph saved, so that backward() can run again; off, each operation "
        "releases it as soon as the sweep has used it",
    )


_current: Final[ContextVar[Settings]] = ContextVar(
    "engine_settings",
    default=Settings(),  # noqa: B039 (it is frozen)
)
current = _current.get
_fields = {f.name: f for f in fields(Settings)}


def _change(name: str, value: Any) -> None:
    """Set one setting in the current context."""
    setting = _setting_field(name)
    values = setting.metadata["values"]
    if type(value) is not type(values[0]) or value not in values:
        choices = " or ".join(repr(v) for v in values)
        raise SettingError(f"setting {name!r} takes {choices}, not {value!r}")
    _current.set(replace(current(), **{name: value}))


def _setting_field(name: str) -> Any:
    if name not in _fields:
        raise SettingError(
            f"there is no setting {name!r}; the settings are {', '.join(map(repr, _fields))}"
        )
    return _fields[name]


class _Config:
    """The current context's settings as attributes; reads and assignments are checked.

    Raises:
        SettingError: for a name that is not a setting, or a value that it does not take.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        enable_backprop: bool
        output_references: str
        retain_grad: bool
        retain_graph: bool
    else:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):  # protocols (copy, inspect) ask for these
                raise AttributeError(name)
            return getattr(current(), _setting_field(name).name)

        def __setattr__(self, name: str, value: Any) -> None:
            _change(name, value)

        @property
        def __dict__(self) -> dict[str, Any]:  # vars(Config), and what mock.patch restores by
            return asdict(current())

    def __delattr__(self, name: str) -> None:
        raise SettingError(
            f"setting {name!r} cannot be deleted; assign its default "
            f"{_setting_field(name).default!r} instead"
        )

    def __dir__(self) -> list[str]:
        return list(_fields)

    def __repr__(self) -> str:
        return repr(current()).replace("Settings", "Config")


Config: Final = _Config()


@contextmanager
def _using(name: str, value: Any) -> Iterator[None]:
    previous = getattr(current(), name)
    _change(name, value)
    try:
        yield
    finally:
        # Restores this setting alone: another one assigned inside the block stays.
        _change(name, previous)


def using_config(name: str, value: Any) -> AbstractContextManager[None]:
    """Return a context manager (and decorator) under which setting ``name`` is ``value``.

    The setting's previous value comes back on leaving the block, also by an exception.

    Raises:
        SettingError: at the call, for an unknown name; on entering, for a wrong value.
    """
    _setting_field(name)
    return _using(name, value)


def no_grad() -> AbstractContextManager[None]:
    """Return a context manager under which nothing is recorded."""
    return using_config("enable_backprop", False)
