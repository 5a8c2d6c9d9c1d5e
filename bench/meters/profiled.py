"""`gradmeter.profile`: the decorator that chooses the functions whose lines are shown."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # a program that is not measured imports nothing more for its decorators
    from gradmeter.bench.meters.line_events import Watches
    from gradmeter.bench.results.lines import Lines

Decorated = TypeVar("Decorated")


class Choice:
    """The functions that a program decorates while it is measured.

    Attributes:
        names: of those functions, in the order of their decoration.
        problem: why one has no lines; empty for none.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.problem = ""
        self._codes: dict[CodeType, None] = {}

    def add(self, function: object) -> None:
        """Choose one more function."""
        from gradmeter.bench.meters.functions import codes_of, name_of

        name, codes = name_of(function), codes_of(function)
        if not codes:
            self.problem = f"gradmeter.profile decorates {name}, which has no lines in Python"
        elif name not in self.names:
            self.names.append(name)
        self._codes.update(dict.fromkeys(codes))

    def watching(self, watches: Watches) -> Watches:
        """Watch the chosen functions, too, wherever they lie."""

        def both(code: CodeType, variables: dict[str, Any]) -> bool:
            return code in self._codes or watches(code, variables)

        return both

    def only(self, reading: Lines) -> Lines:
        """A reading with the chosen functions' lines alone; the whole one if none was chosen.

        The bytes of the other lines belong to ``outside``.
        """
        import msgspec

        from gradmeter.bench.meters.functions import lines_of
        from gradmeter.bench.meters.watched_files import path_of

        problem = reading.problem or self.problem
        if not self._codes:
            return msgspec.structs.replace(reading, problem=problem)
        places = {
            (path_of(code.co_filename), number) for code in self._codes for number in lines_of(code)
        }
        lines = [line for line in reading.lines if (line.place.file, line.place.line) in places]
        own = sum(line.own for line in reading.lines) - sum(line.own for line in lines)
        return msgspec.structs.replace(
            reading,
            lines=lines,
            outside=reading.outside + own,
            functions=tuple(self.names),
            problem=problem,
        )


_choice: Choice | None = None


def choosing() -> Choice:
    """From here on, have the decorator tell which functions the program chooses."""
    global _choice
    _choice = Choice()
    return _choice


def profile(function: Decorated) -> Decorated:
    """Choose a function, whose lines ``gradmeter lines script.py`` shows then; a decorator.

    With it, that command shows the lines of the decorated functions alone, and watches them
    wherever they lie, also in an installed package. Without it, and at any other time, the
    decorator does nothing: it returns the function itself, so that a call costs nothing more.

    Args:
        function: a function, method, property or class; the last stands for all its functions.
            It is to be decorated before it is called for the first time.
    """
    if _choice is not None:
        _choice.add(function)
    return function
