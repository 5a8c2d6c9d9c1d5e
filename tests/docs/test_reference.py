"""What is made from the code is what the code says now; `make shown` makes it anew."""

from __future__ import annotations

import pytest

import gradmeter

from . import house, reference
from .pages import DOCS


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_page_of_the_reference_is_current(page):
    assert (DOCS / "reference" / page).read_text() == reference.PAGES[page]()


def test_the_picture_of_the_house_is_current():
    assert house.PICTURE.read_text() == house.picture()


def test_the_picture_shows_every_room_and_every_import():
    count = house.imports()
    assert count["cli", "commands"]
    assert count["commands", house.ENGINE]
    assert house.picture().count("<circle") == len(count)
    assert all(house.purpose(name) for name in house.rooms())


def test_the_reference_names_what_there_is():
    names = reference.public_names()
    assert all(f"`gradmeter.{name}`" in names for name in gradmeter.__all__)
    assert "`--fail-on GATE`" in reference.commands()
    assert "`--bench-memory`" in reference.of_pytest()
    assert "[Case](#case)" in reference.run_file()
