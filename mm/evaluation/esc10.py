"""Zero-shot classification of ESC-10 by its class names, beside YAMNet's own classes.

Names of arrays end in their axes: N clips, C labels, P patches, K classes of YAMNet.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.esc10 import read_esc10
from mm.errors import InvalidInput
from mm.media.types import Span
from mm.metrics import Measure, Report, bootstrap, one_hot_relevance, recall_at
from mm.models.sound.tower import compute_patch_starts
from mm.models.sound.yamnet import compute_log_mel, cut_patches

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.media.types import Waveform
    from mm.models.sound.tower import SoundTower
    from mm.spaces import Space

HAND_PICKED = {
    "baby cry": "baby cry, infant cry", "chainsaw": "chainsaw", "clock tick": "tick-tock", "dog bark": "bark",
    "fire crackling": "crackle", "helicopter": "helicopter", "person sneeze": "sneeze", "rain": "rain",
    "rooster": "crowing, cock-a-doodle-doo", "sea waves": "waves, surf",
}  # fmt: skip
"""The hand-picked class of YAMNet for each label."""

Float = npt.NDArray[np.floating]


def evaluate(space: Space, reader: MediaReader, folder: Path, split: str = "dev") -> Report:
    """Measure the accuracy on all clips of the split, with the space as it is served.

    Raises `InvalidInput` for unreadable data, and the errors of the reader.
    """
    rows = [row for row in read_esc10(folder) if row.split == split]
    if not rows:
        raise InvalidInput(f"{folder} has no clips in the split {split!r}.")
    labels = sorted({row.label for row in rows})
    relevant_NC = one_hot_relevance(np.array([labels.index(row.label) for row in rows]), len(labels))
    recordings_N = np.unique([row.group for row in rows], return_inverse=True)[1]
    waveforms = [read_waveform(reader, row.path) for row in rows]
    prompts, meanings = space.sound_text.embed(labels), space.sentences.embed(labels)
    vectors = [space.sound.embed(waveform, speech=True) for waveform in waveforms]
    scores_NC = np.stack([prompts @ vector if vector is not None else np.zeros(len(labels)) for vector in vectors])
    classes_NK = np.stack([score_classes(space.sound, waveform) for waveform in waveforms])
    nearest_C = (meanings @ space.sentences.embed(space.sound.names).T).argmax(1)
    hand_picked = {label: space.sound.names.index(name) for label, name in HAND_PICKED.items() if name in space.sound.names}
    hand_picked_C = [hand_picked.get(label, int(nearest)) for label, nearest in zip(labels, nearest_C, strict=True)]
    scores = {
        "sound tower, labels as prompts": scores_NC,
        "YAMNet itself, the class nearest in words": classes_NK[:, nearest_C],
        "YAMNet itself, the class chosen by hand": classes_NK[:, hand_picked_C],
    }
    return Report(
        f"Accuracy on {len(rows)} clips of {split}, {len(labels)} labels, random {1 / len(labels):.1%}",
        tuple(Measure(name, bootstrap(recall_at(values, relevant_NC, 1), recordings_N)) for name, values in scores.items()),
    )


def read_waveform(reader: MediaReader, path: Path) -> Waveform:
    """Read all audio of a file."""
    return reader.waveform(path, path.name, Span(0.0, reader.probe(path, path.name).duration))


def score_classes(tower: SoundTower, waveform: Waveform) -> Float:
    """Mean scores (K,) of YAMNet's classes over the whole clip, silence included."""
    _, scores_PK = tower.scores(compute_log_mel(cut_patches(waveform, compute_patch_starts(len(waveform)))))
    return np.asarray(scores_PK.mean(0))
