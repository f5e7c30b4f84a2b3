"""The head on patch vectors, and the lesion network and tracker as methods of evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mm.cli.main import main
from mm.data.inspection.lesions import SequenceFrame
from mm.errors import InvalidInput
from mm.evaluation.inspection import patch_head
from mm.evaluation.inspection.choose_tracking import choose_tracking
from mm.evaluation.inspection.lesion_methods import make_segment, make_track
from mm.evaluation.inspection.patch_head import extract_inputs, fit_patch_head
from mm.inspection.features.backbone import STRIDE
from mm.inspection.features.framing import Framing, extract_patches
from mm.inspection.head.network import NetworkSettings
from mm.lesions.segmentation.weights import serialize_lesions
from tests.data.inspection.folders import write_split
from tests.lesions.fixtures import CONFIG, draw_weights, write_data_set


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands keep their runs."""
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class GreyBackbone:
    """The mean grey value of each patch, and its spread."""

    name, digest = "grey", "grey"

    def extract(self, pixels_NHWC: np.ndarray) -> np.ndarray:
        count, height, width, _ = pixels_NHWC.shape
        grey = pixels_NHWC.mean(3).reshape(count, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
        return np.stack([grey.mean((2, 4)), grey.std((2, 4))], axis=-1).astype(np.float32)


def render_frame(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright square that moves by four pixels a frame, and its mask."""
    image = np.random.default_rng(number).integers(60, 90, (96, 128, 3)).astype(np.uint8)
    mask = np.zeros((96, 128), bool)
    mask[32:64, 16 + 4 * number : 56 + 4 * number] = True
    image[mask] += 100
    return image, mask


def test_make_track_follows_a_region_under_one_identity() -> None:
    head = fit_patch_head([render_frame(0), render_frame(9)], GreyBackbone(), Framing(longest=None))
    frames = [render_frame(number) for number in range(1, 8)]
    tracks = make_track(head)([image for image, _ in frames])
    assert {identity for row in tracks for identity, _ in row} == {1}
    assert [len(row) for row in tracks] == [1] * 7
    for row, (_, mask) in zip(tracks, frames, strict=True):
        found = row[0][1]
        assert (found & mask).sum() / (found | mask).sum() > 0.6


def test_extract_inputs_join_vectors_of_smaller_copies_and_colours() -> None:
    image, _ = render_frame(0)
    inputs = extract_inputs(GreyBackbone(), image)
    assert inputs.shape == (12, 16, 9)
    np.testing.assert_array_equal(inputs[..., :2], extract_patches(GreyBackbone(), image))
    assert np.corrcoef(inputs[..., 0].ravel(), inputs[..., 2].ravel())[0, 1] > 0.8
    np.testing.assert_allclose(inputs[..., 6:].mean(2), inputs[..., 0], atol=1)


def test_choose_tracking_prefers_a_distance_where_the_view_jumps(tmp_path: Path) -> None:
    frames = []
    for number in range(30):
        mask = np.zeros((96, 128), np.uint8)
        left = 10 + 44 * (number % 2)  # the square jumps by more than its width
        mask[32:64, left : left + 32] = 255
        Image.fromarray(mask).save(tmp_path / f"{number}.png")
        path = tmp_path / f"{number}.png"
        frames.append(SequenceFrame(path, str(number // 6), "polyp", (path,), sequence=number // 6, number=number))
    choices = choose_tracking(frames, lambda rows, seed: lambda image: image[..., 0].astype(np.float32) / 255, 1)
    assert choices[0].idf1 == 1
    assert choices[0].settings.max_distance is not None
    assert max(choice.idf1 for choice in choices if choice.settings.max_distance is None) < 1
    with pytest.raises(InvalidInput, match="not enough"):
        choose_tracking(frames[:12], lambda rows, seed: lambda image: image[..., 0], 1)


def test_fit_patch_head_without_marked_patches_raises_invalid_input() -> None:
    image, mask = render_frame(0)
    for frames in ([], [(image, np.zeros_like(mask))], [(image, np.ones_like(mask))]):
        with pytest.raises(InvalidInput, match="no marked patch"):
            fit_patch_head(frames, GreyBackbone(), Framing(longest=None))


def test_make_segment_returns_the_regions_of_the_network(tmp_path: Path) -> None:
    path = tmp_path / "lesions.safetensors"
    path.write_bytes(serialize_lesions(CONFIG, draw_weights(3)))
    image = np.random.default_rng(1).integers(0, 255, (70, 90, 3)).astype(np.uint8)
    marked = make_segment(path, tmp_path)(image)
    assert marked.mask_HW.shape == (70, 90)
    assert len(marked.regions) == len(marked.confidences)
    assert all(region.shape == (70, 90) for region in marked.regions)


def test_eval_bus_bra_and_breast_ultrasound_print_the_notice(tmp_path: Path) -> None:
    weights = tmp_path / "lesions.safetensors"
    weights.write_bytes(serialize_lesions(CONFIG, draw_weights(3)))
    write_data_set(tmp_path / "set", "set", 12, 5)
    arguments = ["eval", "breast_ultrasound", "--root", str(tmp_path / "set"), "--weights", str(weights), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert "Candidate for review, research use, not a diagnosis" in record["of"]
    assert record["measures"][0]["name"] == "Dice of images with a lesion"


def test_eval_cvc_clinicdb_trains_a_head_and_reports_tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_head, "NUM_NETWORKS", 1)
    monkeypatch.setattr(patch_head, "NETWORK", NetworkSettings(hidden=16, epochs=1, min_steps=200))
    items: dict[str, dict[str, object]] = {}
    for number in range(10):
        items[f"{number}.png"] = {
            "group": str(number // 6),
            "mask": f"{number}_mask.png",
            "sequence": number // 6,
            "number": number,
        }
    names = list(items)
    write_split(tmp_path, "supervised", {"train": names[6:], "dev": names[:6]}, items)
    for number in range(10):
        image, mask = render_frame(number)
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / f"{number}_mask.png")
    result = CliRunner().invoke(main, ["eval", "cvc_clinicdb", "--root", str(tmp_path), "--frames", "2", "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["measures"][0]["name"] == "IDF1"
    assert record["measures"][0]["value"] > 0.5
