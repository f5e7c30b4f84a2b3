"""The file of additions: safetensors, with the configurations as JSON in its metadata.

Tensors by name: a rounded matrix is three, `NAME.values` (uint8; two of 4 bits in a byte),
`NAME.codes` (int8) and `NAME.base` (float32); others have the name of the weight. Those of the
media prefix begin with `media_prefix.`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

import mm
from mm.errors import Corrupt, InvalidInput
from mm.files import write_atomic
from mm.models.language.checkpoint.additions import Additions, AdditionsMetadata
from mm.models.language.checkpoint.low_rank import DOWN, UP, UPDATE_BITS, LowRankUpdate, list_update_shapes
from mm.models.language.checkpoint.rounding import Bits, BlockFormat, RoundedMatrix, pack_values, round_matrix, unpack_values
from mm.models.language.checkpoint.weight_precisions import (
    EXPERT_BITS,
    PREFIX_BITS,
    PREFIX_MATRICES,
    is_added,
    is_expert,
    is_router,
)
from mm.models.language.config import LanguageConfig
from mm.models.language.media_prefix import MediaPrefix, MediaPrefixConfig
from mm.models.language.media_prefix.config import check_prefix_weights, list_prefix_shapes
from mm.models.language.weights import list_weight_shapes

Float = npt.NDArray[np.float32]
Tensors = dict[str, npt.NDArray[np.generic]]

SHIPPED = Path(mm.__file__).parent / "weights" / "language" / "additions.safetensors"
"""The trained weights that are part of the project."""
KEY, VERSION = "language_additions", 1
"""The key of the metadata, and the version of what it holds."""
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
    for name, shape in _list_added_shapes(config).items():
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
    data = save(tensors, _describe(config, prefix_config, rank, base_sha256, training, _hash_tensors(tensors)))
    write_atomic(path, data)
    return len(data)


def load_additions(path: Path) -> Additions:
    """Read a file of additions. Raises `Corrupt` when it is missing, damaged, or another file."""
    try:
        with safe_open(path, "numpy") as file:
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            stored = _read_description(path, file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The trained weights of the language model cannot be read from {path}: {error}.") from error
    if _hash_tensors(tensors) != stored.metadata.sha256:
        raise Corrupt(f"{path} is damaged: its tensors do not have the SHA-256 that it states.")
    weights, experts = dict[str, Float](), dict[str, RoundedMatrix]()
    for name, shape in _list_added_shapes(stored.config).items():
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
    """What the file says about itself, without its tensors. Raises `Corrupt` as `load_additions`.

    `metadata.sha256` identifies the weights.
    """
    try:
        with safe_open(path, "numpy") as file:
            return _read_description(path, file.metadata() or {}).metadata
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The trained weights of the language model cannot be read from {path}: {error}.") from error


@dataclass(frozen=True, slots=True)
class _Description:
    config: LanguageConfig
    prefix_config: MediaPrefixConfig
    attention_rank: int
    metadata: AdditionsMetadata


def _describe(
    config: LanguageConfig,
    prefix_config: MediaPrefixConfig,
    rank: int,
    base_sha256: str,
    training: Mapping[str, object],
    digest: str,
) -> dict[str, str]:
    try:
        summary = json.loads(json.dumps(dict(training), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The summary of the training is not JSON: {error}.") from error
    description = {
        "version": VERSION,
        "config": config.to_metadata(),
        "media_prefix": prefix_config.to_metadata(),
        "attention_rank": rank,
        "base_sha256": base_sha256,
        "training": summary,
        "sha256": digest,
    }
    return {KEY: json.dumps(description)}  # one key: safetensors writes several in a random order


def _read_description(path: Path, stored: Mapping[str, str]) -> _Description:
    try:
        described: dict[str, Any] = json.loads(stored[KEY])
        if described["version"] != VERSION:
            raise Corrupt(f"{path} holds trained weights in version {described['version']}; supported is {VERSION}.")
        config = LanguageConfig.from_metadata(described["config"])
        prefix_config = MediaPrefixConfig.from_metadata(described["media_prefix"])
        _require_blocks(config, prefix_config)
        metadata = AdditionsMetadata(described["base_sha256"], described["training"], described["sha256"])
        rank = int(described.get("attention_rank", 0))  # files without updates may lack it
        _require_update_blocks(config, rank)
        return _Description(config, prefix_config, rank, metadata)
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise Corrupt(f"{path} does not describe trained weights of the language model: {error!r}.") from error


def _require_blocks(config: LanguageConfig, prefix_config: MediaPrefixConfig) -> None:
    """Raise `InvalidInput` unless all rounded matrices are whole blocks."""
    shapes = [shape for name, shape in _list_added_shapes(config).items() if is_expert(name)]
    shapes += [shape for name, shape in list_prefix_shapes(prefix_config).items() if name in PREFIX_MATRICES]
    for shape in shapes:
        BlockFormat.choose(EXPERT_BITS, *shape[-2:])


def _require_update_blocks(config: LanguageConfig, rank: int) -> None:
    """Raise `InvalidInput` unless the matrices of updates of this rank are whole blocks."""
    for shapes in list_update_shapes(config, rank).values():
        for shape in shapes:
            BlockFormat.choose(UPDATE_BITS, *shape)


def _find_rank(updates: Mapping[str, LowRankUpdate]) -> int:
    """That of any update; 0 without updates."""
    return next((len(update.down_RK) for update in updates.values()), 0)


def _list_added_shapes(config: LanguageConfig) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in list_weight_shapes(config).items() if is_added(name)}


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
