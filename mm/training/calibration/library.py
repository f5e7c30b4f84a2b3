"""The data of a calibration as vectors: images of dev, their captions and views, speech.

Names of arrays end in their axes: N images, M captions, L spoken lines, V views of an image, D
dimensions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import CaptionedImage, load_captioned_images, read_captioned_images
from mm.errors import InvalidInput
from mm.files import hash_file, read_json_lines, write_atomic
from mm.media import MediaReader
from mm.media.types import RGB, Limits, Span
from mm.models.image.tower import ImageTower
from mm.models.speech.tower import SpeechTower
from mm.models.text.tower import TextTower
from mm.spaces.types import Vectors
from mm.training.array_cache import load_or_compute
from mm.training.calibration.recipe import CalibrationConfig

NUM_VIEWS = 3
"""Views of each image of dev: the first is an image query, all together are a clip query."""
_SIDE = 288  # pixels at which images are held in memory
_BATCH = 100
_MAX_SPOKEN_SECONDS = 60.0  # of one recording

Int = npt.NDArray[np.int64]
Transform = Callable[[int, RGB], RGB]
"""Changes the image with an index."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """Recognised lines of spoken captions; those of train serve as distractors only."""

    lines: Vectors  # (L, D)
    file_of_line: Int
    sentences: list[str]  # the spoken text of each file
    dev: list[int]  # indices of the files of dev


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """The images of dev and the sources of queries for them."""

    images: Vectors  # (N, D)
    views: Vectors  # (N, V, D)
    bank: Vectors  # of images of train
    captions: list[str]
    caption_vectors: Vectors  # (M, D)
    image_of_caption: Int
    train_captions: list[str]
    spoken: Spoken

    def captions_by_image(self) -> list[list[str]]:
        """The captions of each image."""
        captions: list[list[str]] = [[] for _ in self.images]
        for caption, image in zip(self.captions, self.image_of_caption.tolist(), strict=True):
            captions[image].append(caption)
        return captions


class CachedEncoder:
    """The towers of `lite`, with a cache of image vectors."""

    def __init__(self, config: CalibrationConfig) -> None:
        """Raises `InvalidInput` when the weights cannot be read."""
        graphs = config.out / "graphs"
        self.cache = config.out / "vectors"
        self.image_hash = hash_weights(config.weights)
        self._image = ImageTower(config.weights, graphs)
        self._text = TextTower(graphs)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit rows (N, D)."""
        return self._text.embed(texts)

    def embed_images(self, rows: Sequence[CaptionedImage], name: str, transform: Transform = lambda _, image: image) -> Vectors:
        """Unit rows (N, D) of transformed images; `name` identifies the transform in the cache."""
        key = hashlib.sha256(f"{self.image_hash} {name} {[row.path.name for row in rows]}".encode()).hexdigest()[:16]

        def compute() -> Vectors:
            parts = []
            for start in range(0, len(rows), _BATCH):
                images = load_captioned_images(list(rows[start : start + _BATCH]), _SIDE)
                parts.append(self._image.embed([transform(start + offset, image) for offset, image in enumerate(images)]))
            return np.concatenate(parts)

        return load_or_compute(self.cache / f"pictures-{key}.npy", compute)


def load_library(config: CalibrationConfig, encoder: CachedEncoder, on_progress: Callable[[str], None]) -> Library:
    """Read and encode all data. Raises `InvalidInput` for unreadable data."""
    dev, train = read_captioned_images(config.data, "dev"), read_captioned_images(config.data, "train")
    order = np.random.default_rng(config.seed).permutation(len(train))
    on_progress(f"{len(dev)} images of dev")
    images = encoder.embed_images(dev, "whole")
    on_progress(f"{NUM_VIEWS} views of each")
    names = [f"view {view} {config.seed}" for view in range(NUM_VIEWS)]
    views = [encoder.embed_images(dev, name, make_view_transform(view, config.seed)) for view, name in enumerate(names)]
    on_progress(f"{config.bank_images} images of train for the bank")
    bank = encoder.embed_images([train[index] for index in order[: config.bank_images]], "whole")
    on_progress("spoken captions")
    captions = [caption for row in dev for caption in row.captions]
    return Library(
        images,
        np.stack(views, axis=1),
        bank,
        captions,
        encoder.embed_texts(captions),
        np.repeat(np.arange(len(dev)), [len(row.captions) for row in dev]),
        [caption for index in order for caption in train[index].captions],
        _load_spoken(config, encoder),
    )


def hash_weights(path: Path) -> str:
    """SHA-256 of a weights file. Raises `InvalidInput` when it cannot be read."""
    try:
        return hash_file(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error


def make_view_transform(view: int, seed: int) -> Transform:
    """Crop 50 to 90 % of each side, flip half the images, and change the brightness, at random."""

    def transform(index: int, image: RGB) -> RGB:
        random = np.random.default_rng((seed, view, index))
        height, width = (round(side * random.uniform(0.5, 0.9)) for side in image.shape[:2])
        top, left = (
            int(random.integers(0, side - crop_side + 1)) for side, crop_side in zip(image.shape, (height, width), strict=False)
        )
        crop = image[top : top + height, left : left + width, :]
        flipped = crop[:, ::-1] if random.random() < 0.5 else crop
        changed: RGB = np.clip(flipped * random.uniform(0.75, 1.25), 0, 255).astype(np.uint8)
        return changed

    return transform


def _load_spoken(config: CalibrationConfig, encoder: CachedEncoder) -> Spoken:
    rows = [row for row in read_json_lines(config.spoken / "manifest.jsonl") if row["split"] in ("train", "dev")]
    transcripts = _transcribe(config, [str(row["audio"]) for row in rows])
    lines = [(file, line) for file, transcript in enumerate(transcripts) for line in transcript]
    return Spoken(
        encoder.embed_texts([line for _, line in lines]),
        np.array([file for file, _ in lines], np.int64),
        [str(row["spoken_text"]) for row in rows],
        [file for file, row in enumerate(rows) if row["split"] == "dev" and transcripts[file]],
    )


def _transcribe(config: CalibrationConfig, files: Sequence[str]) -> list[list[str]]:
    """The recognised lines of each file, cached under the names of all files."""
    key = hashlib.sha256("\n".join(files).encode()).hexdigest()[:16]
    path = config.out / "vectors" / f"heard-{key}.json"
    if not path.exists():
        tower = SpeechTower()
        with MediaReader(Limits(), "auto") as reader:
            span = Span(0.0, _MAX_SPOKEN_SECONDS)
            waveforms = (reader.waveform(config.spoken / file, file, span) for file in files)
            lines = [[line.text for line in tower.transcribe(waveform)] for waveform in waveforms]
        write_atomic(path, json.dumps(lines).encode())
    transcripts: list[list[str]] = json.loads(path.read_text())
    return transcripts
