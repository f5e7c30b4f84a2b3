"""Check of images and videos whose captions are not written yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.cli.diagnosis.catalog_count import has_library, read_count
from mm.cli.diagnosis.results import optional
from mm.errors import Corrupt, Unavailable
from mm.schemas import Check

if TYPE_CHECKING:
    from mm.settings import Settings

COUNT = "SELECT count(*) FROM uncaptioned u, library l WHERE u.space = coalesce(l.space, u.space)"


def check_captions(settings: Settings) -> Check:
    """Count the items whose captions are not written, and say whether a worker will write them."""
    from mm.generation.caption_model import find_caption_model

    if settings.captions == "off":
        return _info("MM_CAPTIONS=off disables captions.", ok=True)
    try:
        model = find_caption_model(settings)
    except Corrupt as error:
        return _info(str(error), ok=False)
    if model is None:
        return _info("No captioner: the trained weights of the language model are not installed.", ok=True)
    if not has_library(settings):
        return _info("There is no library yet.", ok=True)
    try:
        count = read_count(settings, COUNT)
    except Unavailable as error:
        return _info(f"Items without captions cannot be counted: {error}.", ok=False)
    if count == 0:
        return _info("All images and videos have captions.", ok=True)
    return _info(f"The captions of {count:,} items are not written yet; a worker writes them when no job is waiting.", ok=False)


def _info(detail: str, *, ok: bool) -> Check:
    return optional("captions", detail, ok=ok)
