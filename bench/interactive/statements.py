"""A statement or a cell of a notebook: compiled as IPython does, and run on demand."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from dataclasses import dataclass
from itertools import takewhile
from types import CodeType, TracebackType
from typing import Any

from gradmeter.bench.errors import UsageError
from gradmeter.bench.interactive.places import cell_name
from gradmeter.bench.meters.call import Call

Shell = Any  # IPython's InteractiveShell, which only who uses it has


@dataclass(frozen=True)
class Statement:
    """A piece of the user's code.

    Attributes:
        body: all but its last expression; None for nothing more.
        value: its last expression; None where it ends with a statement.
    """

    body: CodeType | None
    value: CodeType | None

    def run(self, names: dict[str, Any]) -> object:
        """Run it in these names, and return the value of its last expression."""
        if self.body is not None:
            exec(self.body, names)
        return eval(self.value, names) if self.value is not None else None

    def call(self, shell: Shell) -> Call:
        """It as a call, for the meters: it sees the user's names, and its own are dropped."""
        return Call(
            self.run,
            setup=lambda: ((dict(shell.user_ns),), {}),
            teardown=lambda names: names.clear(),
        )


def compiled(shell: Shell, magic: str, line: str, cell: str | None) -> Statement:
    """Compile the statement of a line magic, or the cell of a cell magic.

    The lines of a cell have the numbers that the user sees, of which the magic's is the first.

    Raises:
        UsageError: it is no Python.
    """
    source = line if cell is None else cell
    text = shell.transform_cell(source)
    if cell is None:
        name, above = f"<{magic}>", ""
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    else:
        blank = sum(1 for _ in takewhile(lambda each: not each.strip(), source.splitlines()))
        above = "\n" * (1 + blank)
        name = shell.compile.cache(f"{magic} {line}{above}{text}", _running_cell(shell), source)
    try:
        tree = shell.transform_ast(shell.compile.ast_parse(above + text, filename=name))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        return Statement(
            body=shell.compile(tree, name, "exec") if tree.body else None,
            value=shell.compile(ast.Expression(last.value), name, "eval") if last else None,
        )
    except SyntaxError as error:
        where = f"line {error.lineno}" if cell is not None else "this"
        shown = f": {error.text.strip()}" if error.text else ""
        raise UsageError(f"{magic}: {where} is no Python, {error.msg}{shown}") from None


def traceback_within(error: BaseException) -> TracebackType | None:
    """The part of a traceback that is the user's own: what a `Statement` ran.

    Returns:
        None where the error was raised elsewhere.
    """
    each = error.__traceback__
    while each is not None:
        if each.tb_frame.f_code is Statement.run.__code__:
            return each.tb_next
        each = each.tb_next
    return None


def _running_cell(shell: Shell) -> int:
    """The number of the cell that runs now, which IPython's versions count at different times."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is shell.user_ns:
            number = re.fullmatch(r"In\[(\d+)\]", cell_name(frame.f_code.co_filename))
            if number:
                return int(number[1])
        frame = frame.f_back
    return int(shell.execution_count)
