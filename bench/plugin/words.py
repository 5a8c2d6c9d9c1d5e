"""Name gradmeter's options as pytest has them, in what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from gradmeter.bench.errors import UsageError

_OPTION = re.compile(r"(?<![\w-])--(fail-on|on|out)(?![\w-])")


@contextmanager
def in_words_of_pytest() -> Iterator[None]:
    """Name the options in a message as pytest has them.

    Raises:
        UsageError: one with another message.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(_OPTION.sub(r"--bench-\1", str(error))) from None
