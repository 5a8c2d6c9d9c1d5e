"""What the pages show of other engines is what the commands print."""

from __future__ import annotations

import os

import pytest

from ...docs.pages import blocks, name, pages
from ...docs.shown import Source, renewed, shown_in, source


def of_packages(how: Source) -> bool:
    """Whether the output of a block takes packages that make test-engines installs."""
    return bool(how.packages)


@pytest.mark.parametrize("page", shown_in(pages(), of_packages), ids=name)
def test_exact_output_is_what_the_commands_print(page):
    consoles = [block for block in blocks(page.read_text()) if block.language == "console"]
    if missing := [package for block in consoles for package in source(block).missing]:
        words = f"{', '.join(missing)}: not installed"
        assert not os.environ.get("GRADMETER_PEERS"), words
        pytest.skip(words)
    _, differences = renewed(page, of_packages)
    assert not differences, "\n".join(map(str, differences))
