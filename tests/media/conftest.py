"""A reader shared by the tests that do not end its children on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.media import MediaReader

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def reader() -> Iterator[MediaReader]:
    with MediaReader() as reader:
        yield reader
