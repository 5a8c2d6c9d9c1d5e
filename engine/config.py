"""The settings as a program reads and changes them: Config, using_config and no_grad.

Settings belong to the current context (``contextvars``): a thread or an asyncio task
that changes one does not change it for any other. A new thread starts from the defaults;
a new asyncio task starts from the settings of the task that created it. (Python
builds whose threads inherit the context, the free-threaded ones from 3.14 on, start a
thread from its creator's settings instead.) A block that a generator opened holds while
that generator runs, and for nothing else: see `blocks`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from .blocks import SettingBlock, assign, current
from .errors import SettingError
from .settings import FIELDS, setting_field


class _Config:
    """The current context's settings as attributes; reads and assignments are checked.

    An assignment changes the innermost open block that names the setting, and lasts to
    the end of that block; outside of any it changes the context.

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
            return getattr(current(), setting_field(name).name)

        def __setattr__(self, name: str, value: Any) -> None:
            assign(name, value)

        @property
        def __dict__(self) -> dict[str, Any]:  # vars(Config), and what mock.patch restores by
            return asdict(current())

    def __delattr__(self, name: str) -> None:
        raise SettingError(
            f"setting {name!r} cannot be deleted; assign its default "
            f"{setting_field(name).default!r} instead"
        )

    def __dir__(self) -> list[str]:
        return list(FIELDS)

    def __repr__(self) -> str:
        return repr(current()).replace("Settings", "Config")


Config: Final = _Config()


def using_config(name: str, value: Any) -> SettingBlock:
    """Return a context manager (and decorator) under which setting ``name`` is ``value``.

    The setting's previous value comes back on leaving the block, also by an exception. The
    same object may be entered any number of times, nested and by several threads at once.

    Raises:
        SettingError: at the call, for an unknown name; on entering, for a wrong value.
    """
    setting_field(name)
    return SettingBlock(name, value)


def no_grad() -> SettingBlock:
    """Return a context manager (and decorator) under which nothing is recorded."""
    return using_config("enable_backprop", False)
