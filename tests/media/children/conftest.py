"""A video and a reader of its own for each test of children."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.media import MediaReader
from tests.media_files import Clicks, Track, steady, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = Track(steady(25, 200), options={"preset": "ultrafast", "g": "50"}, width=320, height=192)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose frames do not fit into a pipe at once."""
    return write(tmp_path_factory.mktemp("video") / "video.mp4", LARGE, Clicks([1.0, 7.0], 8.0))


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[MediaReader]:
    with MediaReader(getattr(request, "param", None)) as reader:
        yield reader
