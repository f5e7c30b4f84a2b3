"""The file of additions: what is written is loaded and merged; damaged and other files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mm.errors import Corrupt, InvalidInput
from mm.files import hash_file
from mm.models.language.checkpoint.fake_quantization import fake_quantize
from mm.models.language.checkpoint.file import load_additions, read_metadata, write_additions
from mm.models.language.checkpoint.low_rank import list_update_shapes
from mm.models.language.checkpoint.rounding import BlockFormat, count_bytes
from mm.models.language.checkpoint.weight_precisions import EXPERT_BITS, PREFIX_BITS, PREFIX_MATRICES, is_expert, is_router
from mm.models.language.config import LanguageConfig
from mm.models.language.media_prefix.config import MediaPrefixConfig, list_prefix_shapes
from mm.models.language.media_prefix.network_torch import MediaPrefixNetwork
from mm.models.language.network_torch import LanguageModel
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, forward
from mm.models.language.weights import check_weights, list_weight_shapes
from tests.models.language.additions_files import PREFIX, SMOLLM2_MOE, get_dense_base, random_updates, write_random_additions
from tests.models.language.media_prefix.prefixes import random_images, random_prefix_weights
from tests.models.language.models import MOE, random_weights

DENSE = random_weights(get_dense_base(MOE), 7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_random_additions(tmp_path / "additions.safetensors")


def count_prefix_bytes(config: MediaPrefixConfig) -> int:
    shapes = list_prefix_shapes(config)
    return sum(count_bytes(shape, 8) if name in PREFIX_MATRICES else 4 * int(np.prod(shape)) for name, shape in shapes.items())


def round_as_trained(name: str, weight: np.ndarray) -> np.ndarray:
    """A weight as training computes with it."""
    if is_router(name):
        return weight.astype(np.float16).astype(np.float32)
    if not is_expert(name) and name not in PREFIX_MATRICES:
        return weight
    block_format = BlockFormat.choose(EXPERT_BITS if is_expert(name) else PREFIX_BITS, *weight.shape[-2:])
    return fake_quantize(torch.from_numpy(weight), block_format).numpy()


def rewrite(path: Path, changes: dict[str, np.ndarray], **metadata: object) -> None:
    """Change tensors or metadata, and leave the checksum as it was."""
    with safe_open(path, "numpy") as file:
        described = json.loads((file.metadata() or {})["language_additions"])
    save_file(load_file(path) | changes, path, {"language_additions": json.dumps(described | metadata)})


def test_merged_additions_give_the_logits_of_the_model_in_training(path: Path) -> None:
    """The file, read by NumPy, equals torch with rounded weights over the same dense model."""
    additions = load_additions(path)
    merged = additions.merge(DENSE)
    check_weights(MOE, merged)
    trained = random_weights(MOE) | {
        name: DENSE[name.replace("mlp.shared_experts.", "mlp.")]
        for name in list_weight_shapes(MOE)
        if name.replace("mlp.shared_experts.", "mlp.") in DENSE and not name.endswith("norm.weight")
    }
    model = LanguageModel.from_weights(MOE, {name: round_as_trained(name, weight) for name, weight in trained.items()})
    prefix_weights = {name: round_as_trained(name, weight) for name, weight in random_prefix_weights(PREFIX).items()}
    prefix = MediaPrefixNetwork.from_weights(PREFIX, prefix_weights)
    image = random_images(PREFIX, 1)[0]
    embeddings = additions.prefix.embed_image(image.map_HWC, image.vector_D)
    with torch.inference_mode():
        maps, vectors = torch.from_numpy(image.map_HWC[None]), torch.from_numpy(image.vector_D[None])
        in_training = prefix.eval()(maps, vectors)
        np.testing.assert_allclose(in_training[0], embeddings, atol=2e-5)
        logits = model.compute_logits(model(in_training).hidden_BLW)[0].numpy()
    output = forward(MOE, merged, embeddings, KVCache.allocate(MOE, len(embeddings)))
    np.testing.assert_allclose(compute_logits(merged, output.hidden_LW), logits, atol=2e-3, rtol=1e-3)


def test_additions_keep_their_metadata_and_integers(path: Path) -> None:
    additions = load_additions(path)
    assert (additions.config, additions.prefix.config) == (MOE, PREFIX)
    assert additions.metadata.training == {"steps": 3}
    assert len(additions.metadata.sha256) == 64
    assert read_metadata(path) == additions.metadata
    for name, matrix in additions.experts.items():
        np.testing.assert_array_equal(matrix.values, matrix.values.astype(np.uint8) & 15)
        assert matrix.compute_scales().shape == (*matrix.values.shape[:2], matrix.values.shape[2] // matrix.format.columns)
        assert name.startswith("model.layers.")
    assert {name for name in additions.weights if name.endswith("norm.weight")} == {
        name for name in list_weight_shapes(MOE) if name.endswith("norm.weight")
    }


def test_written_bytes_are_the_same_for_the_same_weights(path: Path, tmp_path: Path) -> None:
    assert write_random_additions(tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("width", "layers", "rank", "prefix"),
    [
        (16, 10, 0, MediaPrefixConfig(map_hidden_size=960)),
        (8, 14, 32, MediaPrefixConfig()),
        (8, 18, 0, MediaPrefixConfig()),
        (8, 20, 0, MediaPrefixConfig(map_hidden_size=512, vector_hidden_size=288)),
    ],
    ids=["w16 x 10", "w8 x 14, rank 32", "w8 x 18", "w8 x 20"],
)
def test_additions_of_each_size_take_less_than_24_mb(width: int, layers: int, rank: int, prefix: MediaPrefixConfig) -> None:
    config = replace(SMOLLM2_MOE, moe_intermediate_size=width, first_k_dense_replace=30 - layers)
    experts = count_bytes((128, 2 * width, 576), 4) + count_bytes((128, 576, width), 4)
    router, norms = 130 * 576 * 2 + 130 * 4, 61 * 576 * 4
    updates = sum(count_bytes(shape, 8) for shapes in list_update_shapes(config, rank).values() for shape in shapes)
    assert layers * (experts + router) + norms + updates + count_prefix_bytes(prefix) < 23.9e6
    assert sum(config.is_moe_layer(layer) for layer in range(30)) == layers


def test_size_of_a_file_is_that_of_its_rounded_matrices(tmp_path: Path) -> None:
    path = write_random_additions(tmp_path / "smollm2.safetensors", SMOLLM2_MOE, MediaPrefixConfig())
    experts = 2 * (count_bytes((128, 16, 576), 4) + count_bytes((128, 576, 8), 4))
    others = 2 * 130 * (576 * 2 + 4) + 61 * 576 * 4 + count_prefix_bytes(MediaPrefixConfig())
    assert 0 < path.stat().st_size - experts - others < 20_000  # the names of the tensors


def test_updates_of_the_attention_are_rounded_to_8_bits_and_merged(tmp_path: Path) -> None:
    additions = load_additions(write_random_additions(tmp_path / "updates.safetensors", rank=4))
    merged = additions.merge(DENSE)
    check_weights(MOE, merged)
    for name, update in random_updates(MOE, 4).items():
        assert ".self_attn." in name
        stored = additions.updates[name]
        for given, kept in ((update.down_RK, stored.down_RK), (update.up_NR, stored.up_NR)):
            rounded = fake_quantize(torch.from_numpy(given), BlockFormat.choose(8, *given.shape)).numpy()
            np.testing.assert_array_equal(kept, rounded)
        np.testing.assert_allclose(merged[name], DENSE[name] + stored.up_NR @ stored.down_RK, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(merged[name], DENSE[name] + update.compute(), atol=5e-3)
    assert len(additions.updates) == 4 * MOE.num_hidden_layers


def test_updates_of_some_matrices_only_are_corrupt(tmp_path: Path) -> None:
    updates = random_updates(MOE, 4)
    updates.popitem()
    with pytest.raises(Corrupt, match=r"o_proj\.weight is missing or is not of rank 4"):
        write_additions(
            tmp_path / "some.safetensors",
            MOE,
            random_weights(MOE),
            PREFIX,
            random_prefix_weights(PREFIX),
            base_sha256="0" * 64,
            training={},
            updates=updates,
        )


def test_additions_of_another_base_model_are_refused(path: Path, tmp_path: Path) -> None:
    gguf = tmp_path / "base.gguf"
    gguf.write_bytes(b"weights")
    with pytest.raises(Corrupt, match=r"belong to a base model .* 000000000000, not to base\.gguf"):
        load_additions(path).require_base(gguf)
    own = write_random_additions(tmp_path / "own.safetensors", base_sha256=hash_file(gguf))
    load_additions(own).require_base(gguf)
    with pytest.raises(Corrupt, match=r"has no weight model\.embed_tokens"):
        load_additions(path).merge({})


def test_damaged_and_other_files_are_corrupt(path: Path) -> None:
    whole, router = path.read_bytes(), "model.layers.1.mlp.gate.weight"

    def expect(message: str, data: bytes | None = None) -> None:
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(Corrupt, match=message):
            load_additions(path)
        if message != "damaged":
            with pytest.raises(Corrupt, match=message):
                read_metadata(path)
        path.write_bytes(whole)

    expect("cannot be read", whole[: len(whole) // 2])
    expect("cannot be read", b"")
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    expect("damaged", bytes(flipped))
    rewrite(path, {}, version=2)
    expect("in version 2; supported is 1")
    rewrite(path, {}, config={"hidden_size": 0})
    expect("does not describe trained weights")
    rewrite(path, {}, config={"unknown": 1})
    expect("does not describe trained weights")
    rewrite(path, {router: load_file(path)[router] + np.float16(1)})
    expect("damaged")
    path.unlink()
    expect("cannot be read")


def test_file_with_other_tensors_than_its_config_is_corrupt(path: Path) -> None:
    for changed, message in [
        (replace(MOE, moe_intermediate_size=16), "is uint8"),
        (replace(MOE, num_hidden_layers=2), "not one of the model"),
        (replace(MOE, num_hidden_layers=4), "is missing"),
        (replace(MOE, moe_intermediate_size=7), "not whole blocks of 32"),
    ]:
        rewrite(path, {}, config=changed.to_metadata())
        with pytest.raises(Corrupt, match=message):
            load_additions(path)


def test_invalid_weights_are_not_written(tmp_path: Path) -> None:
    path, weights, prefix = tmp_path / "new.safetensors", random_weights(MOE), random_prefix_weights(PREFIX)

    def write(
        config: LanguageConfig = MOE,
        weights: dict[str, np.ndarray] = weights,
        prefix: dict[str, np.ndarray] = prefix,
        training: dict[str, object] | None = None,
    ) -> None:
        write_additions(path, config, weights, PREFIX, prefix, base_sha256="0" * 64, training=training or {})

    router = "model.layers.1.mlp.gate.weight"
    with pytest.raises(InvalidInput, match="without experts"):
        write(get_dense_base(MOE))
    with pytest.raises(InvalidInput, match="not finite"):
        write(weights=weights | {router: weights[router] * np.float32(np.nan)})
    with pytest.raises(Corrupt, match=r"gate\.weight is missing or has another shape"):
        write(weights={name: value for name, value in weights.items() if name != router})
    with pytest.raises(Corrupt, match="gain is missing"):
        write(prefix={name: value for name, value in prefix.items() if name != "gain"})
    with pytest.raises(InvalidInput, match="not JSON"):
        write(training={"loss": float("nan")})
    assert not path.exists()
