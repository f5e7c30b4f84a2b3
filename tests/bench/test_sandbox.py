"""`mm bench sandbox` answers on a small film, and no setting leaves layers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.bench.decoding import sandbox
from mm.media.sandbox.layers import LAYERS, Sandbox
from mm.settings import Settings
from tests.graphs import with_graphs
from tests.media_files import Track, steady, write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_film_is_timed_in_every_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, graphs: Path) -> None:
    monkeypatch.setenv("MM_HOME", str(with_graphs(tmp_path, graphs)))
    path = write(tmp_path / "film.mp4", Track(steady(25, 10)))
    table = list(sandbox.run([path], 1))
    for way in (sandbox.BEHIND_ALL, sandbox.BEHIND_LIMITS, sandbox.NO_CHILD):
        assert sum(f"| film.mp4 | {way} |" in line for line in table) == 1
    assert "of ingest the layers take" in table[-4]
    assert "the layers take" in table[-3]
    assert "film.mp4: a fresh child takes" in table[-2]
    assert "a fork server starts in" in table[-1]


def test_no_setting_leaves_layers_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reader is given comes from two settings; the list of layers is not one of them."""
    monkeypatch.setenv("MM_SANDBOX_LAYERS", "limits")
    assert not any("layer" in name for name in Settings.model_fields)
    assert tuple(Sandbox(Settings().sandbox_minimum, Settings().sandbox_allow_known_holes).layers) == LAYERS
