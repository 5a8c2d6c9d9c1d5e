"""The pages of docs/reference that are made from the code: what they say is what the code says."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer
from _pytest.config.argparsing import Parser

import gradmeter
from gradmeter import bench
from gradmeter.bench.cli import app
from gradmeter.bench.plugin import options as pytest_options

from .markdown import cell, sentence, table, text_of
from .pages import DOCS

MADE = "This page is made from the code by `make shown`.\n"


def write(folder: Path = DOCS / "reference") -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (folder / name).write_text(page())


def _page(title: str, opening: str, *parts: str) -> str:
    return "\n".join([f"# {title}\n", f"{opening}\n", MADE, *parts]).rstrip() + "\n"


def commands() -> str:
    """Every command, with its arguments and options."""
    group: Any = typer.main.get_command(app)
    shown = {name: command for name, command in group.commands.items() if not command.hidden}
    parts = [
        table(
            ("command", "what it does"),
            (
                (f"[`{name}`](#gradmeter-{name})", cell(sentence(command.help or "")))
                for name, command in shown.items()
            ),
        ),
        text_of(app.info.epilog or ""),
    ]
    for name, command in shown.items():
        usage = " ".join(
            [
                "gradmeter",
                name,
                *(piece for p in command.params for piece in _usage(p)),
                "[OPTIONS]",
            ]
        )
        parts += [f"## gradmeter {name}\n", f"```text\n{usage}\n```\n", text_of(command.help or "")]
        panels = dict.fromkeys(p.rich_help_panel for p in command.params)
        panels = sorted(panels, key=lambda panel: panel == "Rare")
        for panel in panels:
            rows = [_row(p) for p in command.params if p.rich_help_panel == panel and not p.hidden]
            parts += [f"{panel}:\n"] * bool(panel and len(panels) > 1)
            parts += [table(("option", "what it does"), rows)] * bool(rows)
    return _page(
        "Commands",
        "After this page you can give every command of `gradmeter` any of its options.",
        *parts,
    )


def _usage(parameter: Any) -> list[str]:
    if parameter.param_type_name != "argument":
        return []
    name = _metavar(parameter)
    return [name if parameter.required or name.startswith("[") else f"[{name}]"]


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _row(parameter: Any) -> tuple[str, str]:
    if parameter.param_type_name == "argument":
        name = f"`{_metavar(parameter)}`".replace("|", "\\|")
    else:
        value = "" if parameter.is_flag else f" {_metavar(parameter)}"
        names = [*parameter.opts, *parameter.secondary_opts]
        name = ", ".join(f"`{option}{value}`" for option in names).replace("|", "\\|")
    text = cell(parameter.help or "")
    default = (
        parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    )
    if default not in (None, False, "", (), []) and not callable(default):
        text = f"{text} Default: `{default}`."
    return name, text


def of_pytest() -> str:
    """Every option of the plugin, on the command line and in the ini file."""
    parser = Parser(_ispytest=True)
    pytest_options.add(parser)
    (group,) = [group for group in parser._groups if group.name == "gradmeter"]
    rows = []
    for option in group.options:
        given = option.attrs()
        if given["help"] != "==SUPPRESS==":
            names = [f"{name} {given.get('metavar') or ''}".strip() for name in option.names()]
            text = ", ".join(f"`{name}`" for name in names).replace("|", "\\|")
            rows.append((text, cell(given["help"].replace("%%", "%"))))
    ini = [
        (f"`{name}`", f"as `{_option(name)}`")
        for name in parser._inidict
        if name.startswith("bench_")
    ]
    return _page(
        "Options of pytest",
        "After this page you can set everything of gradmeter in a pytest session or its ini file.",
        table(("option", "what it does"), rows),
        "In the ini file, which the command line overrides:\n",
        table(("setting", "what it is"), ini),
        "`@pytest.mark.bench_memory(...)` bounds one test: see [budgets]"
        "(../how-to/your-benchmark-suite.md#budgets).\n",
    )


def _option(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def run_file() -> str:
    """The structures of the run file, from its schema."""
    schema = json.loads((Path(bench.__file__).parent / "run.schema.json").read_text())
    structures: Mapping[str, Any] = schema["$defs"]
    first = schema["$ref"].rpartition("/")[2]
    parts = [
        "`run.json` is versioned JSON; its JSON Schema is [bench/run.schema.json]"
        "(../../bench/run.schema.json). A reader refuses what it does not know, with a sentence "
        "that says what and where. Everything is raw, bytes as integers and seconds; what a report "
        "shows is derived from it.\n"
    ]
    for name in [first, *(other for other in sorted(structures) if other != first)]:
        structure = structures[name]
        parts += [f"## {name}\n", text_of(structure.get("description", ""))]
        rows = [
            (
                f"`{field}`",
                _kind(kind),
                f"`{json.dumps(kind['default'])}`" if "default" in kind else "",
            )
            for field, kind in structure.get("properties", {}).items()
        ]
        parts += [table(("field", "what it holds", "default"), rows)] * bool(rows)
    return _page(
        "The run file", "After this page you can read any figure out of a `run.json`.", *parts
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a field, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{re.sub(r'[^a-z0-9_-]', '', name.lower())})"
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"`{json.dumps(value)}`" for value in values)
    kind = str(schema.get("type", "anything"))
    if kind == "array" and "items" in schema and schema["items"]:
        return f"list of {_kind(schema['items'])}"
    if kind == "object" and "additionalProperties" in schema:
        return f"values by name: {_kind(schema['additionalProperties'] or {})}"
    return kind


def public_names() -> str:
    """Every public name, with its signature and its docstring."""
    parts = [
        "Each is imported when it is first asked for. All other names are private, however they "
        "are spelled. The repository keeps the subpackages `engine/` and `bench/` at its top, "
        "where a reader looks for them; installed, there is `gradmeter` alone.\n"
    ]
    names = [name for name in gradmeter.__all__ if name not in ("engine", "__version__")]
    rows = [
        (f"[`gradmeter.{name}`](#gradmeter{name.lower()})", _about(gradmeter, name))
        for name in names
    ]
    rows += [
        ("[`gradmeter.engine`](#the-engine)", "The engine, under the names of the book."),
        ("`gradmeter.__version__`", "The version."),
    ]
    parts.append(table(("name", "what it is"), rows))
    for name in names:
        value = getattr(gradmeter, name)
        parts += [f"## gradmeter.{name}\n", f"```python\n{_shown(name, value)}\n```\n"]
        parts += [text_of(inspect.getdoc(value) or "")] * _documented(value)
        methods = [
            (f"`{method}{_arguments(function)}`", cell(sentence(inspect.getdoc(function) or "")))
            for method, function in (vars(value) if inspect.isclass(value) else {}).items()
            if inspect.isfunction(function) and not method.startswith("_")
        ]
        parts += [table(("method", "what it does"), methods)] * bool(methods)
    parts += ["## The engine\n", "```python\nfrom gradmeter.engine import Variable\n```\n"]
    rows = [(f"`{name}`", _about(gradmeter.engine, name)) for name in gradmeter.engine.__all__]
    parts.append(table(("name", "what it is"), rows))
    return _page(
        "Public names",
        "After this page you can use every name that gradmeter promises to keep.",
        *parts,
    )


def _documented(value: Any) -> bool:
    """Whether a value has a docstring of its own: a type alias has that of its type."""
    return inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)


def _about(module: Any, name: str) -> str:
    value = getattr(module, name)
    if not _documented(value) and type(value).__module__.startswith("gradmeter"):
        value = type(value)
    if not _documented(value):
        return f"The type `{_type(value)}`.".replace("|", "\\|")
    return cell(sentence(inspect.getdoc(value) or ""))


def _type(value: Any) -> str:
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(value))


class _Annotation:
    """An annotation that was written as a text, shown without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _signature(value: Any) -> str:
    """The parameters of a function or a class, in parentheses."""
    signature = inspect.signature(value)
    written = {
        name: parameter.replace(annotation=_Annotation(parameter.annotation))
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.annotation, str)
    }
    parameters = [written.get(name, each) for name, each in signature.parameters.items()]
    returns = signature.return_annotation
    if inspect.isclass(value):
        returns = inspect.Signature.empty
    elif isinstance(returns, str):
        returns = _Annotation(returns)
    text = str(signature.replace(parameters=parameters, return_annotation=returns))
    return text.replace("<factory>", "...")


def _arguments(method: Any) -> str:
    return re.sub(r"^\(self(, )?", "(", _signature(method)).partition(" -> ")[0]


def _shown(name: str, value: Any) -> str:
    """A name as it is used."""
    if not _documented(value):
        return f"gradmeter.{name} = {_type(value)}"
    if inspect.isclass(value) and issubclass(value, Exception):
        return f"class gradmeter.{name}({value.__base__.__name__})"
    return f"gradmeter.{name}{_signature(value)}"


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "pytest-options.md": of_pytest,
    "run-file.md": run_file,
    "public-names.md": public_names,
}

if __name__ == "__main__":
    write()
