"""`mm bench sandbox` on a small video; and no setting disables layers."""

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


def test_bench_sandbox_times_a_video_with_every_method(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, graphs: Path) -> None:
    monkeypatch.setenv("MM_HOME", str(with_graphs(tmp_path, graphs)))
    path = write(tmp_path / "video.mp4", Track(steady(25, 10)))
    table = list(sandbox.run([path], 1))
    for method in (sandbox.ALL_LAYERS, sandbox.LIMITS_ALONE, sandbox.NO_CHILD):
        assert sum(f"| video.mp4 | {method} |" in line for line in table) == 1
    assert "of ingest the layers take" in table[-4]
    assert "the layers take" in table[-3]
    assert "video.mp4: a new child takes" in table[-2]
    assert "a fork server starts in" in table[-1]


def test_settings_cannot_disable_sandbox_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader is configured by two settings; the list of layers is not one of them."""
    monkeypatch.setenv("MM_SANDBOX_LAYERS", "limits")
    assert not any("layer" in name for name in Settings.model_fields)
    assert tuple(Sandbox(Settings().sandbox_minimum, Settings().sandbox_allow_known_holes).layers) == LAYERS
