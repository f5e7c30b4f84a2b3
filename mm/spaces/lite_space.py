"""The shipped space `lite`: its files, and the loaders of its towers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import mm
from mm.models.speech.choice import SpeechOptions
from mm.runtimes import find_runtime
from mm.spaces.build_graphs import prebuild_image, prebuild_image_maps, prebuild_languages, prebuild_sound, prebuild_text
from mm.spaces.calibration import read_bank, read_calibration, read_caption_calibration, read_sound_calibration
from mm.spaces.space import Lazy, Loaders, Space
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from mm.models.image.caption_heads import CaptionHeads
    from mm.models.image.map_tower import ImageMapTower
    from mm.models.image.tower import ImageTower
    from mm.models.ocr.recognizer import TextRecognizer
    from mm.models.sound.tower import SoundTower
    from mm.models.speech.tower import SpeechTower
    from mm.models.temporal.tower import TemporalTower
    from mm.models.text.multilingual import MultilingualTower, RoutedTextTower
    from mm.models.text.tower import TextTower
    from mm.spaces.calibration import Calibration, SoundCalibration

LITE = SpaceId("lite", 1)
"""The version grows whenever the same input would give another vector."""
LITE_DIM = 384

IMAGE_WEIGHTS, CALIBRATION, BANK, CARD = "image.safetensors", "calibration.json", "bank.safetensors", "CARD.md"
LANGUAGES, LANGUAGE_QUALITY = "languages.safetensors", "languages.json"
OBJECTS, PHRASES, CAPTION_HEADS_CARD = "objects.safetensors", "phrases.safetensors", "CAPTION_HEADS.md"
BANDS = "bands.json"
TEMPORAL, TEMPORAL_CARD = "temporal.safetensors", "TEMPORAL.md"
SOUND_WEIGHTS, SOUND_CALIBRATION, SOUND_BANK, SOUND_CARD = "sound.safetensors", "sound.json", "sound_bank.safetensors", "SOUND.md"
CAPTION_CALIBRATION = Path(mm.__file__).parent / "weights" / "language" / "captions.json"
"""Of the captions that the built-in language model writes; absent without its trained weights."""
FILES = (
    IMAGE_WEIGHTS,
    LANGUAGES,
    LANGUAGE_QUALITY,
    OBJECTS,
    PHRASES,
    CAPTION_HEADS_CARD,
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
"""Files in the folder of the space."""


@dataclass(frozen=True, slots=True)
class TowerOptions:
    """What the loaders of towers have in common."""

    graph_cache: Path
    runtime: str
    threads: int
    keep_speech: bool = True
    """Whether the speech tower stays in memory; without it it is loaded at every use."""
    speech: SpeechOptions = field(default_factory=SpeechOptions)


def make_lite_space(folder: Path, options: TowerOptions, selected_by: str = "") -> Space:
    """The space in `folder`. `selected_by` says, for a person, what selected the runtime."""
    description = find_runtime(options.runtime).describe()
    return Space(
        id=LITE,
        dim=LITE_DIM,
        loaders=_make_loaders(folder, options),
        runtime_name=options.runtime,
        runtime=f"{description} ({selected_by})" if selected_by else description,
        temporal_weights=folder / TEMPORAL,
        has_word_heads=True,
        bands=folder / BANDS,
        make_card=partial(_read_cards, folder),
    )


def _make_loaders(folder: Path, options: TowerOptions) -> Loaders:
    sentences = Lazy(partial(_load_sentences, options))
    languages = Lazy(partial(_load_languages, folder / LANGUAGES, options))
    query_text = Lazy(partial(_load_query_text, folder, sentences, languages))
    sound_calibration = Lazy(partial(read_sound_calibration, folder / SOUND_CALIBRATION))
    return Loaders(
        image=Lazy(partial(_load_image, folder / IMAGE_WEIGHTS, options)),
        image_maps=Lazy(partial(_load_image_maps, folder / IMAGE_WEIGHTS, options)),
        caption_heads=Lazy(partial(_load_caption_heads, folder)),
        text=query_text,
        query_text=query_text,
        sentences=sentences,
        speech=Lazy(partial(_load_speech, options)),
        sound=Lazy(partial(load_sound_tower, folder / SOUND_WEIGHTS, options)),
        sound_text=sentences,
        recognizer=Lazy(partial(_load_recognizer, options)),
        temporal=Lazy(partial(load_temporal_tower, folder / TEMPORAL)),
        sound_calibration=sound_calibration,
        calibration=Lazy(partial(_load_calibration, folder / CALIBRATION, sound_calibration)),
        bank=Lazy(partial(read_bank, folder / BANK, folder / SOUND_BANK)),
    )


def _load_calibration(path: Path, sound_calibration: Lazy[SoundCalibration]) -> Calibration:
    """With the calibrators of sounds and, where there are trained weights, of captions."""
    calibration = sound_calibration().complete(read_calibration(path))
    of_captions = read_caption_calibration(CAPTION_CALIBRATION)
    return calibration if of_captions is None else of_captions.add_to(calibration)


def load_sound_tower(weights: Path, options: TowerOptions) -> SoundTower:
    """Load a sound tower. Raises `Corrupt` when its weights cannot be read."""
    from mm.models.sound.tower import SoundTower

    cache = options.graph_cache
    return SoundTower(weights, cache, options.runtime, options.threads, partial(prebuild_sound, weights, cache))


def load_temporal_tower(weights: Path) -> TemporalTower | None:
    """Load a temporal network; None without the file. Raises `Corrupt` when it cannot be read."""
    from mm.models.temporal.tower import TemporalTower

    return TemporalTower(weights) if weights.is_file() else None


def _load_sentences(options: TowerOptions) -> TextTower:
    from mm.models.text.tower import TextTower

    cache = options.graph_cache
    return TextTower(cache, options.runtime, options.threads, partial(prebuild_text, cache))


def _load_languages(weights: Path, options: TowerOptions) -> MultilingualTower:
    from mm.models.text.multilingual import MultilingualTower

    cache = options.graph_cache
    return MultilingualTower(weights, cache, options.runtime, options.threads, partial(prebuild_languages, weights, cache))


def _load_query_text(folder: Path, sentences: Lazy[TextTower], languages: Lazy[MultilingualTower]) -> RoutedTextTower:
    from mm.models.text.language_quality import read_language_quality
    from mm.models.text.multilingual import RoutedTextTower, read_router

    router = read_router(folder / LANGUAGES)  # first, so that a corrupt file is reported before a graph is built
    return RoutedTextTower(sentences(), languages, router, read_language_quality(folder / LANGUAGE_QUALITY))


def _load_image(weights: Path, options: TowerOptions) -> ImageTower:
    from mm.models.image.tower import ImageTower

    cache, runtime = options.graph_cache, options.runtime
    return ImageTower(weights, cache, runtime, options.threads, partial(prebuild_image, weights, cache, runtime))


def _load_image_maps(weights: Path, options: TowerOptions) -> ImageMapTower:
    from mm.models.image.map_tower import ImageMapTower

    cache, runtime = options.graph_cache, options.runtime
    return ImageMapTower(weights, cache, runtime, options.threads, partial(prebuild_image_maps, weights, cache, runtime))


def _load_caption_heads(folder: Path) -> CaptionHeads:
    from mm.models.image.caption_heads import read_caption_heads

    return read_caption_heads(folder, read_calibration(folder / CALIBRATION).image_weights)


def _load_speech(options: TowerOptions) -> SpeechTower:
    from mm.models.speech.tower import SpeechTower

    return SpeechTower(options.speech, keep=options.keep_speech)


def _load_recognizer(options: TowerOptions) -> TextRecognizer:
    from mm.models.ocr.recognizer import TextRecognizer

    return TextRecognizer(options.threads)


def _read_cards(folder: Path) -> str:
    return "\n".join(
        (folder / card).read_text(encoding="utf-8") for card in (CARD, CAPTION_HEADS_CARD, SOUND_CARD, TEMPORAL_CARD)
    )
