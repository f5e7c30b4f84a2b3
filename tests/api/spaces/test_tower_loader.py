"""`TowerLoader`: its status while it loads, and the error when a tower cannot be loaded."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from api.spaces.tower_loader import TowerLoader
from mm.errors import Unavailable
from mm.settings import Settings
from mm.spaces import load_space
from mm.spaces.registry import WEIGHTS
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from pathlib import Path


def test_tower_loader_reports_tower_that_cannot_be_loaded(tmp_path: Path, graphs: Path) -> None:
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    (tmp_path / "weights" / "lite" / "image.safetensors").write_bytes(b"no weights")
    with TowerLoader(load_space("lite", Settings(home=with_graphs(tmp_path, graphs)), tmp_path / "weights")) as towers:
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"lite@1 cannot be loaded: .*image\.safetensors"):
                towers.wait()
        check = towers.check()
        assert not check.ok
        assert "image.safetensors" in check.detail
        assert check.detail.endswith("Searches fail.")


def test_tower_loader_reports_loaded_towers(tmp_path: Path, graphs: Path) -> None:
    with TowerLoader(load_space("lite", Settings(home=with_graphs(tmp_path, graphs)))) as towers:
        towers.wait()
        assert towers.check().ok
