"""The shipped space, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.settings import Settings
from mm.spaces import Space, load_space
from tests.graphs import with_graphs


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Space:
    return load_space("lite", Settings(home=with_graphs(tmp_path_factory.mktemp("home"), graphs), threads=1))
