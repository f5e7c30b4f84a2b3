"""ESC-10 by the names of its classes: does a sound lie nearest to the words for it? Beside it YAMNet's own classes.

Names of arrays end in their axes: N sounds, C labels, K classes of YAMNet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.evaluation.ranking import Interval, bootstrap, correct
from mm.evaluation.sound_sets import read_esc10
from mm.media.types import Span
from mm.models.sound import patch_starts
from mm.models.sound_net import log_mel, patches

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.media.types import Waveform
    from mm.models.sound import SoundTower
    from mm.spaces import Space

BY_HAND = {
    "baby cry": "Baby cry, infant cry", "chainsaw": "Chainsaw", "clock tick": "Tick-tock", "dog bark": "Bark",
    "fire crackling": "Crackle", "helicopter": "Helicopter", "person sneeze": "Sneeze", "rain": "Rain",
    "rooster": "Crowing, cock-a-doodle-doo", "sea waves": "Waves, surf",
}  # fmt: skip
"""The class of YAMNet that a person would take for each label."""

Float = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Esc10:
    """Shares of the sounds that were told right."""

    sounds: int
    tower: Interval
    nearest: Interval
    """YAMNet's scores of the classes whose names lie nearest to the labels."""
    by_hand: Interval
    """YAMNet's scores of the classes that a person chose."""

    def table(self) -> str:
        """As Markdown."""
        rows = {
            "sound tower, labels as prompts": self.tower,
            "YAMNet, the classes nearest in words": self.nearest,
            "YAMNet, the classes chosen by hand": self.by_hand,
        }
        body = [f"| {name} | {one.mean:.1%} | {one.low:.1%} to {one.high:.1%} |" for name, one in rows.items()]
        return "\n".join([f"| ESC-10, {self.sounds} sounds | accuracy | 95 % interval |", "| --- | --- | --- |", *body])


def evaluate_esc10(space: Space, reader: MediaReader, folder: Path, split: str = "dev") -> Esc10:
    """Every clip of the split, with the space as it is served. Raises `InvalidInput`, and what the reader raises."""
    rows = [row for row in read_esc10(folder) if row.split == split]
    if not rows:
        raise InvalidInput(f"{folder} has no sounds in the split {split!r}.")
    labels = sorted({row.label for row in rows})
    right_N = np.array([labels.index(row.label) for row in rows])
    waveforms = [whole(reader, row.path) for row in rows]
    prompts = space.sentences.embed(labels)
    vectors = [space.sound.embed(waveform, speech=True) for waveform in waveforms]
    scores_NC = np.stack([prompts @ vector if vector is not None else np.zeros(len(labels)) for vector in vectors])
    classes_NK = np.stack([_classes(space.sound, waveform) for waveform in waveforms])
    named = space.sentences.embed(space.sound.names)
    nearest_C = (prompts @ named.T).argmax(1)
    by_hand = {label: space.sound.names.index(name.lower()) for label, name in BY_HAND.items()}
    by_hand_C = [by_hand.get(label, int(nearest)) for label, nearest in zip(labels, nearest_C, strict=True)]
    return Esc10(
        len(rows),
        bootstrap(correct(scores_NC, right_N)),
        bootstrap(correct(classes_NK[:, nearest_C], right_N)),
        bootstrap(correct(classes_NK[:, by_hand_C], right_N)),
    )


def whole(reader: MediaReader, path: Path) -> Waveform:
    """The whole sound of a file."""
    return reader.waveform(path, path.name, Span(0.0, reader.probe(path, path.name).duration))


def _classes(tower: SoundTower, waveform: Waveform) -> Float:
    """(K,) mean scores of YAMNet's classes, over the whole clip and silence too, as it is used by itself."""
    _, scores_PK = tower.scores(log_mel(patches(waveform, patch_starts(len(waveform)))))
    return np.asarray(scores_PK.mean(0))
