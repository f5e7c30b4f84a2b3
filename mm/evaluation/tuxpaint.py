"""Retrieval between the images and sound effects of Tux Paint, and separation of speech from sound.

Names of arrays end in their axes: Q queries, E ranked items.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.tuxpaint import Stamp, read_stamps
from mm.errors import InvalidInput, MediaError, TooLarge
from mm.evaluation.esc10 import read_waveform
from mm.metrics import Interval, Measure, Report, average_precision_at, bootstrap, recall_at

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.media.types import Waveform
    from mm.spaces import Space

KS, DEPTH = (1, 5), 10
SIDE = 512
"""Longest side at which images are decoded, in pixels."""
MAX_SPOKEN = 200
"""Recordings of spoken names, at most: the first of each stamp, then the second, and so on."""

Float = npt.NDArray[np.floating]
Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.integer]


def evaluate(space: Space, reader: MediaReader, folder: Path, split: str = "dev") -> Report:
    """Measure on all stamps of the split with a readable sound effect, as the space is served.

    Raises `InvalidInput` for unreadable data, and the reader's errors for images.
    """
    stamps = [stamp for stamp in read_stamps(folder) if stamp.split == split]
    effects = [
        (stamp, waveform)
        for stamp in stamps
        if stamp.sound_effect and (waveform := _read(reader, stamp.sound_effect)) is not None
    ]
    embedded = [(stamp, space.sound.embed(waveform, speech=True)) for stamp, waveform in effects]
    sounds = [(stamp, vector) for stamp, vector in embedded if vector is not None]
    if not sounds:
        raise InvalidInput(f"{folder} has no stamps with sound effects in the split {split!r}.")
    vectors = np.stack([vector for _, vector in sounds])
    stamps_with_sound = [stamp for stamp, _ in sounds]
    images = space.image.embed([reader.image(stamp.image, stamp.image.name, longest=SIDE) for stamp in stamps_with_sound])
    names = space.sound_text.embed([stamp.text for stamp in stamps_with_sound])
    object_Q = np.unique([stamp.group for stamp in stamps_with_sound], return_inverse=True)[1]
    relevant = object_Q[:, None] == object_Q
    is_sound = np.array([space.sound.embed(waveform) is not None for _, waveform in effects])
    spoken = [waveform for path in _list_spoken(stamps) if (waveform := _read(reader, path)) is not None]
    is_speech = np.array([space.sound.embed(waveform) is None for waveform in spoken])
    return Report(
        f"{len(stamps_with_sound)} stamps of {split} with sound effects, {len(set(object_Q.tolist()))} objects; "
        f"{len(is_speech)} recordings of spoken names",
        (
            *_measure("sound to picture", vectors @ images.T, relevant, object_Q),
            *_measure("picture to sound", images @ vectors.T, relevant, object_Q),
            *_measure("name to sound", names @ vectors.T, relevant, object_Q),
            Measure("effects that are evidence of a sound", bootstrap(is_sound)),
            *([Measure("spoken names that are none", bootstrap(is_speech))] if len(is_speech) else []),
        ),
    )


def random_recall(relevant_QE: Bool, k: int) -> float:
    """R@k of a random order: the probability of a relevant item among the first k."""
    n = relevant_QE.shape[1]
    missed = [np.prod([max(n - r - i, 0) / (n - i) for i in range(min(k, n))]) for r in relevant_QE.sum(1)]
    return float(1 - np.mean(missed))


def _measure(name: str, scores_QE: Float, relevant_QE: Bool, object_Q: Int) -> Iterator[Measure]:
    for k in KS:
        yield Measure(f"{name} R@{k}", bootstrap(recall_at(scores_QE, relevant_QE, k), object_Q))
        expected = random_recall(relevant_QE, k)
        yield Measure(f"{name} R@{k}, random order", Interval(expected, expected, expected))
    yield Measure(f"{name} mAP@{DEPTH}", bootstrap(average_precision_at(scores_QE, relevant_QE, DEPTH), object_Q))


def _list_spoken(stamps: list[Stamp]) -> list[Path]:
    max_count = max((len(stamp.spoken_names) for stamp in stamps), default=0)
    recordings = [stamp.spoken_names[n] for n in range(max_count) for stamp in stamps if n < len(stamp.spoken_names)]
    return recordings[:MAX_SPOKEN]


def _read(reader: MediaReader, path: Path) -> Waveform | None:
    """The audio of a file; None when unreadable: one stamp declares a duration of two days."""
    try:
        return read_waveform(reader, path)
    except (MediaError, TooLarge):
        return None
