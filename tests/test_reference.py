"""The generated reference pages match the current code."""

from __future__ import annotations

import pytest

from tools.reference import FOLDER, pages


@pytest.mark.parametrize("name", ["arguments.md", "settings.md"])
def test_a_page_says_what_the_code_does(name):
    assert (FOLDER / name).read_text() == pages()[name], "write it anew: make reference"
