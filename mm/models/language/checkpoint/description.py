"""What a file of additions says about itself: JSON in the metadata of safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mm.errors import Corrupt, InvalidInput
from mm.models.language.checkpoint.additions import AdditionsMetadata
from mm.models.language.checkpoint.low_rank import UPDATE_BITS, list_update_shapes
from mm.models.language.checkpoint.rounding import BlockFormat
from mm.models.language.checkpoint.shards import INDEX_SUFFIX
from mm.models.language.checkpoint.weight_precisions import EXPERT_BITS, PREFIX_MATRICES, is_expert, list_added_shapes
from mm.models.language.config import LanguageConfig
from mm.models.language.media_prefix.config import MediaPrefixConfig, list_prefix_shapes

KEY, VERSION = "language_additions", 1
"""The key of the metadata, and the version of what it holds."""


@dataclass(frozen=True, slots=True)
class Description:
    """Which tensors a file of additions has, and what it says of their training."""

    config: LanguageConfig
    prefix_config: MediaPrefixConfig
    attention_rank: int
    metadata: AdditionsMetadata


def describe(
    config: LanguageConfig,
    prefix_config: MediaPrefixConfig,
    rank: int,
    base_sha256: str,
    training: Mapping[str, object],
    digest: str,
) -> dict[str, str]:
    """The metadata of a file; `digest` is the SHA-256 of its tensors.

    Raises `InvalidInput` for a summary of the training that is not JSON.
    """
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


def read_description(path: Path, stored: Mapping[str, str]) -> Description:
    """The description in the metadata of the file `path`. Raises `Corrupt` when it is not valid."""
    if KEY not in stored:
        raise Corrupt(
            f"{path} does not describe trained weights of the language model. "
            f"Of weights in several files, name the file that ends in {INDEX_SUFFIX}."
        )
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
        return Description(config, prefix_config, rank, metadata)
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise Corrupt(f"{path} does not describe trained weights of the language model: {error!r}.") from error


def _require_blocks(config: LanguageConfig, prefix_config: MediaPrefixConfig) -> None:
    """Raise `InvalidInput` unless all rounded matrices are whole blocks."""
    shapes = [shape for name, shape in list_added_shapes(config).items() if is_expert(name)]
    shapes += [shape for name, shape in list_prefix_shapes(prefix_config).items() if name in PREFIX_MATRICES]
    for shape in shapes:
        BlockFormat.choose(EXPERT_BITS, *shape[-2:])


def _require_update_blocks(config: LanguageConfig, rank: int) -> None:
    """Raise `InvalidInput` unless the matrices of updates of this rank are whole blocks."""
    for shapes in list_update_shapes(config, rank).values():
        for shape in shapes:
            BlockFormat.choose(UPDATE_BITS, *shape)
