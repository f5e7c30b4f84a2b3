"""Finds the model that writes captions, without loading it or what runs it.

The main process of a worker imports this module; ONNX Runtime and the tokenizer are imported by the
process that loads the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.models.language.checkpoint.file import SHIPPED, read_metadata
from mm.models.language.smollm2 import BUILTIN

if TYPE_CHECKING:
    from pathlib import Path

    from mm.generation.caption_ranking import CaptionRanking
    from mm.generation.captioner import ImageCaptioner
    from mm.settings import Settings

DIGITS = 16
"""Of the digest of the trained weights in the version."""


@dataclass(frozen=True, slots=True)
class CaptionModel:
    """A model that writes captions, loaded when it is needed."""

    version: str
    """At most 64 characters; captions of another version are written again."""
    load: Callable[[CaptionRanking | None], ImageCaptioner]
    """Takes the ranking of candidates, None for the most probable one.

    Raises `Unavailable` when a package is missing, `Corrupt` when its files cannot be read."""


def find_caption_model(settings: Settings, additions: Path = SHIPPED) -> CaptionModel | None:
    """The model that writes captions; None with MM_CAPTIONS=off, and without trained weights.

    Raises `Corrupt` when their file cannot be read.
    """
    if settings.captions == "off" or not additions.is_file():
        return None
    version = f"{BUILTIN}@{read_metadata(additions).sha256[:DIGITS]}"

    def load(ranking: CaptionRanking | None) -> ImageCaptioner:
        from mm.generation.builtin_captioner import load_captioner

        return load_captioner(settings, additions, ranking=ranking)

    return CaptionModel(version, load)
