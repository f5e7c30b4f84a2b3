"""Moments of long films whose scenes are known: does a question find its scene, with the right
start and end?

Films are put together from photographs and clips (`mm/data/spliced_videos.py`), really written as
H.264 and read, sampled and encoded as an upload is. All ways get the same frames and the same
segments of at most ten seconds within shots, as the index holds them. A span is as good as the best
segment in it, so that the ways differ in nothing but where they cut.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt

from mm.data.footage import SIDE, Footage
from mm.data.spliced_videos import SplicedVideo, draw_spliced_video, frame_at
from mm.errors import InvalidInput
from mm.media.segmenting import cut_segments
from mm.media.types import Span
from mm.metrics import Measure, Report, bootstrap, iou
from mm.metrics.boundaries import f1, matched
from mm.metrics.change_points import change_points
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.tower import suppress_non_maxima
from mm.numerics import mean_direction
from mm.spaces.encode.evidence import EncodedFrame
from mm.spaces.encode.frames import encode_frames, frame_vectors_in

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.models.temporal.tower import TemporalTower
    from mm.models.types import ImageEmbedder
    from mm.spaces import Space

FPS = 12
SAMPLE_FPS = 2.0
X264 = {"preset": "veryfast", "crf": "23"}
WINDOW = 10.0
"""Seconds of a span where nothing says where to cut, and of the longest segment."""
PRICE = 5.0
"""Of a change point, in squared distances. The best of ten by the F1 of scenes, on dev, which
favours this rival."""
CLOSE = 0.75
"""Cosine of neighbouring frames below which a scene begins; chosen in the same way."""
KS, LEAST = (1, 5), 0.5
TOLERANCE = 1.0
"""Seconds that the beginning of a scene may be off."""

Spans = npt.NDArray[np.float64]
Way = Callable[["Film"], Spans]


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film as it was read: its truth and its frames."""

    splice: SplicedVideo
    frames: Sequence[EncodedFrame]
    duration: float
    segments: Spans
    """(S, 2) as the index would hold them."""
    segment_vectors: npt.NDArray[np.float32]
    """(S, D)"""

    @classmethod
    def of(cls, splice: SplicedVideo, frames: Sequence[EncodedFrame], duration: float) -> Film:
        """With its segments."""
        cuts = sorted({frame.cut_time for frame in frames if frame.cut})
        parts = [part for part, _ in cut_segments(Span(0.0, duration), cuts, WINDOW)]
        vectors = np.stack([mean_direction(frame_vectors_in(frames, part)) for part in parts])
        return cls(splice, frames, duration, np.array([(part.start, part.end) for part in parts]), vectors)

    @property
    def sequence(self) -> FrameSequence:
        """What the temporal network sees."""
        rows = self.frames
        return FrameSequence(
            np.array([row.time for row in rows]), np.stack([row.vector for row in rows]), np.stack([row.motion for row in rows])
        )

    def between(self, index: int) -> float:
        """When what frame `index` shows began: at its cut, or half-way from the frame before."""
        frame = self.frames[index]
        return frame.cut_time if frame.cut else (self.frames[index - 1].time + frame.time) / 2


@dataclass(slots=True)
class Tally:
    """Of one way, over all films."""

    best: dict[int, list[float]] = field(default_factory=lambda: {k: [] for k in KS})
    """Of each question, the largest IoU with its scene among the first k spans."""
    scenes: list[float] = field(default_factory=list)
    """F1 of the beginnings of scenes, of each film."""


def evaluate(
    space: Space, tower: TemporalTower, reader: MediaReader, footage: Footage, count: int, seconds: float, in_turn: float,
    on_progress: Callable[[str], None],
) -> Report:  # fmt: skip
    """All ways on `count` films with so large a share of scenes of two photographs. Raises
    `InvalidInput` for too few of them."""
    ways = all_ways(tower)
    tallies = {name: Tally() for name in ways}
    film_Q: list[int] = []
    each = len(footage.photographs) // count
    if not each:
        raise InvalidInput(f"{count} films need as many photographs, not {len(footage.photographs)}.")
    for number in range(count):
        photographs = range(number * each, (number + 1) * each)
        splice = draw_spliced_video(np.random.default_rng(number), photographs, footage.lengths, seconds, in_turn)
        film = make_film(footage, splice, space.image, reader)
        shown = [source for source in photographs if len(film.splice.spans_of(source))]
        words = [caption for source in shown for caption in footage.photographs[source].captions]
        source_Q = [source for source in shown for _ in footage.photographs[source].captions]
        asked_QD = space.text.embed(words)
        film_Q += [number] * len(words)
        for name, way in ways.items():
            answer(film, way(film), asked_QD, source_Q, tallies[name])
        on_progress(f"film {number + 1} of {count}: {film.duration:.0f} s, {len(film.frames)} frames, {len(words)} questions")
    groups = np.array(film_Q)
    return Report(
        f"{len(groups)} questions to {count} films of about {seconds:.0f} s, made of {each * count} photographs and "
        f"{len(footage.clips)} clips",
        tuple(measure for name, tally in tallies.items() for measure in _measures(name, tally, groups)),
    )


def all_ways(tower: TemporalTower) -> dict[str, Way]:
    """Where to cut, by name."""

    def network(film: Film) -> Spans:
        frames = film.sequence
        config = tower.config
        begins = suppress_non_maxima(
            tower.predict_boundaries(frames)[:, 1], frames.times_L, config.scene_threshold, config.min_gap
        )
        return spans_of([film.between(index) for index in begins], film.duration)

    def changing(film: Film) -> Spans:
        return spans_of([film.between(i) for i in change_points(film.sequence.vectors_LD, PRICE)], film.duration)

    def unlike(film: Film) -> Spans:
        vectors = film.sequence.vectors_LD
        near = (vectors[1:] * vectors[:-1]).sum(1)
        return spans_of([film.between(int(i) + 1) for i in np.flatnonzero(near < CLOSE)], film.duration)

    return {
        "windows of 10 s": lambda film: spans_of(np.arange(WINDOW, film.duration, WINDOW).tolist(), film.duration),
        "shots by their cuts": lambda film: spans_of(
            sorted({frame.cut_time for frame in film.frames if frame.cut}), film.duration
        ),
        "unlike neighbours": unlike,
        "change points": changing,
        "temporal network": network,
        "the true scenes": lambda film: spans_of(film.splice.starts(scenes=True), film.duration),
    }


def spans_of(starts: Sequence[float], duration: float) -> Spans:
    """(N, 2) spans that tile a film."""
    inside = sorted({float(start) for start in starts if 0 < start < duration})
    return np.array(list(pairwise([0.0, *inside, duration])))


def answer(film: Film, spans: Spans, asked_QD: npt.NDArray[np.float32], source_Q: Sequence[int], tally: Tally) -> None:
    """Rank the spans for each question, and note how well they meet its scenes."""
    scores_QS = asked_QD @ film.segment_vectors.T
    middle_S = film.segments.mean(1)
    inside_NS = (spans[:, :1] <= middle_S) & (middle_S < spans[:, 1:])
    nearest_N = np.abs(middle_S - spans.mean(1)[:, None]).argmin(1)
    inside_NS[np.arange(len(spans)), nearest_N] |= ~inside_NS.any(1)  # a span shorter than the segments has the nearest
    best_QN = np.where(inside_NS, scores_QS[:, None], -np.inf).max(2)
    order_QN = np.argsort(-best_QN, axis=1, kind="stable")
    for order, source in zip(order_QN, source_Q, strict=True):
        met = iou(spans[order[: max(KS)]], film.splice.spans_of(source)).max(1)
        for k in KS:
            tally.best[k].append(float(met[:k].max()))
    starts = spans[1:, 0].tolist()
    right = film.splice.starts(scenes=True)
    tally.scenes.append(f1(matched(starts, right, TOLERANCE), len(starts), len(right)))


def make_film(footage: Footage, splice: SplicedVideo, tower: ImageEmbedder, reader: MediaReader) -> Film:
    """Write, read and encode one film."""
    with tempfile.TemporaryDirectory(prefix="mm-film-") as folder:
        path = Path(folder) / "film.mp4"
        write_film(footage, splice, path)
        info = reader.probe(path, path.name)
        sampled = reader.frames(path, path.name, Span(0.0, info.duration), SAMPLE_FPS, tower.size * 2)
        return Film.of(splice, encode_frames(tower, sampled, lambda _: None), info.duration)


def write_film(footage: Footage, splice: SplicedVideo, path: Path) -> None:
    """H.264, `FPS` frames a second."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options=X264)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for index in range(int(splice.duration * FPS)):
            picture = footage.picture(frame_at(splice, index / FPS))
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))


def _measures(name: str, tally: Tally, groups: npt.NDArray[np.int64]) -> list[Measure]:
    found = [Measure(f"{name}: R@{k}, IoU {LEAST}", bootstrap(np.array(tally.best[k]) >= LEAST, groups)) for k in KS]
    found.append(Measure(f"{name}: mean IoU of the first", bootstrap(np.array(tally.best[1]), groups)))
    found.append(Measure(f"{name}: F1 of scenes' beginnings", bootstrap(np.array(tally.scenes))))
    return found
