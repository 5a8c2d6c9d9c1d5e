"""Bundles of options: a dataclass that several commands take as one parameter.

A field of the dataclass that is annotated as a parameter of a command is an option; any other
one is for the command to set.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any, get_origin, get_type_hints


def bundled(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each annotated field of its parameters that are dataclasses."""
    parameters: list[Parameter] = []
    bundles: dict[str, tuple[Any, list[str]]] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        kind = parameter.annotation
        if is_dataclass(kind):
            hints = get_type_hints(kind, include_extras=True)
            inner = [
                Parameter(
                    field.name,
                    Parameter.KEYWORD_ONLY,
                    default=Parameter.empty if field.default is MISSING else field.default,
                    annotation=hints[field.name],
                )
                for field in fields(kind)
                if get_origin(hints[field.name]) is Annotated
            ]
            bundles[name] = kind, [each.name for each in inner]
            parameters += inner
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def call(**values: Any) -> None:
        for name, (kind, names) in bundles.items():
            values[name] = kind(**{each: values.pop(each) for each in names})
        command(**values)

    del call.__wrapped__  # its annotations are not those of the call
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call
