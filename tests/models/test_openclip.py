"""The towers of open_clip models: equal to open_clip, and invalid models are refused."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from mm.errors import Corrupt, InvalidInput, MMError, NotFound, Unavailable
from mm.models.openclip.files import find_model
from mm.models.openclip.model import BATCH, OpenClipImageTower, OpenClipModel, OpenClipTextTower
from mm.models.openclip.weights import read_tensors
from tests.openclip_models import CONFIGS, weights_of, write_model

TEXTS = ["a red dog", "THE Cat sleeps, on grass!", "", "a dog " * 40, "broken \ud800 word"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: write_model(root / name, name) for name in CONFIGS}


@pytest.fixture
def copy(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the folder of the plain model, which a test may change."""
    return shutil.copytree(folders["plain"], tmp_path / "copy")


def load(folder: Path) -> OpenClipModel:
    return OpenClipModel(find_model(f"local-dir:{folder}"), device="cpu")


def make_images(count: int = 3) -> list[np.ndarray]:
    """Wide, tall and small images."""
    draw = np.random.default_rng(5)
    sizes = [(40, 90), (120, 33), (8, 8)]
    return [draw.integers(0, 256, (*sizes[index % 3], 3), dtype=np.uint8) for index in range(count)]


@pytest.mark.parametrize("name", CONFIGS)
def test_openclip_towers_equal_open_clip(folders: dict[str, Path], name: str) -> None:
    source = f"local-dir:{folders[name]}"
    reference, _, prepare = open_clip.create_model_and_transforms(source)
    reference.eval()
    model = load(folders[name])
    with torch.inference_mode():
        images = torch.stack([prepare(Image.fromarray(image)) for image in make_images()])
        image_vectors = reference.encode_image(images, normalize=True).numpy()
        tokens = open_clip.get_tokenizer(source)([text.encode("utf-8", "replace").decode() for text in TEXTS])
        text_vectors = reference.encode_text(tokens, normalize=True).numpy()
    towers = OpenClipImageTower(model), OpenClipTextTower(model)
    assert np.array_equal(towers[0].embed(make_images()), image_vectors)
    assert np.array_equal(towers[1].embed(TEXTS), text_vectors)
    assert np.abs(image_vectors[0] - image_vectors[1]).max() > 1e-3
    assert np.abs(text_vectors[0] - text_vectors[1]).max() > 1e-4
    config = CONFIGS[name]["model_cfg"]
    assert towers[0].size == config["vision_cfg"]["image_size"]
    assert towers[0].dim == towers[1].dim == model.dim == config["embed_dim"] == image_vectors.shape[1]
    assert ("QuickGELU" in model.describe()) == (name == "quick")


def test_openclip_vectors_do_not_depend_on_the_batch(folders: dict[str, Path]) -> None:
    tower = OpenClipImageTower(load(folders["plain"]))
    many = make_images(2 * BATCH + 3)
    one_by_one = np.concatenate([tower.embed([image]) for image in many])
    np.testing.assert_allclose(tower.embed(many), one_by_one, atol=1e-6)
    assert tower.embed([]).shape == (0, 24)


@pytest.mark.parametrize("name", CONFIGS)
def test_openclip_half_precision_is_close_to_float32(folders: dict[str, Path], name: str) -> None:
    files = find_model(f"local-dir:{folders[name]}")
    half, full = (OpenClipModel(files, device="cpu", half=is_half) for is_half in (True, False))
    assert {parameter.dtype for parameter in half.module.parameters()} == {torch.float16}
    assert "float16" in half.describe()
    for tower, inputs in ((OpenClipImageTower, make_images()), (OpenClipTextTower, TEXTS)):
        vectors, exact = tower(half).embed(inputs), tower(full).embed(inputs)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
        assert (vectors * exact).sum(1).min() > 0.9999


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_openclip_image_tower_invalid_array_is_refused(folders: dict[str, Path], bad: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="uint8"):
        OpenClipImageTower(load(folders["plain"])).embed([bad])


def test_openclip_scale_and_bias_are_those_of_the_checkpoint(folders: dict[str, Path]) -> None:
    stored = load_file(weights_of(folders["siglip"]))
    model = load(folders["siglip"])
    assert model.bias == pytest.approx(float(stored["logit_bias"]))
    assert model.scale == pytest.approx(float(stored["logit_scale"].exp()))
    assert load(folders["plain"]).bias is None


def test_openclip_truncation_limit_of_a_long_text_is_the_context_length(folders: dict[str, Path]) -> None:
    for name in CONFIGS:
        tower = OpenClipTextTower(load(folders[name]))
        assert tower.max_tokens == 12
        assert tower.truncation_limit("a dog " * 20) == 12
        assert tower.truncation_limit("a red dog") is None
        assert tower.count_tokens(["a dog", "a dog " * 20])[1] == 12
        assert tower.count_tokens(["a dog"])[0] < 6


def test_openclip_text_tower_is_thread_safe(folders: dict[str, Path]) -> None:
    tower = OpenClipTextTower(load(folders["siglip"]))
    texts = [["a dog " * (1 + number % 9), "cat"] for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda batch: (tower.embed(batch), tower.count_tokens(batch)), texts))
    for batch, (vectors, counts) in zip(texts, counted, strict=True):
        np.testing.assert_allclose(vectors, tower.embed(batch), atol=1e-6)
        assert counts == tower.count_tokens(batch)


def test_find_model_of_a_file_uses_the_preprocessing_of_its_architecture(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.touch()
    squeezed = find_model(f"ViT-B-16-SigLIP/{file}").preprocess
    assert (squeezed["mean"], squeezed["resize_mode"]) == ((0.5, 0.5, 0.5), "squash")
    assert find_model(f"ViT-B-32/{file}").preprocess["resize_mode"] == "shortest"
    assert find_model(f"ViT-L-14/{file}").preprocess == {}, "its known weights differ"


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


@pytest.mark.parametrize("legacy", [False, True])
def test_read_tensors_pickle_with_code_is_refused_and_not_run(tmp_path: Path, legacy: bool) -> None:
    trap, file = tmp_path / "was-run", tmp_path / "weights.pt"
    if legacy:
        file.write_bytes(pickle.dumps({"a": Bomb(trap)}, protocol=2))
    else:
        torch.save({"state_dict": {"a": torch.zeros(1)}, "more": Bomb(trap)}, file)
    with pytest.raises(InvalidInput, match=r"weights\.pt is refused.*run code"):
        read_tensors(file)
    assert not trap.exists()


def test_read_tensors_torchscript_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scripted.pt"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(file))
    with pytest.raises(InvalidInput, match="refused"):
        read_tensors(file)


def test_openclip_training_checkpoint_is_read(folders: dict[str, Path], copy: Path) -> None:
    tensors = load_file(weights_of(copy))
    weights_of(copy).unlink()
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in tensors.items()}},
        copy / "open_clip_pytorch_model.bin",
    )
    vectors = OpenClipImageTower(load(copy)).embed(make_images())
    assert np.array_equal(vectors, OpenClipImageTower(load(folders["plain"])).embed(make_images()))


def test_openclip_checkpoint_that_does_not_fit_is_described(copy: Path) -> None:
    whole = load_file(weights_of(copy))
    positions = whole["visual.positional_embedding"]
    broken = {
        r"lacks ln_final\.weight": {key: value for key, value in whole.items() if key != "ln_final.weight"},
        "has in addition logit_bias": {
            **whole,
            "logit_bias": torch.zeros(()),
        },  # a sigmoid loss where the configuration has a softmax
        r"visual\.positional_embedding as \(26, 32\).*\(17, 32\)": {
            **whole,
            "visual.positional_embedding": torch.cat([positions, positions[:9]]),
        },
        "not finite, in logit_scale": {**whole, "logit_scale": torch.tensor(float("nan"))},
    }
    for message, tensors in broken.items():
        save_file(tensors, weights_of(copy))
        with pytest.raises(Corrupt, match=message):
            load(copy)


def test_openclip_siglip_checkpoint_without_bias_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["siglip"], tmp_path / "siglip")
    save_file({key: value for key, value in load_file(weights_of(folder)).items() if key != "logit_bias"}, weights_of(folder))
    with pytest.raises(Corrupt, match="lacks logit_bias"):
        load(folder)


DAMAGED = [("a.safetensors", b"x"), ("a.pt", b""), ("a.bin", b"PK\x03\x04 no"), ("a.pt", b"\x80\x02]q\x00.")]


@pytest.mark.parametrize(("name", "content"), DAMAGED)
def test_read_tensors_damaged_checkpoint_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MMError, match=name.replace(".", r"\.")):
        read_tensors(tmp_path / name)


def test_read_tensors_unsupported_suffix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(InvalidInput, match="unsupported suffix"):
        read_tensors(tmp_path / "a.npz")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a network connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("ViT-B-32/laion2b_s34b_b79k", Unavailable, "downloads are disabled.*MM_DOWNLOAD_MODELS"),
        ("hf-hub:nobody/nothing", Unavailable, "downloads are disabled.*MM_DOWNLOAD_MODELS"),
        ("ViT-B-32/openai", InvalidInput, "QuickGELU.*openclip:ViT-B-32-quickgelu/openai"),
        ("ViT-B-32-quickgelu/no_such_tag", NotFound, "known are openai"),
        ("ViT-B-32//nowhere/x.safetensors", NotFound, "no weights file /nowhere/x.safetensors"),
        ("ViT-B-32/x.safetensors", NotFound, "absolute path"),
        ("ViT-Z-99/openai", NotFound, "no model 'ViT-Z-99'"),
        ("ViT-B-32", InvalidInput, "openclip:MODEL/PRETRAINED"),
        ("local-dir:here", InvalidInput, "must be absolute"),
        ("local-dir:/nowhere", InvalidInput, r"/nowhere/open_clip_config\.json"),
    ],
)
def test_find_model_invalid_or_missing_model_is_refused(name: str, error: type[MMError], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        find_model(name)
    assert "\n" not in str(raised.value)


def test_find_model_suggested_quickgelu_model_exists() -> None:
    for model, tag in open_clip.list_pretrained():
        trained, has = (
            bool(cfg.get("quick_gelu")) for cfg in (open_clip.get_pretrained_cfg(model, tag), open_clip.get_model_config(model))
        )
        if trained and not has:
            assert open_clip.get_pretrained_cfg(f"{model}-quickgelu", tag)
            assert open_clip.get_model_config(f"{model}-quickgelu")["quick_gelu"]


def test_find_model_with_a_path_builds_the_named_architecture(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = {"tiny": CONFIGS["plain"]["model_cfg"], "tiny-quickgelu": CONFIGS["quick"]["model_cfg"]}
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", registered)
    weights = weights_of(folders["plain"])
    plain, quick = (OpenClipModel(find_model(f"{name}/{weights}"), device="cpu") for name in registered)
    expected = OpenClipImageTower(load(folders["plain"])).embed(make_images())
    assert np.array_equal(OpenClipImageTower(plain).embed(make_images()), expected)
    assert np.abs(OpenClipImageTower(quick).embed(make_images()) - expected).max() > 1e-4


def test_find_model_without_open_clip_names_the_lock_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"torch and open_clip.*requirements-train\.lock"):
        find_model("ViT-B-32/openai")


def test_openclip_tokenizer_with_remote_code_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["siglip"], tmp_path / "siglip")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["trust_remote_code"] = True
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match="contains code"):
        load(folder)


@pytest.mark.usefixtures("no_network")
def test_openclip_missing_tokenizer_is_unavailable(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["siglip"], tmp_path / "siglip", ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(Unavailable, match=r"tokenizer .* cannot be loaded"):
        load(folder)


def test_openclip_invalid_configuration_is_refused(copy: Path) -> None:
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["no_such_field"] = 1
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match="no_such_field"):
        load(copy)
