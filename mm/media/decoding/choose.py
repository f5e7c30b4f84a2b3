"""Which decoder reads a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from mm.media.decoding.pyav_decoder import PyavDecoder

if TYPE_CHECKING:
    from mm.media.containers.av_file import AvFile
    from mm.media.decoding.decoder import Decoder
    from mm.media.decoding.probe import MediaFacts


def open_decoder(choice: str, media: AvFile, facts: MediaFacts, file: BinaryIO, late: float = 0.0) -> Decoder:
    """The decoder that `choice` (MM_DECODER) names. `auto` is PyAV, which
    docs/decisions/0003-decoder.md explains.

    With `auto`, pictures may be left out that are followed by another within `late` seconds: see
    `frame_skipping`.

    Raises `MediaError` where `decord` is named and not exact on this film.
    """
    if choice == "decord":
        from mm.media.decoding.decord_decoder import DecordDecoder

        return DecordDecoder(media, facts, file)
    return PyavDecoder(media, facts.origin, late if choice == "auto" else 0.0)
