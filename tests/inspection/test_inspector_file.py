"""The file of an inspector."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mm.errors import Corrupt, SpaceMismatch, UnsupportedVersion
from mm.inspection.features.backbone import Backbone
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.inspector_file import METADATA, read_inspector, write_inspector
from tests.inspection.parts import CellBackbone, add_scratch, render_good_images, render_part
from tests.inspection.test_fit import SETTINGS


def load_cells(name: str) -> Backbone:
    assert name == "cells"
    return CellBackbone()


@pytest.fixture(scope="module")
def inspector() -> FittedInspector:
    return fit_inspector(render_good_images(6), "disc", CellBackbone(), replace(SETTINGS, has_rotations=True))


@pytest.fixture
def file(inspector: FittedInspector, tmp_path: Path) -> Path:
    path = tmp_path / "disc.inspector"
    write_inspector(inspector, path)
    return path


def rewrite(path: Path, changes: dict[str, object], tensors: dict[str, np.ndarray] | None = None) -> None:
    """Replace entries of the stored JSON and of the tensors."""
    from safetensors import safe_open

    with safe_open(path, "np") as opened:
        stored = json.loads(opened.metadata()[METADATA])
    save_file({**load_file(path), **(tensors or {})}, path, {METADATA: json.dumps({**stored, **changes})})


def test_read_inspector_gives_the_same_results(inspector: FittedInspector, file: Path) -> None:
    again = read_inspector(file, load_cells)
    assert (again.settings, again.threshold) == (inspector.settings, inspector.threshold)
    image = add_scratch(render_part(50), 40, 30)
    expected, computed = inspector.inspect(image), again.inspect(image)
    np.testing.assert_array_equal(computed.heat_HW, expected.heat_HW)
    assert (computed.score, computed.p_value, computed.verdict) == (expected.score, expected.p_value, expected.verdict)


def test_read_inspector_of_one_image_keeps_an_infinite_threshold(tmp_path: Path) -> None:
    path = tmp_path / "single.inspector"
    write_inspector(fit_inspector(render_good_images(1), "disc", CellBackbone(), SETTINGS), path)
    assert read_inspector(path, load_cells).region_threshold == float("inf")


def test_read_inspector_of_another_format_is_refused(file: Path) -> None:
    rewrite(file, {"format": 4})
    with pytest.raises(UnsupportedVersion, match="format 4"):
        read_inspector(file, load_cells)


def test_read_inspector_of_other_weights_is_refused(file: Path) -> None:
    rewrite(file, {"backbone_digest": "cells-0"})
    with pytest.raises(SpaceMismatch, match="Fit it again"):
        read_inspector(file, load_cells)


@pytest.mark.parametrize(
    ("changes", "tensors"),
    [
        ({"settings": {}}, {}),
        ({"version": None}, {}),
        ({}, {"scores": np.zeros(2)}),
        ({}, {"score_folds": np.full(6, 99, np.int32)}),
        ({}, {"folds": np.zeros(3, np.int32)}),
        ({}, {"scores": np.full(6, np.nan)}),
    ],
)
def test_read_inspector_inconsistent_file_is_corrupt(
    file: Path, changes: dict[str, object], tensors: dict[str, np.ndarray]
) -> None:
    rewrite(file, changes, tensors)
    with pytest.raises(Corrupt, match="no inspector"):
        read_inspector(file, load_cells)


@pytest.mark.parametrize("content", [None, b"", b"text", "half"])
def test_read_inspector_damaged_file_is_corrupt(file: Path, content: bytes | str | None) -> None:
    data = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_bytes(data[: len(data) // 2] if isinstance(content, str) else content)
    with pytest.raises(Corrupt, match="no inspector"):
        read_inspector(file, load_cells)
