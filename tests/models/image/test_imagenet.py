"""The ImageNet weights of the backbone."""

from __future__ import annotations

import importlib.util
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mm.data.sentences import imagenet_class_sentences
from mm.errors import Corrupt
from mm.models.image.efficientnet_lite_torch import ImageEncoder, load_imagenet_weights
from mm.models.image.imagenet import MAGIC, View, find_imagenet_weights, read_imagenet_weights
from mm.models.image.preprocess import resize_image
from mm.training.align.initialization import build_imagenet_encoder
from mm.training.checkpoint import load_encoder, write_encoder

PHOTOS = {"chelsea.png": "cat", "coffee.png": "espresso", "rocket.jpg": "missile"}


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    return build_imagenet_encoder(torch.eye(1000, 384), 0.0).eval()


def pixels(name: str) -> torch.Tensor:
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    with Image.open(Path(spec.origin).parent / "data" / name) as image:
        return torch.from_numpy(np.array(resize_image(np.asarray(image.convert("RGB")), 260))).permute(2, 0, 1)[None].float()


def test_load_imagenet_weights_has_all_backbone_tensors() -> None:
    backbone, weight_KC, bias_K = load_imagenet_weights()
    expected = {name for name in ImageEncoder().state_dict() if name.startswith(("stem.", "blocks.", "top."))}
    assert backbone.keys() == expected
    assert (weight_KC.shape, bias_K.shape) == ((1000, 1280), (1000,))


def test_read_imagenet_weights_equals_torch() -> None:
    backbone, weight_KC, bias_K = load_imagenet_weights()
    tensors = read_imagenet_weights(find_imagenet_weights())
    expected = {**backbone, "classes.weight": weight_KC, "classes.bias": bias_K}
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(tensors[name].astype(np.float32), tensor.numpy(), err_msg=name)


class Malicious:
    """An object whose pickle runs a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("false",)


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(MAGIC), pickle.dumps(Malicious())])
def test_read_imagenet_weights_other_files_are_corrupt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(Corrupt, match="does not hold the ImageNet weights"):
        read_imagenet_weights(path)


def test_read_imagenet_weights_truncated_file_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(find_imagenet_weights().read_bytes()[:1_000_000])
    with pytest.raises(Corrupt):
        read_imagenet_weights(path)


def test_read_imagenet_weights_tensor_beyond_its_storage_is_corrupt() -> None:
    with pytest.raises(ValueError, match="beyond its storage"):
        View("0", "FloatStorage", 2, (2, 2), (2, 1)).read(np.zeros(5, np.float32))


@pytest.mark.parametrize(("name", "word"), PHOTOS.items())
def test_imagenet_encoder_classifies_photos(encoder: ImageEncoder, name: str, word: str) -> None:
    sentences = imagenet_class_sentences()
    with torch.inference_mode():
        logits_K = encoder.project(encoder.features(pixels(name)))[1][0]
    best = [sentences[index] for index in logits_K.topk(3).indices]
    assert any(word in sentence for sentence in best), best


def test_imagenet_class_sentences_has_one_sentence_a_class() -> None:
    sentences = imagenet_class_sentences()
    assert len(sentences) == 1000
    assert sentences[0] == "a photo of a tench."


def test_checkpoint_in_half_precision_keeps_vectors(encoder: ImageEncoder, tmp_path: Path) -> None:
    path = tmp_path / "image.safetensors"
    write_encoder(path, encoder.state_dict(), 260)
    image = pixels("chelsea.png")
    with torch.inference_mode():
        cosine = (load_encoder(path)(image) * encoder(image)).sum()
    assert cosine > 0.9999
