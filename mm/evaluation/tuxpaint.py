"""Tux Paint's stamps: does what a thing sounds like find its picture, and its picture the sound? Is
speech kept apart from sound?

Names of arrays end in their axes: Q questions, E things that are ranked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.tuxpaint import Stamp, read_stamps
from mm.errors import InvalidInput, MediaError, TooLarge
from mm.evaluation.esc10 import whole
from mm.metrics import Interval, Measure, Report, average_precision_at, bootstrap, recall_at

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.media.types import Waveform
    from mm.spaces import Space

KS, DEPTH = (1, 5), 10
SIDE = 512
"""Longest side at which pictures are decoded."""
SPOKEN = 200
"""Recordings of people who say a name, at most: the first of each stamp in turn."""

Float = npt.NDArray[np.floating]
Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.integer]


def evaluate(space: Space, reader: MediaReader, folder: Path, split: str = "dev") -> Report:
    """Every stamp of the split that has a sound that can be read, with the space as it is served.

    Raises `InvalidInput` for data that cannot be read, and what the reader raises of pictures.
    """
    stamps = [stamp for stamp in read_stamps(folder) if stamp.split == split]
    effects = [
        (stamp, waveform)
        for stamp in stamps
        if stamp.sound_effect and (waveform := _read(reader, stamp.sound_effect)) is not None
    ]
    heard = [(stamp, space.sound.embed(waveform, speech=True)) for stamp, waveform in effects]
    sounds = [(stamp, vector) for stamp, vector in heard if vector is not None]
    if not sounds:
        raise InvalidInput(f"{folder} has no stamps with sounds in the split {split!r}.")
    vectors = np.stack([vector for _, vector in sounds])
    shown = [stamp for stamp, _ in sounds]
    pictures = space.image.embed([reader.image(stamp.image, stamp.image.name, longest=SIDE) for stamp in shown])
    names = space.sound_text.embed([stamp.text for stamp in shown])
    thing = np.unique([stamp.group for stamp in shown], return_inverse=True)[1]
    right = thing[:, None] == thing
    kept = np.array([space.sound.embed(waveform) is not None for _, waveform in effects])
    spoken = [waveform for path in _spoken(stamps) if (waveform := _read(reader, path)) is not None]
    apart = np.array([space.sound.embed(waveform) is None for waveform in spoken])
    return Report(
        f"{len(shown)} stamps of {split} with sounds, {len(set(thing.tolist()))} things; {len(apart)} recordings of spoken names",
        (
            *_way("sound to picture", vectors @ pictures.T, right, thing),
            *_way("picture to sound", pictures @ vectors.T, right, thing),
            *_way("name to sound", names @ vectors.T, right, thing),
            Measure("effects that are evidence of a sound", bootstrap(kept)),
            *([Measure("spoken names that are none", bootstrap(apart))] if len(apart) else []),
        ),
    )


def chance(right_QE: Bool, k: int) -> float:
    """R@k of a random order: one of r right among n is among the first k."""
    n = right_QE.shape[1]
    missed = [np.prod([max(n - r - i, 0) / (n - i) for i in range(min(k, n))]) for r in right_QE.sum(1)]
    return float(1 - np.mean(missed))


def _way(name: str, scores_QE: Float, right_QE: Bool, thing_Q: Int) -> Iterator[Measure]:
    for k in KS:
        yield Measure(f"{name} R@{k}", bootstrap(recall_at(scores_QE, right_QE, k), thing_Q))
        by_chance = chance(right_QE, k)
        yield Measure(f"{name} R@{k}, by chance", Interval(by_chance, by_chance, by_chance))
    yield Measure(f"{name} mAP@{DEPTH}", bootstrap(average_precision_at(scores_QE, right_QE, DEPTH), thing_Q))


def _spoken(stamps: list[Stamp]) -> list[Path]:
    turns = max((len(stamp.spoken_names) for stamp in stamps), default=0)
    return [stamp.spoken_names[turn] for turn in range(turns) for stamp in stamps if turn < len(stamp.spoken_names)][:SPOKEN]


def _read(reader: MediaReader, path: Path) -> Waveform | None:
    """The sound of a file; None for what cannot be read: one stamp claims to last two days."""
    try:
        return whole(reader, path)
    except (MediaError, TooLarge):
        return None
