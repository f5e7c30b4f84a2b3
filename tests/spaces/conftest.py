"""The shipped space, loaded once."""

from __future__ import annotations

import pytest

from mm.settings import Settings
from mm.spaces import Space, load_space


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return load_space("lite", Settings(home=tmp_path_factory.mktemp("home"), threads=1))
