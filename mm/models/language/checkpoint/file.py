"""The file of additions: safetensors, with the configurations as JSON in its metadata.

It may be split into several files with an index, see `shards`.

Tensors by name: a rounded matrix is three, `NAME.values` (uint8; two of 4 bits in a byte),
`NAME.codes` (int8) and `NAME.base` (float32); others have the name of the weight. Those of the
media prefix begin with `media_prefix.`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

import mm
from mm.errors import Corrupt, InvalidInput
from mm.files import write_atomic
from mm.models.language.checkpoint.additions import Additions, AdditionsMetadata
from mm.models.language.checkpoint.description import describe, read_description
from mm.models.language.checkpoint.low_rank import DOWN, UP, UPDATE_BITS, LowRankUpdate, list_update_shapes
from mm.models.language.checkpoint.rounding import Bits, BlockFormat, RoundedMatrix, pack_values, round_matrix, unpack_values
from mm.models.language.checkpoint.shards import (
    INDEX_SUFFIX,
    Tensors,
    override_tensors,
    read_file_metadata,
    read_tensors,
    write_shards,
)
from mm.models.language.checkpoint.weight_precisions import (
    EXPERT_BITS,
    PREFIX_BITS,
    PREFIX_MATRICES,
    is_expert,
    is_router,
    is_selection_bias,
    list_added_shapes,
)
from mm.models.language.config import LanguageConfig
from mm.models.language.media_prefix import MediaPrefix, MediaPrefixConfig
from mm.models.language.media_prefix.config import check_prefix_weights, list_prefix_shapes

Float = npt.NDArray[np.float32]

SHIPPED = Path(mm.__file__).parent / "weights" / "language" / f"additions{INDEX_SUFFIX}"
"""The trained weights that are part of the project: the index of their files."""
CARD = SHIPPED.with_name("CARD.md")
"""Their card, where they are shipped."""
PREFIX = "media_prefix."
_VALUES, _CODES, _BASE = ".values", ".codes", ".base"


def write_additions(
    path: Path,
    config: LanguageConfig,
    weights: Mapping[str, Float],
    prefix_config: MediaPrefixConfig,
    prefix_weights: Mapping[str, Float],
    *,
    base_sha256: str,
    training: Mapping[str, object],
    updates: Mapping[str, LowRankUpdate] | None = None,
) -> int:
    """Round and write what training adds; returns the bytes of the file.

    `weights` may be all weights of the model: experts, routers, selection biases and norms are
    selected. `updates` are those of all matrices of the attention. Raises `InvalidInput` for a
    model without experts, matrices that are not whole blocks, numbers that are not finite, and a
    summary of the training that is not JSON; `Corrupt` when weights are missing or have another
    shape.
    """
    if not config.num_experts:
        raise InvalidInput("A model without experts has no additions to write.")
    check_prefix_weights(prefix_config, prefix_weights)
    tensors: Tensors = {}
    for name, shape in list_added_shapes(config).items():
        if name not in weights or weights[name].shape != shape:
            raise Corrupt(f"The weight {name} is missing or has another shape than {shape}.")
        _add_tensor(tensors, name, weights[name], EXPERT_BITS if is_expert(name) else None)
    rank = _find_rank(updates or {})
    for name, shapes in list_update_shapes(config, rank).items():
        update = (updates or {}).get(name)
        if update is None or (update.down_RK.shape, update.up_NR.shape) != shapes:
            raise Corrupt(f"The update of {name} is missing or is not of rank {rank}.")
        _add_tensor(tensors, name + DOWN, update.down_RK, UPDATE_BITS)
        _add_tensor(tensors, name + UP, update.up_NR, UPDATE_BITS)
    for name, weight in prefix_weights.items():
        _add_tensor(tensors, PREFIX + name, weight, PREFIX_BITS if name in PREFIX_MATRICES else None)
    data = save(tensors, describe(config, prefix_config, rank, base_sha256, training, _hash_tensors(tensors)))
    write_atomic(path, data)
    return len(data)


def load_additions(path: Path) -> Additions:
    """Read additions from a file, or from several, of which `path` is the index.

    Raises `Corrupt` when a file is missing, damaged, or another file.
    """
    tensors, stored_metadata = read_tensors(path)
    stored = read_description(path, stored_metadata)
    if _hash_tensors(tensors) != stored.metadata.sha256:
        raise Corrupt(f"{path} is damaged: its tensors do not have the SHA-256 that it states.")
    weights, experts = dict[str, Float](), dict[str, RoundedMatrix]()
    for name, shape in list_added_shapes(stored.config).items():
        if is_expert(name):
            experts[name] = _take_matrix(path, tensors, name, shape, EXPERT_BITS)
        else:
            weights[name] = _take(path, tensors, name, shape).astype(np.float32)
    updates = {
        name: LowRankUpdate(
            _take_matrix(path, tensors, name + DOWN, down, UPDATE_BITS).dequantize(),
            _take_matrix(path, tensors, name + UP, up, UPDATE_BITS).dequantize(),
        )
        for name, (down, up) in list_update_shapes(stored.config, stored.attention_rank).items()
    }
    prefix_weights = {
        name: _take_matrix(path, tensors, PREFIX + name, shape, PREFIX_BITS).dequantize()
        if name in PREFIX_MATRICES
        else _take(path, tensors, PREFIX + name, shape).astype(np.float32)
        for name, shape in list_prefix_shapes(stored.prefix_config).items()
    }
    if tensors:
        raise Corrupt(f"{path} holds the tensor {min(tensors)}, which is not one of the model.")
    prefix = MediaPrefix(stored.prefix_config, prefix_weights)
    return Additions(stored.config, weights, experts, prefix, stored.metadata, updates)


def read_metadata(path: Path) -> AdditionsMetadata:
    """What the file, or an index, says about itself, without its tensors.

    `metadata.sha256` identifies the weights, in however many files. Raises `Corrupt` as
    `load_additions`, except for changed bytes of a tensor, which only that function detects.
    """
    return read_description(path, read_file_metadata(path)).metadata


def split_additions(path: Path, folder: Path, max_bytes: int) -> Path:
    """Write a file of additions as several with an index; returns the path of the index.

    `max_bytes` is as of `write_shards`. Raises as `load_additions` and `write_shards`.
    """
    load_additions(path)
    index = folder / f"{path.name.removesuffix('.safetensors')}{INDEX_SUFFIX}"
    write_shards(index, *read_tensors(path), max_bytes)
    return index


def replace_routing(path: Path, folder: Path, weights: Mapping[str, Float], note: Mapping[str, object]) -> Path:
    """Write additions with other selection biases, and routers, into a folder; returns their path.

    All other tensors stay as they are, bit by bit. The files of an index are copied, and what is
    replaced is a small file beside them, so that a repository stores no large file again. `note` is
    added to the summary of the training as `balance`. Raises as `load_additions`, and
    `InvalidInput` unless `weights` are all biases of the model, with all routers or none.
    """
    additions = load_additions(path)
    biases = {name: weight.shape for name, weight in additions.weights.items() if is_selection_bias(name)}
    routers = {name: weight.shape for name, weight in additions.weights.items() if is_router(name)}
    if {name: weight.shape for name, weight in weights.items()} not in (biases, biases | routers):
        raise InvalidInput(f"The model has {len(biases)} selection biases and routers; other ones were given.")
    tensors, _ = read_tensors(path)
    described = read_description(path, read_file_metadata(path))
    for name, weight in weights.items():
        tensors.pop(name)
        _add_tensor(tensors, name, weight, None)
    training = {**described.metadata.training, "balance": dict(note)}
    sizes = described.config, described.prefix_config, described.attention_rank
    metadata = describe(*sizes, described.metadata.base_sha256, training, _hash_tensors(tensors))
    folder.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(INDEX_SUFFIX):
        shard = f"{path.name.removesuffix(INDEX_SUFFIX)}-routing.safetensors"
        override_tensors(path, folder / path.name, {name: tensors[name] for name in weights}, shard, metadata)
    else:
        write_atomic(folder / path.name, save(tensors, metadata))
    return folder / path.name


def _find_rank(updates: Mapping[str, LowRankUpdate]) -> int:
    """That of any update; 0 without updates."""
    return next((len(update.down_RK) for update in updates.values()), 0)


def _add_tensor(tensors: Tensors, name: str, weight: Float, bits: Bits | None) -> None:
    if bits is not None:
        rounded = round_matrix(weight, BlockFormat.choose(bits, *weight.shape[-2:]))
        tensors[name + _VALUES] = pack_values(rounded.values) if bits == 4 else rounded.values
        tensors[name + _CODES], tensors[name + _BASE] = rounded.codes, np.atleast_1d(rounded.base)
        return
    if not np.isfinite(weight).all():
        raise InvalidInput(f"The weight {name} is not finite.")
    tensors[name] = np.ascontiguousarray(weight, np.float16 if is_router(name) else np.float32)


def _take_matrix(path: Path, tensors: Tensors, name: str, shape: tuple[int, ...], bits: Bits) -> RoundedMatrix:
    num_rows, num_columns = shape[-2:]
    block_format = BlockFormat.choose(bits, num_rows, num_columns)
    packed_shape = (*shape[:-1], num_columns * bits // 8)
    values = _take(path, tensors, name + _VALUES, packed_shape, np.uint8)
    codes_shape = (*shape[:-2], num_rows // block_format.rows, num_columns // block_format.columns)
    codes = _take(path, tensors, name + _CODES, codes_shape, np.int8)
    base = _take(path, tensors, name + _BASE, shape[:-2] or (1,), np.float32).reshape(shape[:-2])
    return RoundedMatrix(block_format, unpack_values(values) if bits == 4 else values, codes, base)


def _take(path: Path, tensors: Tensors, name: str, shape: tuple[int, ...], *types: type[np.generic]) -> npt.NDArray[Any]:
    """Remove and return a tensor of this shape. Raises `Corrupt` without one."""
    tensor = tensors.pop(name, None)
    expected = types or (np.float16, np.float32)
    if tensor is None or tensor.shape != shape or tensor.dtype not in expected:
        found = "is missing" if tensor is None else f"is {tensor.dtype} {tensor.shape}"
        raise Corrupt(f"The tensor {name} of {path} {found}; expected is {np.dtype(expected[-1])} {shape}.")
    return tensor


def _hash_tensors(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + b"\0")
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()
