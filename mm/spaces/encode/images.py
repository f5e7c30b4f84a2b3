"""Still pictures as segments, several at once: decoded side by side, encoded as one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import MMError
from mm.media.types import RGB, MediaInfo
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, Reader
from mm.spaces.encode.frames import max_decoded_side

if TYPE_CHECKING:
    from mm.spaces.space import Space

DECODERS = 2
"""Pictures that are decoded at the same time."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A still picture on the disk."""

    path: Path
    name: str
    info: MediaInfo


def encode_images(
    space: Space, reader: Reader, files: Sequence[ImageFile], progress: Callable[[float], None]
) -> list[EncodedSegment | MMError]:
    """One segment of no length for each picture, in order; an error in place of one that cannot be
    decoded.

    `progress` is called with the share that is done, in the calling thread; what it raises ends the
    work.
    """
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="image") as pool:
        decoded = pool.map(lambda file: _decode(space, reader, file), files)
        pictures: list[RGB | MMError] = []
        for picture in decoded:
            pictures.append(picture)
            progress(len(pictures) / (len(files) + 1))
    good = [picture for picture in pictures if not isinstance(picture, MMError)]
    vectors = iter(space.image.embed(good) if good else ())
    return [
        picture
        if isinstance(picture, MMError)
        else EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, next(vectors))])
        for picture in pictures
    ]


def _decode(space: Space, reader: Reader, file: ImageFile) -> RGB | MMError:
    try:
        return reader.image(file.path, file.name, longest=max_decoded_side(file.info, space.image.size))
    except MMError as error:
        return error
