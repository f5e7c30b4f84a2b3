"""Files of inspectors of every mode, and the store that holds them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mm.errors import Corrupt, InvalidInput, UnsupportedVersion
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector_file import METADATA, AnyInspector, read_inspector, require_patches, write_inspector
from mm.inspection.logical.fit import fit_logical
from mm.inspection.settings import FitSettings
from mm.inspection.store import InspectorStore
from mm.inspection.summary import read_summary
from mm.inspection.template.fit import fit_template
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.thresholds.statement import describe_threshold
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from tests.inspection.logical.scenes import parse_scene_regions, render_good_scenes, render_scene
from tests.inspection.logical.test_logical_inspector import SETTINGS
from tests.inspection.parts import CellBackbone, render_good_images, render_part
from tests.inspection.template.boards import DEFECTS, render_board

MODES = ("patches", "template", "print", "logical")


def fit(mode: str) -> tuple[AnyInspector, RGB]:
    """An inspector, and an image that it can inspect."""
    if mode == "logical":
        scene = render_scene(9, has_chip=False)
        return fit_logical(render_good_scenes(20), mode, parse_scene_regions(), CellBackbone(), SETTINGS), scene
    if mode in ("template", "print"):
        goods = [GoodImage(render_board(seed), f"board {seed}") for seed in range(3)]
        settings = TemplateSettings(conductor="dark" if mode == "template" else None)
        return fit_template(goods, mode, settings), render_board(7, DEFECTS["short"])
    return fit_inspector(render_good_images(4), mode, CellBackbone(), FitSettings(backbone="cells")), render_part(9)


def rewrite(path: Path, changes: dict[str, object], tensors: dict[str, np.ndarray] | None = None) -> None:
    with safe_open(path, "np") as opened:
        stored = json.loads(opened.metadata()[METADATA])
    save_file({**load_file(path), **(tensors or {})}, path, {METADATA: json.dumps({**stored, **changes})})


@pytest.mark.parametrize("mode", MODES)
def test_store_gives_an_inspector_of_any_mode_back_with_the_same_results(mode: str, tmp_path: Path) -> None:
    inspector, image = fit(mode)
    store = InspectorStore(tmp_path)
    stored = store.add(inspector)
    loaded = store.load(mode, lambda name: CellBackbone())
    assert (type(loaded), loaded.mode, loaded.version) == (type(inspector), inspector.mode, stored.version)
    result, expected = loaded.inspect(image), stored.inspect(image)
    assert (result.score, result.p_value, result.verdict, result.notes) == (
        expected.score, expected.p_value, expected.verdict, expected.notes,
    )  # fmt: skip
    assert [region.kind for region in result.regions] == [region.kind for region in expected.regions]
    np.testing.assert_array_equal(result.heat_HW, expected.heat_HW)
    assert loaded.threshold == stored.threshold
    summary = read_summary(tmp_path / "inspectors" / mode / "1.inspector")
    assert summary.mode == inspector.mode
    assert describe_threshold(summary.threshold) == describe_threshold(loaded.threshold)


def test_read_inspector_file_without_a_type_is_of_patches(tmp_path: Path) -> None:
    inspector, _ = fit("patches")
    path = tmp_path / "disc.inspector"
    write_inspector(inspector, path)
    with safe_open(path, "np") as opened:
        stored = json.loads(opened.metadata()[METADATA])
    assert stored["format"] == 1
    stored.pop("type")
    save_file(load_file(path), path, {METADATA: json.dumps(stored)})
    assert require_patches(read_inspector(path, lambda name: CellBackbone())).name == "patches"


def test_read_inspector_of_an_unknown_type_or_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "board.inspector"
    write_inspector(fit("template")[0], path)
    rewrite(path, {"type": "psychic"})
    with pytest.raises(UnsupportedVersion, match="type 'psychic'"):
        read_inspector(path, lambda name: CellBackbone())
    rewrite(path, {"type": "template", "format": 9})
    with pytest.raises(UnsupportedVersion, match="format 9"):
        read_inspector(path, lambda name: CellBackbone())


@pytest.mark.parametrize(
    ("mode", "tensors"),
    [
        ("template", {"low": np.zeros((4, 4, 1), np.uint8)}),
        ("template", {"scores": np.array([np.nan, 0, 0])}),
        ("logical", {"scores": np.zeros(3)}),
        ("logical", {"vectors.0": np.full((2, 6), np.inf, np.float16), "folds.0": np.array([0, 1], np.int32)}),
    ],
)
def test_read_inspector_with_damaged_arrays_is_corrupt(mode: str, tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "a.inspector"
    write_inspector(fit(mode)[0], path)
    rewrite(path, {}, tensors)
    with pytest.raises(Corrupt):
        read_inspector(path, lambda name: CellBackbone())


def test_require_patches_refuses_another_mode() -> None:
    with pytest.raises(InvalidInput, match="of the type 'template'"):
        require_patches(fit("template")[0])
