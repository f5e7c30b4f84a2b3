"""Moment retrieval in long videos with known scenes: does a caption find its scene, start and end?

Videos are spliced from images and clips (`mm/data/spliced_videos.py`) and rendered. All methods get
the same frames and segments, and a span scores as its best segment, so that methods differ only in
where they cut. Names of arrays end in their axes: Q queries, S segments, N spans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.footage import Footage
from mm.data.spliced_videos import draw_spliced_video
from mm.errors import InvalidInput
from mm.evaluation.rendered_videos import MAX_SEGMENT, RenderedVideo, Spans, render_video
from mm.metrics import Measure, Report, bootstrap, iou
from mm.metrics.boundaries import count_matches, f1_score
from mm.metrics.change_points import find_change_points
from mm.spaces.encode.scenes import scene_boundaries

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.models.temporal.tower import TemporalTower
    from mm.spaces import Space

PENALTY = 5.0
"""Of a change point, in squared distances: the best of ten by the F1 of scenes on dev. This favours
the baseline."""
MIN_COSINE = 0.75
"""Cosine of neighbouring frames below which a scene begins; chosen in the same way."""
KS, MIN_IOU = (1, 5), 0.5
TOLERANCE = 1.0
"""Seconds between a scene boundary and its match, at most."""

Method = Callable[[RenderedVideo], Spans]
"""Cuts a video into spans."""


@dataclass(slots=True)
class Scores:
    """Results of one method over all videos."""

    best_iou: dict[int, list[float]] = field(default_factory=lambda: {k: [] for k in KS})
    """Of each query, the largest IoU with its scene among the first k spans."""
    scene_f1: list[float] = field(default_factory=list)
    """F1 of the scene boundaries of each video."""


def evaluate(
    space: Space, tower: TemporalTower, reader: MediaReader, footage: Footage, count: int, seconds: float, alternating: float,
    on_progress: Callable[[str], None], *, event_cuts: bool = True,
) -> Report:  # fmt: skip
    """Measure all methods on `count` videos of about `seconds`.

    `alternating` is the share of image scenes with two images; with `event_cuts`, segments are cut
    at events, too. Raises `InvalidInput` for fewer
    images than videos.
    """
    methods = list_methods(tower)
    scores = {name: Scores() for name in methods}
    video_Q: list[int] = []
    images_per_video = len(footage.captioned) // count
    if not images_per_video:
        raise InvalidInput(f"{count} videos need at least as many images, not {len(footage.captioned)}.")
    for number in range(count):
        images = range(number * images_per_video, (number + 1) * images_per_video)
        plan = draw_spliced_video(np.random.default_rng(number), images, footage.clip_durations, seconds, alternating)
        video = render_video(footage, plan, space.image, reader, event_cuts=event_cuts)
        shown = [source for source in images if len(plan.spans_of(source))]
        captions = [caption for source in shown for caption in footage.captioned[source].captions]
        source_Q = [source for source in shown for _ in footage.captioned[source].captions]
        queries_QD = space.text.embed(captions)
        video_Q += [number] * len(captions)
        for name, method in methods.items():
            add_scores(scores[name], video, method(video), queries_QD, source_Q)
        on_progress(f"video {number + 1} of {count}: {video.duration:.0f} s, {len(video.frames)} frames, {len(captions)} queries")
    groups = np.array(video_Q)
    return Report(
        f"{len(groups)} queries to {count} videos of about {seconds:.0f} s, made of {images_per_video * count} images and "
        f"{len(footage.clips)} clips",
        tuple(measure for name, of_method in scores.items() for measure in _measures(name, of_method, groups)),
    )


def list_methods(tower: TemporalTower) -> dict[str, Method]:
    """The temporal network, its baselines, and the ground truth, by name."""

    def by_network(video: RenderedVideo) -> Spans:
        indices = scene_boundaries(tower, video.sequence)
        return tile_spans([video.boundary_before(index) for index in indices], video.duration)

    def by_change_points(video: RenderedVideo) -> Spans:
        indices = find_change_points(video.sequence.vectors_LD, PENALTY)
        return tile_spans([video.boundary_before(index) for index in indices], video.duration)

    def by_cosine(video: RenderedVideo) -> Spans:
        vectors = video.sequence.vectors_LD
        cosines = (vectors[1:] * vectors[:-1]).sum(1)
        indices = np.flatnonzero(cosines < MIN_COSINE) + 1
        return tile_spans([video.boundary_before(int(index)) for index in indices], video.duration)

    return {
        "windows of 10 s": lambda video: tile_spans(np.arange(MAX_SEGMENT, video.duration, MAX_SEGMENT).tolist(), video.duration),
        "shots by their cuts": lambda video: tile_spans(
            sorted({frame.cut_time for frame in video.frames if frame.cut}), video.duration
        ),
        "unlike neighbours": by_cosine,
        "change points": by_change_points,
        "temporal network": by_network,
        "the true scenes": lambda video: tile_spans(video.plan.starts(scenes=True), video.duration),
    }


def tile_spans(starts: Sequence[float], duration: float) -> Spans:
    """Spans (N, 2) that cover a video and begin at 0 and at the start times inside it."""
    inside = sorted({float(start) for start in starts if 0 < start < duration})
    return np.array(list(pairwise([0.0, *inside, duration])))


def add_scores(
    scores: Scores, video: RenderedVideo, spans: Spans, queries_QD: npt.NDArray[np.float32], source_Q: Sequence[int]
) -> None:
    """Rank the spans for each query; add their IoU with its scenes and the F1 of boundaries."""
    scores_QS = queries_QD @ video.segment_vectors.T
    middle_S = video.segments.mean(1)
    inside_NS = (spans[:, :1] <= middle_S) & (middle_S < spans[:, 1:])
    nearest_N = np.abs(middle_S - spans.mean(1)[:, None]).argmin(1)
    inside_NS[np.arange(len(spans)), nearest_N] |= ~inside_NS.any(1)  # a span without a segment gets the nearest one
    best_QN = np.where(inside_NS, scores_QS[:, None], -np.inf).max(2)
    order_QN = np.argsort(-best_QN, axis=1, kind="stable")
    for order, source in zip(order_QN, source_Q, strict=True):
        overlaps = iou(spans[order[: max(KS)]], video.plan.spans_of(source)).max(1)
        for k in KS:
            scores.best_iou[k].append(float(overlaps[:k].max()))
    predicted, true = spans[1:, 0].tolist(), video.plan.starts(scenes=True)
    scores.scene_f1.append(f1_score(count_matches(predicted, true, TOLERANCE), len(predicted), len(true)))


def _measures(name: str, scores: Scores, groups: npt.NDArray[np.int64]) -> list[Measure]:
    return [
        *(Measure(f"{name}: R@{k}, IoU {MIN_IOU}", bootstrap(np.array(scores.best_iou[k]) >= MIN_IOU, groups)) for k in KS),
        Measure(f"{name}: mean IoU of the first", bootstrap(np.array(scores.best_iou[1]), groups)),
        Measure(f"{name}: F1 of scenes' beginnings", bootstrap(np.array(scores.scene_f1))),
    ]
