"""Encode several still images at once: decoded in parallel, encoded as one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mm.errors import MMError
from mm.media.types import RGB, MediaFile
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, Reader
from mm.spaces.encode.frames import max_decoded_side

if TYPE_CHECKING:
    from mm.spaces.space import Space
    from mm.spaces.types import Vector

NUM_DECODERS = 2
"""Images that are decoded at the same time."""


def encode_images(
    space: Space, reader: Reader, files: Sequence[MediaFile], progress: Callable[[float], None]
) -> list[EncodedSegment | MMError]:
    """Encode each image as a segment of length 0, in order; an error in place of a failed image.

    `progress` is called with the share done, in the calling thread; an exception from it ends the
    work.
    """
    with ThreadPoolExecutor(NUM_DECODERS, thread_name_prefix="image") as pool:
        decoded: list[RGB | MMError] = []
        for image in pool.map(lambda file: _decode(space, reader, file), files):
            decoded.append(image)
            progress(len(decoded) / (len(files) + 1))
    images = [image for image in decoded if not isinstance(image, MMError)]
    vectors = iter(space.image.embed(images) if images else ())
    return [image if isinstance(image, MMError) else image_segment(next(vectors)) for image in decoded]


def image_segment(vector: Vector) -> EncodedSegment:
    """The segment of a still image, from its vector (D,)."""
    return EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, vector)])


def _decode(space: Space, reader: Reader, file: MediaFile) -> RGB | MMError:
    try:
        return reader.image(file.path, file.name, longest=max_decoded_side(file.info, space.image.size))
    except MMError as error:
        return error
