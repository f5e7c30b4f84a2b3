"""What the scenes of a simulated video show: looks, photos with captions, excerpts of clips."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm.data.activitynet.simulation.generated import Look, draw_look, list_figures, render_look
from mm.data.captioned_images import read_captioned_images, read_image
from mm.data.footage import crop_image
from mm.data.spliced_videos import MIN_CROP
from mm.errors import InvalidInput, MediaError, UnsupportedMedia
from mm.files import read_json_lines
from mm.media import MediaReader
from mm.media.types import RGB, Span
from mm.models.image.preprocess import resize_image

SUBSETS = ("training", "validation", "testing")
MIN_CLIP_SECONDS = 1.0
NUM_LOOKS = 40
"""Looks without an activity, a subset."""
SPLITS = {"train": ("training",), "dev": ("validation", "testing")}
"""Subsets that use the sources of a split; those of a split `test` are not used."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something to show: exactly one of `look`, `photo` and `clip`."""

    name: str
    sentences: tuple[str, ...]
    """Descriptions by different people."""
    look: Look | None = None
    photo: Path | None = None
    clip: Path | None = None
    seconds: float = float("inf")
    """Longest scene that it fills."""

    def render(self, reader: MediaReader, seconds: float, fps: float, side: int, seed: int) -> Iterator[RGB]:
        """Frames (side, side, 3), `fps` a second. Raises what the reader raises."""
        if self.look is not None:
            return render_look(self.look, seconds, fps, side, seed)
        if self.photo is not None:
            return _render_photo(self.photo, seconds, fps, side, seed)
        return _render_clip(self.clip or Path(), reader, seconds, fps, side)


@dataclass(frozen=True, slots=True)
class Pool:
    """Sources of one subset."""

    activities: tuple[tuple[Source, ...], ...]
    """By number of the class."""
    background: tuple[Source, ...]


def draw_generated(seed: int, num_classes: int) -> dict[str, Pool]:
    """Pools of looks: each class has a figure of its own, on grounds that differ by subset."""
    random = np.random.default_rng(seed)
    figures = list_figures()
    order = random.permutation(len(figures)).tolist()
    pools = {}
    for subset in SUBSETS:
        activities = tuple(
            tuple(_from_look(draw_look(random, figures[order[number]])) for _ in range(6)) for number in range(num_classes)
        )
        others = [figures[order[int(number)]] for number in random.integers(num_classes, len(figures), NUM_LOOKS)]
        pools[subset] = Pool(activities, tuple(_from_look(draw_look(random, figure)) for figure in others))
    return pools


def read_sources(
    folders: Sequence[Path], reader: MediaReader, on_progress: Callable[[str], None]
) -> tuple[dict[str, dict[str, list[Source]]], dict[str, list[Source]]]:
    """Sources of folders: those with a label by subset and label, the others by subset.

    A folder has `captions.jsonl` (photos with captions) or `manifest.jsonl` (clips, labelled or
    not). The split `train` gives sources of training, `dev` those of validation and testing; rows
    without a split are divided by group. Unreadable clips are left out and reported. Raises
    `InvalidInput` for a folder with neither file, and for a row without a file.
    """
    labelled: dict[str, dict[str, list[Source]]] = {subset: {} for subset in SUBSETS}
    others: dict[str, list[Source]] = {subset: [] for subset in SUBSETS}
    for folder in folders:
        if (folder / "captions.jsonl").is_file():
            for split, subsets in SPLITS.items():
                photos = [Source(row.path.name, row.captions, photo=row.path) for row in read_captioned_images(folder, split)]
                for subset in subsets:
                    others[subset] += photos
        elif (folder / "manifest.jsonl").is_file():
            _add_clips(folder, reader, labelled, others, on_progress)
        else:
            raise InvalidInput(f"{folder} has neither captions.jsonl nor manifest.jsonl.")
        on_progress(f"{folder.name} is read")
    return labelled, others


def _add_clips(
    folder: Path, reader: MediaReader, labelled: dict[str, dict[str, list[Source]]], others: dict[str, list[Source]],
    on_progress: Callable[[str], None],
) -> None:  # fmt: skip
    for number, row in enumerate(read_json_lines(folder / "manifest.jsonl"), 1):
        if "file" not in row:
            raise InvalidInput(f"{folder / 'manifest.jsonl'}, line {number}: there is no 'file'.")
        path = folder / str(row["file"])
        split = str(row.get("split", ""))
        if split not in SPLITS:
            if split == "test":
                continue
            even = hashlib.sha256(str(row.get("group", path.stem)).encode()).digest()[0] % 2 == 0
            split = "train" if even else "dev"
        try:
            info = reader.probe(path, path.name)
        except (MediaError, UnsupportedMedia) as error:
            on_progress(f"{path.name} is left out: {error}")
            continue
        if not info.has_video or info.duration < MIN_CLIP_SECONDS:
            continue
        label = str(row.get("label", "")).replace("_", " ")
        sentence = f"A video of {label}." if label else f"The clip {path.stem.replace('_', ' ').replace('-', ' ')}."
        source = Source(path.name, (sentence,), clip=path, seconds=info.duration)
        for subset in SPLITS[split]:
            (labelled[subset].setdefault(label, []) if label else others[subset]).append(source)


def _from_look(look: Look) -> Source:
    return Source(look.sentences[0], look.sentences, look=look)


def _render_photo(path: Path, seconds: float, fps: float, side: int, seed: int) -> Iterator[RGB]:
    image = resize_image(read_image(path), 2 * side)
    random = np.random.default_rng(seed)
    boxes = []
    for _ in range(2):
        length = float(random.uniform(MIN_CROP, 1.0))
        boxes.append(np.array([*random.uniform(0, 1 - length, 2), length]))
    count = max(1, round(seconds * fps))
    for index in range(count):
        share = index / count
        left, top, length = ((1 - share) * boxes[0] + share * boxes[1]).tolist()
        yield crop_image(image, (left, top, length), side)


def _render_clip(path: Path, reader: MediaReader, seconds: float, fps: float, side: int) -> Iterator[RGB]:
    """Frames of the beginning of a clip; the last one is held where it ends early."""
    count = max(1, round(seconds * fps))
    last: RGB = np.zeros((side, side, 3), np.uint8)
    shown = 0
    for frame in reader.every_frame(path, path.name, Span(0.0, seconds), fps, 4 * side):
        while shown < count and shown / fps < frame.time - 0.5 / fps:
            yield last
            shown += 1
        last = resize_image(frame.image, side)
        if shown >= count:
            return
    for _ in range(count - shown):
        yield last
