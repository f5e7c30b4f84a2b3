"""A space: towers that share vectors, with their calibration and their card. Everything is loaded
at first use, once."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from mm.runtimes import find_runtime
from mm.spaces.build_graphs import prepare_image, prepare_languages, prepare_sound, prepare_text
from mm.spaces.calibration import Bank, Calibration, SoundCalibration, read_bank, read_calibration, read_sound_calibration
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from mm.models.ocr.recognizer import TextRecognizer
    from mm.models.sound.tower import SoundTower
    from mm.models.speech.tower import SpeechTower
    from mm.models.temporal.tower import TemporalTower
    from mm.models.text.multilingual import RoutedTextTower
    from mm.models.types import ImageEmbedder, TextEmbedder

IMAGE_WEIGHTS, CALIBRATION, BANK, CARD = "image.safetensors", "calibration.json", "bank.safetensors", "CARD.md"
LANGUAGES = "languages.safetensors"
TEMPORAL, TEMPORAL_CARD = "temporal.safetensors", "TEMPORAL.md"
SOUND_WEIGHTS, SOUND_CALIBRATION, SOUND_BANK, SOUND_CARD = "sound.safetensors", "sound.json", "sound_bank.safetensors", "SOUND.md"
FILES = (
    IMAGE_WEIGHTS,
    LANGUAGES,
    CALIBRATION,
    BANK,
    CARD,
    TEMPORAL,
    TEMPORAL_CARD,
    SOUND_WEIGHTS,
    SOUND_CALIBRATION,
    SOUND_BANK,
    SOUND_CARD,
)
"""What the folder of a space has."""

T = TypeVar("T")


class Lazy(Generic[T]):
    """A value made at the first call, once, whichever thread comes first. A failure is not kept:
    the next call tries again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class Space:
    """Towers by name. Safe to use from several threads."""

    def __init__(
        self,
        space_id: SpaceId,
        dim: int,
        folder: Path,
        graph_cache: Path,
        runtime: str = "auto",
        threads: int = 0,
        *,
        chosen_by: str = "",
        keep_speech: bool = True,
    ) -> None:
        """`folder` holds image weights, those for other languages, calibration, reference vectors
        and card; graphs are kept in `graph_cache`.

        `chosen_by` says what chose the runtime, for a person.
        """
        self.id = space_id
        self.dim = dim
        """Length of a vector."""
        self.runtime_name = runtime
        self.runtime = find_runtime(runtime).describe() + (f" ({chosen_by})" if chosen_by else "")
        self._cards = (folder / CARD, folder / SOUND_CARD, folder / TEMPORAL_CARD)

        def text() -> TextEmbedder:
            from mm.models.text.tower import TextTower

            return TextTower(graph_cache, runtime, threads, lambda: prepare_text(graph_cache))

        def languages() -> TextEmbedder:
            from mm.models.text.multilingual import MultilingualTower

            weights = folder / LANGUAGES
            return MultilingualTower(weights, graph_cache, runtime, threads, lambda: prepare_languages(weights, graph_cache))

        def questions() -> RoutedTextTower:
            from mm.models.text.multilingual import RoutedTextTower, read_router

            router = read_router(folder / LANGUAGES)  # first: a broken file is told before a graph is built
            return RoutedTextTower(self._text(), self._languages, router)

        def image() -> ImageEmbedder:
            from mm.models.image.tower import ImageTower

            weights = folder / IMAGE_WEIGHTS
            return ImageTower(weights, graph_cache, runtime, threads, lambda: prepare_image(weights, graph_cache, runtime))

        def speech() -> SpeechTower:
            from mm.models.speech.tower import SpeechTower

            return SpeechTower(keep=keep_speech)

        def sound() -> SoundTower:
            from mm.models.sound.tower import SoundTower

            weights = folder / SOUND_WEIGHTS
            return SoundTower(weights, graph_cache, runtime, threads, lambda: prepare_sound(weights, graph_cache))

        def reader() -> TextRecognizer:
            from mm.models.ocr.recognizer import TextRecognizer

            return TextRecognizer(threads)

        def temporal() -> TemporalTower | None:
            from mm.models.temporal.tower import TemporalTower

            path = self.temporal_weights
            return TemporalTower(path) if path.is_file() else None

        self._folder = folder
        self._reader, self._temporal = Lazy(reader), Lazy(temporal)
        self._text, self._image, self._speech, self._sound = Lazy(text), Lazy(image), Lazy(speech), Lazy(sound)
        self._languages, self._questions = Lazy(languages), Lazy(questions)
        self._sound_scores = Lazy(lambda: read_sound_calibration(folder / SOUND_CALIBRATION))
        self._calibration = Lazy(lambda: self._sound_scores().complete(read_calibration(folder / CALIBRATION)))
        self._bank = Lazy(lambda: read_bank(folder / BANK, folder / SOUND_BANK))

    @property
    def text(self) -> TextEmbedder:
        """Words for pictures: a text and a picture that mean the same lie close together.

        Raises as `query_text`.
        """
        return self._questions()

    @property
    def query_text(self) -> RoutedTextTower:
        """Words of a question for what is said and what a file is called, in English or another
        language.

        Raises `Unavailable` when the wheel of the English tower is not installed, `Corrupt` when
        what is there for other languages cannot be read.
        """
        return self._questions()

    @property
    def sentences(self) -> TextEmbedder:
        """What is said and what a file is called, in English. Raises `Unavailable` when its wheel
        is not installed."""
        return self._text()

    @property
    def image(self) -> ImageEmbedder:
        """Raises `Corrupt` when its weights cannot be read."""
        return self._image()

    @property
    def speech(self) -> SpeechTower:
        """Raises `Unavailable` when its wheel is not installed."""
        return self._speech()

    @property
    def sound(self) -> SoundTower:
        """Sounds other than words said, among the vectors of `sentences`. Raises `Corrupt` when its
        weights cannot be read."""
        return self._sound()

    @property
    def recognizer(self) -> TextRecognizer:
        """What is written in pictures. Raises `Unavailable` when its wheel is not installed,
        `Corrupt` when it cannot be read."""
        return self._reader()

    @property
    def temporal(self) -> TemporalTower | None:
        """Where scenes begin; None where no such network was trained for the space. Raises
        `Corrupt`."""
        return self._temporal()

    @property
    def temporal_weights(self) -> Path:
        """Where the weights of `temporal` are, if there are any."""
        return self._folder / TEMPORAL

    @property
    def can_recognize_text(self) -> bool:
        """Whether the wheel of `reader` is installed."""
        return importlib.util.find_spec("rapidocr_onnxruntime") is not None

    @property
    def can_compare_sound_with_images(self) -> bool:
        """Whether sounds and pictures share vectors, so that one finds the other."""
        return self.text is self.query_text

    @property
    def sound_text(self) -> TextEmbedder:
        """Words for sounds: a text and a sound that mean the same lie close together. Raises as
        `sentences`."""
        return self._text()

    @property
    def sound_calibration(self) -> SoundCalibration:
        """What was fitted of sounds. Raises `Corrupt` when it cannot be read."""
        return self._sound_scores()

    @property
    def calibration(self) -> Calibration:
        """Raises `Corrupt` when it cannot be read."""
        return self._calibration()

    @property
    def bank(self) -> Bank:
        """Reference vectors. Raises `Corrupt` when they cannot be read."""
        return self._bank()

    @property
    def encodes_every_frame(self) -> bool:
        """Whether each sampled frame of a film passes through the image tower; else one between two
        that are close may not."""
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """What every answer from this space must say, a sentence each."""
        return ()

    @property
    def card(self) -> str:
        """Markdown: training data, numbers, limits."""
        return "\n".join(card.read_text(encoding="utf-8") for card in self._cards)
