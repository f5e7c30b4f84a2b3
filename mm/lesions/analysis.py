"""Frames of an ultrasound examination -> candidates for review."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.lesions.clips.clip import FrameSource
from mm.lesions.clips.dicom import DicomClip
from mm.lesions.clips.media import NO_SCALE
from mm.lesions.segmentation.segmenter import BATCH
from mm.lesions.tracking.tracker import TrackerSettings, track_regions
from mm.lesions.types import LesionAnalysis, ViewCandidates
from mm.lesions.views import View, to_grey

if TYPE_CHECKING:
    from mm.lesions.clips.clip import Clip
    from mm.lesions.segmentation.regions import LesionRegion
    from mm.lesions.segmentation.segmenter import LesionSegmenter
    from mm.media.dicom import DicomReader
    from mm.media.types import RGB

MAX_FRAMES = 20_000
"""Frames of one file, at most."""

OnFrames = Callable[[int, int], None]
"""Receives the number of analysed frames and the expected number of all, 0 if it is not known."""


def _ignore(done: int, total: int) -> None:
    """Report no progress."""


def analyse_clip(
    clip: Clip, segmenter: LesionSegmenter, settings: TrackerSettings | None = None, on_frames: OnFrames = _ignore
) -> LesionAnalysis:
    """Analyse all frames of a clip.

    Raises as the methods of `Clip` and `analyse_frames`; what `on_frames` raises ends the analysis.
    """
    source, times = clip.describe(), list[float]()

    def record_times() -> Iterator[RGB]:
        for seconds, frame in clip.frames():
            times.append(seconds)
            yield frame

    analysis = analyse_frames(source, record_times(), segmenter, settings, on_frames)
    is_even = all(abs(seconds - number * source.frame_seconds) < 1e-6 for number, seconds in enumerate(times))
    return analysis if is_even else replace(analysis, times=tuple(times))


def analyse_dicom(
    path: Path, name: str, reader: DicomReader, segmenter: LesionSegmenter, settings: TrackerSettings | None = None
) -> LesionAnalysis:
    """Analyse all frames of a DICOM file within its regions of tissue.

    Raises as `DicomReader`, and `InvalidInput` for frames with colour Doppler.
    """
    return analyse_clip(DicomClip(path, name, reader), segmenter, settings)


def analyse_images(
    name: str,
    frames: Iterable[RGB],
    segmenter: LesionSegmenter,
    frame_seconds: float = 0.0,
    settings: TrackerSettings | None = None,
) -> LesionAnalysis:
    """Analyse images that are in memory, as a whole and without a scale.

    Raises `InvalidInput` without frames, and as `analyse_frames`.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise InvalidInput(f"{name} has no frames.")
    height, width = first.shape[:2]
    source = FrameSource(name, width, height, frame_seconds, (View(0, 0, width, height, None),), (NO_SCALE,))
    return analyse_frames(source, _prepend(first, iterator), segmenter, settings)


def analyse_frames(
    source: FrameSource,
    frames: Iterable[RGB],
    segmenter: LesionSegmenter,
    settings: TrackerSettings | None = None,
    on_frames: OnFrames = _ignore,
) -> LesionAnalysis:
    """Analyse frames one batch at a time; only regions stay in memory.

    Raises `InvalidInput` for frames of different sizes, with colour Doppler, or too many of them.
    """
    found: list[list[Sequence[LesionRegion]]] = [[] for _ in source.views]
    iterator = iter(frames)
    while batch := list(islice(iterator, BATCH)):
        for frame in batch:
            if frame.shape[:2] != (source.height, source.width):
                raise InvalidInput(f"{source.name}: a frame has another size than {source.width}x{source.height} pixels.")
        for view, regions in zip(source.views, found, strict=True):
            regions += [result.regions for result in segmenter.segment([to_grey(view.crop(frame)) for frame in batch])]
        if len(found[0]) > MAX_FRAMES:
            raise InvalidInput(f"{source.name} has more than {MAX_FRAMES:,} frames: analyse a shorter part.")
        on_frames(len(found[0]), source.num_frames)
    if not found[0]:
        raise InvalidInput(f"{source.name} has no frames.")
    views = tuple(
        ViewCandidates(view, tuple(track_regions(regions, settings))) for view, regions in zip(source.views, found, strict=True)
    )
    size = source.width, source.height
    return LesionAnalysis(source.name, *size, len(found[0]), source.frame_seconds, views, segmenter.version, source.notes)


def _prepend(first: RGB, rest: Iterator[RGB]) -> Iterator[RGB]:
    yield first
    yield from rest
