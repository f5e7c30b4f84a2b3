"""Media of a conversation: uploaded images and audio, and items of the library."""

from __future__ import annotations

import base64
import re
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from api.chat.library_media import describe_item, list_scenes, read_sound, select_segments
from api.thumbnails import encode_jpeg
from mm.errors import Cancelled, InvalidInput, TooLarge, UnsupportedMedia
from mm.generation.chat.types import ImageMedia, SoundMedia, VideoMedia
from mm.media.types import Span
from mm.numerics import mean_direction
from mm.schemas import AudioPart, ImagePart, MediaPart

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from api.service import Service
    from indexes.catalog.records import ItemRow
    from mm.generation.chat.types import ChatModel, Media
    from mm.media.types import RGB, Waveform
    from mm.spaces import Space

IMAGE_PIXELS = 768
"""Longest side of a decoded image; the image tower uses less."""
MAP_FRAMES, FILE_FRAMES = 4, 8
"""Frames of a video, for the built-in model and for language servers."""
_DATA_URL = re.compile(r"data:(image|audio)/[\w.+-]+;base64,", re.ASCII)
_CONTENT_URL = re.compile(r"/v1/media/(?P<id>[^/?#]+)/content")
_NO_MAP, _NO_VECTOR = np.zeros((0, 0, 0), np.float32), np.zeros(0, np.float32)


class MediaResolver:
    """Decodes the media of one request, for the model that is to read them. Blocks."""

    def __init__(self, service: Service, model: ChatModel, cancelled: threading.Event) -> None:
        self._service, self._model, self._cancelled = service, model, cancelled
        self.notes: list[str] = []
        """What the model does not read, in full sentences."""

    def resolve(self, part: ImagePart | AudioPart | MediaPart) -> tuple[str, list[Media]]:
        """A part as text and media."""
        if self._cancelled.is_set():
            raise Cancelled("The request was cancelled.")
        with self._service.spaces.acquire() as served:
            match part:
                case ImagePart():
                    return self._resolve_image(served.space, part.image_url.url)
                case AudioPart():
                    return self._resolve_audio(served.space, part.input_audio.data)
                case MediaPart():
                    return self._resolve_item(served.space, part)

    def _resolve_image(self, space: Space, url: str) -> tuple[str, list[Media]]:
        if (content := _CONTENT_URL.fullmatch(url)) is not None:
            return self._resolve_item(space, MediaPart(media_id=content["id"]))
        if not url.startswith("data:"):
            raise InvalidInput(
                f"The service does not load images from other addresses such as {url[:60]!r}: send a data URL, or upload the"
                " image and send a part of the type media."
            )
        if _DATA_URL.match(url) is None:
            raise InvalidInput("The URL of an image must begin with data:image/TYPE;base64, where TYPE is that of the file.")
        with self._decode_base64(url[url.index(",") + 1 :], "the image") as path:
            image = self._service.query_reader.image(path, "the image", longest=IMAGE_PIXELS)
        return "", [make_image_media(space, self._model, image, "")]

    def _resolve_audio(self, space: Space, data: str) -> tuple[str, list[Media]]:
        reader, limit = self._service.query_reader, self._service.settings.query_seconds
        with self._decode_base64(data.rpartition(",")[2], "the audio") as path:
            info = reader.probe(path, "the audio")
            if not info.has_audio:
                raise UnsupportedMedia("The file of input_audio has no audio.")
            if info.duration > limit:
                raise TooLarge(f"The audio has {info.duration:.0f} s; the maximum is {limit:.0f} s (MM_QUERY_SECONDS).")
            waveform = reader.waveform(path, "the audio", Span(0.0, info.duration))
        spoken = " ".join(line.text for line in space.speech.transcribe(waveform))
        return (spoken, []) if spoken else ("", [_make_sound(space, waveform)])

    def _resolve_item(self, space: Space, part: MediaPart) -> tuple[str, list[Media]]:
        item = self._service.library.get_item(part.media_id)
        if item.kind == "image":
            if self._reads_media(item):
                image = self._service.query_reader.image(
                    self._service.store.blobs.path(item.sha256), item.name, longest=IMAGE_PIXELS
                )
                return "", [make_image_media(space, self._model, image, item.name)]
            return describe_item(item, select_segments(self._service, space.id, item, None, None)), []
        segments = select_segments(self._service, space.id, item, part.start, part.end)
        text = describe_item(item, segments)
        if not self._reads_media(item):
            return text, []
        shards = self._service.store.shards
        if item.kind == "audio":
            sound = read_sound(shards, space.id, item, segments)
            return text, [] if sound is None else [sound]
        scenes = list_scenes(shards, space.id, segments)
        return text, [VideoMedia(scenes, self._sample_frames(space, item, scenes[0].start, scenes[-1].end), item.name)]

    def _reads_media(self, item: ItemRow) -> bool:
        if self._model.media_input == "none":
            self.notes.append(
                f"The model {self._model.name} reads text only: of {item.name} it is given captions, speech and recognized text."
            )
            return False
        return True

    def _sample_frames(self, space: Space, item: ItemRow, start: float, end: float) -> tuple[ImageMedia, ...]:
        """Key frames at even distances."""
        count = FILE_FRAMES if self._model.media_input == "files" else MAP_FRAMES
        frames = []
        for i in range(count):
            time = start + (end - start) * (i + 0.5) / count
            path = self._service.store.blobs.path(item.sha256)
            frame = self._service.query_reader.thumbnail(path, item.name, time, longest=IMAGE_PIXELS, cancelled=self._cancelled)
            frames.append(make_image_media(space, self._model, frame, f"{time:.1f} s"))
        return tuple(frames)

    @contextmanager
    def _decode_base64(self, data: str, name: str) -> Iterator[Path]:
        try:
            content = base64.b64decode(data, validate=True)
        except ValueError as error:  # characters outside ASCII, or binascii.Error
            raise InvalidInput(f"The data of {name} are not base64: {error}.") from error
        with TemporaryDirectory(dir=self._service.scratch) as scratch:
            path = Path(scratch) / "media"
            path.write_bytes(content)
            yield path


def make_image_media(space: Space, model: ChatModel, image: RGB, label: str) -> ImageMedia:
    """An image as the model reads it: features, or a JPEG file.

    Raises `UnsupportedMedia` for a model that reads text only, `Unavailable` in a space without
    feature maps.
    """
    match model.media_input:
        case "none":
            raise UnsupportedMedia(
                f"The language model {model.name} reads text only: no images. Select one that reads them (MM_LANGUAGE), or a"
                " language server (MM_LANGUAGE_URL)."
            )
        case "files":
            return ImageMedia(_NO_MAP, _NO_VECTOR, encode_jpeg(image), label)
        case "maps":
            (features,) = space.image_maps.encode([image])
            return ImageMedia(features.map_HWC, features.vector_D, b"", label)


def _make_sound(space: Space, waveform: Waveform) -> SoundMedia:
    windows = space.sound.encode_windows(waveform)
    if not windows:
        raise InvalidInput("The audio is silent: it has neither speech nor other sounds.")
    names = dict.fromkeys(name for window in windows for name in (window.text or "").split(", ") if name)
    return SoundMedia(mean_direction(np.stack([window.vector for window in windows])), tuple(names))
