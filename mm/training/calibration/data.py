"""What a calibration is fitted on, as vectors: the dev library, questions about it, texts, speech.
Kept between runs.

Names of arrays end in their axes: N pictures, M captions, L spoken lines, V views of a picture, D
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
from mm.files import hash_file, open_atomic, read_json_lines
from mm.media import MediaReader
from mm.media.types import RGB, Limits, Span
from mm.models.image.tower import ImageTower
from mm.models.speech.tower import SpeechTower
from mm.models.text.tower import TextTower
from mm.spaces.types import Vectors
from mm.training.calibration.recipe import CalibrationConfig

VIEWS = 3
"""Other views of each dev picture: the first asks as a picture, all together as a clip."""
_SIDE = 288  # pixels at which pictures are held
_LONGEST_SPOKEN = 60.0  # seconds read of one spoken caption

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What the recogniser heard in spoken captions. Lines of train are there only to be confused
    with."""

    lines: Vectors  # (L, D)
    file_of_line: Int
    sentences: list[str]  # what was really said, one a file
    dev: list[int]  # files of dev


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """The dev library and what is asked of it."""

    pictures: Vectors  # (N, D)
    views: Vectors  # (N, V, D)
    bank: Vectors  # of train pictures
    captions: list[str]
    caption_vectors: Vectors  # (M, D)
    picture_of_caption: Int
    train_captions: list[str]
    spoken: Spoken


class Encoder:
    """The towers, with what they made kept in a folder under the hash of what went in."""

    def __init__(self, config: CalibrationConfig) -> None:
        graphs = config.out / "graphs"
        self.folder = config.out / "vectors"
        self.image_key = sha256_of(config.weights)
        self._image = ImageTower(config.weights, graphs)
        self._text = TextTower(graphs)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit rows (N, D)."""
        return self._text.embed(texts)

    def pictures(
        self, rows: Sequence[CaptionedImage], what: str, change: Callable[[int, RGB], RGB] = lambda _, picture: picture
    ) -> Vectors:
        """Unit rows (N, D) of the pictures, each changed first."""
        key = hashlib.sha256(f"{self.image_key} {what} {[row.path.name for row in rows]}".encode()).hexdigest()[:16]

        def compute() -> Vectors:
            parts = []
            for start in range(0, len(rows), 100):
                held = load_captioned_images(list(rows[start : start + 100]), _SIDE)
                parts.append(self._image.embed([change(start + offset, picture) for offset, picture in enumerate(held)]))
            return np.concatenate(parts)

        return self._kept(f"pictures-{key}", compute)

    def _kept(self, name: str, compute: Callable[[], Vectors]) -> Vectors:
        path = self.folder / f"{name}.npy"
        if not path.exists():
            with open_atomic(path) as file:
                np.save(file, compute())
        vectors: Vectors = np.load(path)
        return vectors


def load_library(config: CalibrationConfig, encoder: Encoder, told: Callable[[str], None]) -> Library:
    """Read and encode everything. Raises `InvalidInput` for data that cannot be read."""
    dev, train = read_captioned_images(config.data, "dev"), read_captioned_images(config.data, "train")
    order = np.random.default_rng(config.seed).permutation(len(train))
    told(f"{len(dev)} pictures of dev")
    pictures = encoder.pictures(dev, "whole")
    told(f"{VIEWS} other views of each")
    views = [encoder.pictures(dev, f"view {view} {config.seed}", viewer(view, config.seed)) for view in range(VIEWS)]
    told(f"{config.bank_pictures} reference pictures of train")
    bank = encoder.pictures([train[index] for index in order[: config.bank_pictures]], "whole")
    told("spoken captions")
    captions = [caption for row in dev for caption in row.captions]
    return Library(
        pictures,
        np.stack(views, axis=1),
        bank,
        captions,
        encoder.texts(captions),
        np.repeat(np.arange(len(dev)), [len(row.captions) for row in dev]),
        [caption for index in order for caption in train[index].captions],
        _load_spoken(config, encoder),
    )


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes. Raises `InvalidInput` when it cannot be read."""
    try:
        return hash_file(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error


def viewer(view: int, seed: int) -> Callable[[int, RGB], RGB]:
    """Another view of a picture: a part of 50 to 90 % of each side, perhaps mirrored, brighter or
    darker."""

    def change(index: int, picture: RGB) -> RGB:
        draw = np.random.default_rng((seed, view, index))
        height, width = (round(side * draw.uniform(0.5, 0.9)) for side in picture.shape[:2])
        top, left = (int(draw.integers(0, side - part + 1)) for side, part in zip(picture.shape, (height, width), strict=False))
        part = picture[top : top + height, left : left + width, :]
        mirrored = part[:, ::-1] if draw.random() < 0.5 else part
        seen: RGB = np.clip(mirrored * draw.uniform(0.75, 1.25), 0, 255).astype(np.uint8)
        return seen

    return change


def _load_spoken(config: CalibrationConfig, encoder: Encoder) -> Spoken:
    rows = [row for row in read_json_lines(config.spoken / "manifest.jsonl") if row["split"] in ("train", "dev")]
    heard = _heard(config, [str(row["audio"]) for row in rows])
    lines = [(file, line) for file, said in enumerate(heard) for line in said]
    return Spoken(
        encoder.texts([line for _, line in lines]),
        np.array([file for file, _ in lines], np.int64),
        [str(row["spoken_text"]) for row in rows],
        [file for file, row in enumerate(rows) if row["split"] == "dev" and heard[file]],
    )


def _heard(config: CalibrationConfig, files: Sequence[str]) -> list[list[str]]:
    """Lines of each file, kept between runs under the names of the files."""
    key = hashlib.sha256("\n".join(files).encode()).hexdigest()[:16]
    path = config.out / "vectors" / f"heard-{key}.json"
    if not path.exists():
        tower = SpeechTower()
        with MediaReader(Limits(), "auto") as reader:
            found = [
                [line.text for line in tower.transcribe(reader.waveform(config.spoken / file, file, Span(0.0, _LONGEST_SPOKEN)))]
                for file in files
            ]
        with open_atomic(path) as out:
            out.write(json.dumps(found).encode())
    heard: list[list[str]] = json.loads(path.read_text())
    return heard
