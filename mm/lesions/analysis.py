"""Frames of an ultrasound examination -> candidates for review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mm.errors import InvalidInput
from mm.lesions.segmentation.regions import LesionRegion
from mm.lesions.segmentation.segmenter import BATCH, LesionSegmenter
from mm.lesions.tracking.tracker import TrackerSettings, track_regions
from mm.lesions.types import LesionAnalysis, ViewCandidates
from mm.lesions.views import View, choose_views, to_grey
from mm.media.dicom import DicomReader
from mm.media.types import RGB

MAX_FRAMES = 20_000
"""Frames of one file, at most."""


@dataclass(frozen=True, slots=True)
class FrameSource:
    """What is known of the frames of a file."""

    name: str
    width: int
    height: int
    frame_seconds: float
    """Between frames; 0 for an image, or where it is not known."""
    views: tuple[View, ...]
    notes: tuple[str, ...] = ()


def analyse_dicom(
    path: Path, name: str, reader: DicomReader, segmenter: LesionSegmenter, settings: TrackerSettings | None = None
) -> LesionAnalysis:
    """Analyse all frames of a DICOM file within its regions of tissue.

    Raises as `DicomReader`, and `InvalidInput` for frames with colour Doppler.
    """
    info = reader.info(path, name)
    views, notes = choose_views(info, name)
    source = FrameSource(name, info.width, info.height, info.frame_seconds, views, notes)
    return analyse_frames(source, reader.frames(path, name), segmenter, settings)


def analyse_images(
    name: str,
    frames: Iterable[RGB],
    segmenter: LesionSegmenter,
    frame_seconds: float = 0.0,
    settings: TrackerSettings | None = None,
) -> LesionAnalysis:
    """Analyse an image, or the frames of a video, as a whole and without a scale.

    Raises `InvalidInput` without frames, and as `analyse_frames`.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise InvalidInput(f"{name} has no frames.")
    height, width = first.shape[:2]
    note = "The file states no scale: sizes are in pixels."
    source = FrameSource(name, width, height, frame_seconds, (View(0, 0, width, height, None),), (note,))
    return analyse_frames(source, _prepend(first, iterator), segmenter, settings)


def analyse_frames(
    source: FrameSource, frames: Iterable[RGB], segmenter: LesionSegmenter, settings: TrackerSettings | None = None
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
