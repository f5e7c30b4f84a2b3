"""Captions of queued photos on the CPU, several at once and one at a time, image tower included."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from mm.bench.meter import Meter
from mm.generation.builtin_captioner import MAX_NUM_PROMPTS, load_captioner
from mm.generation.caption_ranking import CaptionRanking, GeneratedCaption
from mm.generation.captioner import BEAM_WIDTH, MAX_TOKENS
from mm.generation.chat.local import LocalChat
from mm.generation.chat.local_model import load_builtin
from mm.generation.chat.types import ChatMessage, ChatRequest, ImageMedia
from mm.generation.request import SamplingParams
from mm.models.image.sample_photos import load_sample_photos
from mm.models.language.caption_prompt import CAPTION_REQUEST
from mm.models.language.checkpoint.file import SHIPPED
from mm.models.language.smollm2 import BUILTIN
from mm.spaces import load_space

if TYPE_CHECKING:
    from mm.generation.captioner import ImageCaptioner, ImageLike
    from mm.media.types import RGB
    from mm.models.image.map_tower import ImageFeatures, ImageMapTower
    from mm.settings import Settings


@dataclass(frozen=True, slots=True)
class Row:
    """One way to caption photos."""

    name: str
    num_photos: int
    num_captions: int
    """Photos that got a caption."""
    seconds: float
    cpu: float
    """Processor seconds."""
    peak: int
    """Bytes, of all processes (PSS)."""
    latencies: tuple[float, ...] = ()
    """Seconds of each photo, where they are captioned one at a time."""

    def line(self) -> str:
        """A row of the table."""
        rate, cpu = self.num_photos / self.seconds, 1000 * self.cpu / self.num_photos
        latency = f"{median(self.latencies):.2f}" if self.latencies else "-"
        return (
            f"| {self.name} | {self.num_captions:,} of {self.num_photos:,} | {rate:.1f} | {cpu:.0f} | {latency} | "
            f"{self.peak / 1e6:.0f} |"
        )


HEAD = ("| method | captioned | photos/s | CPU ms a photo | median s | peak MB |", "| --- | --- | --- | --- | --- | --- |")


def measure(settings: Settings, additions: Path, num_photos: int, num_alone: int, widths: Sequence[int]) -> list[Row]:
    """Caption decoded photos: `num_photos` queued ones, and `num_alone` one at a time.

    First as the library captions them, with the candidates of the search ranked by the image, and
    the same with hypotheses in blocks in place of trees; then without ranking for each width of the
    search. The photos are crops of those of scikit-image,
    each another one: the keys and values of an equal image would be in the cache. The shipped
    weights also caption by the engine process, as the service does for one request, greedily and
    with beams. Raises as `load_captioner`.
    """
    photos, space = load_sample_photos(), load_space("lite", settings)
    tower, ranking = space.image_maps, CaptionRanking(space.text, space.caption_heads)
    rows = []
    for width, is_ranked, is_over_trees in [
        (BEAM_WIDTH, True, True),
        (BEAM_WIDTH, True, False),
        *((width, False, True) for width in widths),
    ]:
        captioner = load_captioner(settings, additions, width, ranking if is_ranked else None, is_over_trees=is_over_trees)
        _caption_alone(captioner, tower, photos[0])  # the first call of a session is slower
        search = (
            ("greedy" if width == 1 else f"beam {width}")
            + (" ranked" if is_ranked else "")
            + ("" if is_over_trees else " in blocks")
        )
        rows += [
            _measure_alone(f"{search}, one at a time", captioner, tower, photos, num_alone),
            _measure_queued(f"{search}, {MAX_NUM_PROMPTS} at once", captioner, tower, photos, num_photos),
        ]
        del captioner
    if additions == SHIPPED:
        rows += _measure_engine(settings, tower, ranking, photos, num_alone)
    return rows


def _measure_engine(
    settings: Settings, tower: ImageMapTower, ranking: CaptionRanking, photos: Sequence[RGB], count: int
) -> list[Row]:
    """Rows of one request at a time to an engine process that has been loaded."""
    model = LocalChat(BUILTIN, partial(load_builtin, settings))
    try:
        rows = []
        for num_beams, name in ((1, "greedy"), (model.num_beams, f"beam {model.num_beams} ranked")):
            captioner = _EngineCaptioner(model, num_beams, ranking)
            _caption_alone(captioner, tower, photos[0])
            rows.append(_measure_alone(f"{name}, a request to the service", captioner, tower, photos, count))
        return rows
    finally:
        model.close()


class _EngineCaptioner:
    """An `ImageCaptioner` over requests to an engine process, one after another."""

    def __init__(self, model: LocalChat, num_beams: int, ranking: CaptionRanking) -> None:
        self._model, self._ranking = model, ranking
        self._params = SamplingParams(max_tokens=MAX_TOKENS, temperature=0.0, num_beams=num_beams)

    def caption(self, images: Iterable[ImageLike]) -> Iterator[tuple[int, GeneratedCaption]]:
        for number, image in enumerate(images):
            message = ChatMessage("user", CAPTION_REQUEST, (ImageMedia(image.map_HWC, image.vector_D),))
            deltas = list(self._model.stream(ChatRequest((message,), self._params)))
            texts = [GeneratedCaption(one.text, one.mean_logprob) for delta in deltas for one in delta.candidates]
            caption = self._ranking.select(texts, image.vector_D) if texts else None
            yield number, caption or GeneratedCaption("".join(delta.text for delta in deltas), 0.0)


def _measure_alone(name: str, captioner: ImageCaptioner, tower: ImageMapTower, photos: Sequence[RGB], count: int) -> Row:
    texts, latencies = [], []
    with Meter() as meter:
        for photo in islice(_crop(photos), count):
            started = time.perf_counter()
            texts.append(_caption_alone(captioner, tower, photo))
            latencies.append(time.perf_counter() - started)
    return Row(name, count, sum(map(bool, texts)), meter.seconds, meter.cpu, meter.peak, tuple(latencies))


def _measure_queued(name: str, captioner: ImageCaptioner, tower: ImageMapTower, photos: Sequence[RGB], count: int) -> Row:
    with Meter() as meter:
        texts = [caption.text for _, caption in captioner.caption(_encode(tower, islice(_crop(photos), count)))]
    return Row(name, count, sum(map(bool, texts)), meter.seconds, meter.cpu, meter.peak)


def _caption_alone(captioner: ImageCaptioner, tower: ImageMapTower, photo: RGB) -> str:
    ((_, caption),) = captioner.caption(tower.encode([photo]))
    return caption.text


def _encode(tower: ImageMapTower, photos: Iterator[RGB]) -> Iterator[ImageFeatures]:
    for photo in photos:
        yield tower.encode([photo])[0]


def _crop(photos: Sequence[RGB]) -> Iterator[RGB]:
    """All photos, then all without their first row and column, and so on."""
    for number in count_from():
        for photo in photos:
            offset = number % (min(photo.shape[:2]) // 2)
            yield np.ascontiguousarray(photo[offset:, offset:])
