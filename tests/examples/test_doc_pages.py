"""The examples of pages that are written as sessions print what the pages say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["prediction.rst", "inference.rst"])
def test_the_examples_of_a_page(page: str) -> None:
    found = doctest.testfile(
        str(DOCS / page), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8"
    )
    assert found.attempted > 5 and found.failed == 0
