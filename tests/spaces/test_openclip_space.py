"""Spaces of open_clip models: ids, towers by kind of evidence, and calibration."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from mm.errors import Corrupt, SpaceMismatch, Unavailable
from mm.media.types import RGB, Frame, Span
from mm.settings import Settings
from mm.spaces import Space, SpaceId, load_space
from mm.spaces.calibration import Calibration, Calibrator, ComponentCalibrator
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.openclip_space import OpenClipSpace
from mm.spaces.query import build_query
from mm.spaces.types import Vectors
from tests.openclip_models import CONFIGS, weights_of, write_model
from tests.spaces.fakes import FakeReader, media_file

Embed = Callable[[Sequence[RGB]], Vectors]
PICTURE = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: write_model(root / name, name) for name in CONFIGS}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"), threads=1)


def load(folder: Path, settings: Settings) -> OpenClipSpace:
    space = load_space(f"openclip:local-dir:{folder}", settings)
    assert isinstance(space, OpenClipSpace)
    return space


def test_openclip_space_id_changes_with_every_input_of_its_vectors(
    folders: dict[str, Path], settings: Settings, tmp_path: Path
) -> None:
    ids = {load(folder, settings).id for folder in folders.values()}
    same = shutil.copytree(folders["siglip"], tmp_path / "siglip")
    assert load(same, settings).id in ids
    changed = [shutil.copytree(folders["siglip"], tmp_path / str(number) / "siglip") for number in range(3)]
    tensors = load_file(weights_of(changed[0]))
    save_file({**tensors, "logit_bias": tensors["logit_bias"] + 1}, weights_of(changed[0]))
    config = json.loads((changed[1] / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["resize_mode"] = "shortest"
    (changed[1] / "open_clip_config.json").write_text(json.dumps(config))
    tokenizer = changed[2] / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace("dog", "dig"))
    ids |= {load(folder, settings).id for folder in changed}
    assert len(ids) == len(CONFIGS) + len(changed)
    for space_id in ids:
        assert SpaceId.parse(str(space_id)) == space_id
        assert len(str(space_id)) <= 64, "what the catalog has for it"


def test_openclip_space_id_of_a_long_name_fits_the_catalog(folders: dict[str, Path], settings: Settings, tmp_path: Path) -> None:
    folder = shutil.copytree(folders["plain"], tmp_path / ("Ünusual_Näme." * 8))
    space_id = load(folder, settings).id
    assert SpaceId.parse(str(space_id)) == space_id
    assert len(str(space_id)) <= 64


def test_openclip_space_compares_images_by_its_tower_and_text_by_lite(
    folders: dict[str, Path], settings: Settings, space: Space
) -> None:
    large = load(folders["plain"], settings)
    evidence_queries = {
        evidence_query.kind: evidence_query for evidence_query in build_query(large, text="a red dog").evidence_queries
    }
    lite = {evidence_query.kind: evidence_query for evidence_query in build_query(space, text="a red dog").evidence_queries}
    assert np.array_equal(evidence_queries["picture"].direction, large.text.embed(["a red dog"])[0])
    assert evidence_queries["picture"].weight.shape == (24,)
    for kind in ("speech", "sound", "written", "word", "name"):
        np.testing.assert_allclose(evidence_queries[kind].weight, lite[kind].weight, atol=1e-5)
        assert evidence_queries[kind].bias == pytest.approx(lite[kind].bias, abs=1e-4)
    both = build_query(large, text="a red dog", picture=PICTURE, clip=[PICTURE, PICTURE])
    assert [evidence_query.weight.shape for evidence_query in both.evidence_queries] == [(24,), *[(384,)] * 4, (512,)]
    assert large.sentences.dim == 384
    assert large.dim == 24


def test_openclip_space_image_maps_are_unavailable(folders: dict[str, Path], settings: Settings) -> None:
    with pytest.raises(Unavailable, match="only in the space lite"):
        load(folders["plain"], settings).image_maps  # noqa: B018 (the property loads)


def test_uncalibrated_space_has_a_note_and_no_floor(folders: dict[str, Path], settings: Settings) -> None:
    for name in CONFIGS:
        large = load(folders[name], settings)
        query = build_query(large, text="a dog")
        assert query.floor == 0.0
        assert any("not calibrated" in note and str(large.id) in note for note in query.notes)
        assert "not calibrated" in large.card
        assert large.calibration.image_weights == large.weights_hash


def test_uncalibrated_sigmoid_model_uses_its_own_scale_and_bias(folders: dict[str, Path], settings: Settings) -> None:
    large = load(folders["siglip"], settings)
    stored = load_file(weights_of(folders["siglip"]))
    scale, bias = math.exp(float(stored["logit_scale"])), float(stored["logit_bias"])
    calibrator = large.calibration.find_calibrator("text", "picture")
    assert calibrator is not None
    assert (calibrator.cosine, calibrator.bias) == (pytest.approx(scale, rel=1e-5), pytest.approx(bias))
    (image_vector,) = large.image.embed([PICTURE])
    (evidence_query,) = (
        evidence_query for evidence_query in build_query(large, text="dog").evidence_queries if evidence_query.kind == "picture"
    )
    cosine = float(image_vector @ large.text.embed(["dog"])[0])
    assert float(evidence_query.logits(image_vector[None])[0]) <= scale * cosine + bias + 1e-3, (
        "a text is depictable with a probability of at most 1"
    )


class Still(FakeReader):
    """A video of one shot whose frames hardly differ."""

    def frames(self, path: Path, name: str, span: Span, fps: float, longest: int | None) -> Iterator[Frame]:
        for second in range(9):
            yield Frame(float(second), np.clip(PICTURE.astype(int) + second, 0, 255).astype(np.uint8), False, 0.0)

    def frame_at(self, path: Path, name: str, time: float, *, longest: int | None = None) -> RGB:
        return PICTURE


def test_openclip_space_encodes_every_frame(
    folders: dict[str, Path], settings: Settings, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    for used in (load(folders["plain"], settings), space):
        batches: list[int] = []
        embed = used.image.embed

        def counted(images: Sequence[RGB], embed: Embed = embed, batches: list[int] = batches) -> Vectors:
            batches.append(len(images))
            return embed(images)

        monkeypatch.setattr(used.image, "embed", counted)
        ChunkEncoder(used, Still(), settings).encode(media_file("video", 9.0), Span(0.0, 9.0), lambda _: None)
        assert (sum(batches) == 9) == (used is not space)


def test_build_query_of_a_truncated_text_carries_a_note(folders: dict[str, Path], settings: Settings, space: Space) -> None:
    large = load(folders["plain"], settings)
    assert any("first 12 tokens" in note for note in build_query(large, text="a red dog runs " * 9).notes)
    assert not any("tokens" in note for note in build_query(large, text="a red dog").notes)
    assert any("first 256 tokens" in note for note in build_query(space, text="a red dog runs " * 90).notes)
    assert build_query(space, text="a red dog").notes == ()


def test_openclip_space_with_a_calibration_of_another_space_raises_mismatch(
    folders: dict[str, Path], tmp_path: Path, space: Space
) -> None:
    large = load(folders["plain"], Settings(home=tmp_path, threads=1))
    large.folder.mkdir(parents=True)
    fitted = Calibration(
        space=str(large.id),
        image_weights=large.weights_hash,
        prior=0.02,
        floor=0.2,
        evidence_weight=0.5,
        calibrators=(ComponentCalibrator(component="text", kind="picture", calibrator=Calibrator(bias=-1, cosine=2, z_score=1)),),
    )
    (large.folder / "calibration.json").write_text(fitted.model_copy(update={"space": "lite@1"}).model_dump_json())
    assert not large.is_calibrated, "it holds from the next start"
    settings = Settings(home=tmp_path, threads=1)
    with pytest.raises(SpaceMismatch, match=r"lite@1.*fit it again"):
        _ = load(folders["plain"], settings).calibration
    (large.folder / "calibration.json").write_text(fitted.model_dump_json())
    large = load(folders["plain"], settings)
    assert large.calibration == space.sound_calibration.complete(fitted)
    assert {entry.kind for entry in large.calibration.calibrators} == {"picture", "sound"}
    assert large.notes == ()
    with pytest.raises(Corrupt, match="bank"):
        _ = large.bank


def test_lite_space_does_not_import_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from mm.settings import Settings; from mm.spaces import load_space;"
        "import mm.cli.main, mm.spaces.openclip_space;"
        f"load_space('lite', Settings(home={str(tmp_path)!r})).text.embed(['a']);"
        "sys.exit(bool({'torch', 'open_clip', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
