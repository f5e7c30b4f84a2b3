"""Which decoder reads a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from mm.media.pyav_decoder import PyavDecoder

if TYPE_CHECKING:
    from mm.media.av_file import AvFile
    from mm.media.decoder import Decoder
    from mm.media.probe import Facts


def open_decoder(choice: str, media: AvFile, facts: Facts, file: BinaryIO, late: float = 0.0) -> Decoder:
    """The decoder that `choice` (MM_DECODER) names. `auto` is PyAV, which docs/decisions/0003-decoder.md explains.

    With `auto`, pictures may be left out that are followed by another within `late` seconds: see mm/media/passing.py.

    Raises `MediaError` where `decord` is named and not exact on this film.
    """
    if choice == "decord":
        from mm.media.decord_decoder import DecordDecoder

        return DecordDecoder(media, facts, file)
    return PyavDecoder(media, facts.origin, late if choice == "auto" else 0.0)
