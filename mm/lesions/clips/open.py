"""Opens a file as a clip, by its content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mm.lesions.clips.clip import is_dicom
from mm.lesions.clips.dicom import DicomClip
from mm.lesions.clips.media import MAX_FPS, MediaClip
from mm.media import MediaReader
from mm.media.dicom import DicomReader

if TYPE_CHECKING:
    from mm.lesions.clips.clip import Clip
    from mm.settings import Settings


@contextmanager
def open_clip(path: Path, name: str, settings: Settings, max_fps: float = MAX_FPS) -> Iterator[Clip]:
    """A DICOM file, an image or a video; its decoding children end with the block.

    `name` is that of the file in errors and exports; of a video at most `max_fps` frames a second
    are read. Raises as `DicomReader` and `MediaReader`, and `InvalidInput` for audio.
    """
    if is_dicom(path):
        with DicomReader.from_settings(settings) as reader:
            yield DicomClip(path, name, reader)
    else:
        with MediaReader.from_settings(settings) as reader:
            yield MediaClip(path, name, reader, max_fps)
