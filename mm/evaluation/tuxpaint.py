"""Tux Paint's stamps: does what a thing sounds like find its picture, and its picture the sound? Is speech kept apart from sound?

Names of arrays end in their axes: S sounds, P pictures, N names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.evaluation.esc10 import whole
from mm.evaluation.ranking import Interval, average_precision, bootstrap, recall_at
from mm.evaluation.sound_sets import Stamp, read_tuxpaint

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.spaces import Space

KS = (1, 5)
SIDE = 512
"""Longest side at which pictures are decoded."""
SPOKEN = 200
"""Recordings of people who say a name, at most: the first of each stamp in turn."""

Float = npt.NDArray[np.floating]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of evidence asked for by another. Chance is what a random order gives, worked out, not drawn."""

    name: str
    questions: int
    recalls: dict[int, Interval]
    chances: dict[int, float]
    precision: Interval  # mAP@10

    def row(self) -> str:
        cells = []
        for k in KS:
            one = self.recalls[k]
            cells += [f"{one.mean:.1%} ({one.low:.0%}-{one.high:.0%})", f"{self.chances[k]:.1%}"]
        return " | ".join([f"| {self.name}", str(self.questions), *cells, f"{self.precision.mean:.3f} |"])


@dataclass(frozen=True, slots=True)
class TuxPaint:
    """What was found on one split."""

    ways: tuple[Way, ...]
    effects_kept: tuple[int, int]
    """Of so many effects (second), so many (first) leave evidence of a sound."""
    speech_apart: tuple[int, int]
    """Of so many recordings of speech, so many leave none."""

    def table(self) -> str:
        """As Markdown."""
        head = "| asked, answered by | questions | R@1 | chance | R@5 | chance | mAP@10 |"
        kept, apart = self.effects_kept, self.speech_apart
        told = f"Effects that are found as sounds: {kept[0]} of {kept[1]}. Spoken names that are not: {apart[0]} of {apart[1]}."
        return "\n".join([head, "| --- |" + " --- |" * 6, *(way.row() for way in self.ways), "", told])


def evaluate_tuxpaint(space: Space, reader: MediaReader, folder: Path, split: str = "dev") -> TuxPaint:
    """Every stamp of the split that has a sound, with the space as it is served.

    Raises `InvalidInput`, and what the reader raises.
    """
    stamps = [stamp for stamp in read_tuxpaint(folder) if stamp.split == split]
    sounding = [stamp for stamp in stamps if stamp.sound is not None]
    if not sounding:
        raise InvalidInput(f"{folder} has no stamps with sounds in the split {split!r}.")
    heard = [(stamp, space.sound.embed(whole(reader, stamp.sound), speech=True)) for stamp in sounding if stamp.sound]
    with_sound = [(stamp, vector) for stamp, vector in heard if vector is not None]
    sounds = np.stack([vector for _, vector in with_sound])
    pictures = space.image.embed([reader.image(stamp.picture, stamp.picture.name, longest=SIDE) for stamp in sounding])
    names = space.sentences.embed([stamp.text for stamp in sounding])
    sound_is = np.array([stamp.group for stamp, _ in with_sound])
    stamp_is = np.array([stamp.group for stamp in sounding])
    right_SP = sound_is[:, None] == stamp_is
    found_SP, said_NS = sounds @ pictures.T, names @ sounds.T
    answered = right_SP.any(0)
    return TuxPaint(
        (
            _way("a sound, its picture", found_SP, right_SP),
            _way("a picture, its sound", found_SP.T[answered], right_SP.T[answered]),
            _way("a name, its sound", said_NS[answered], right_SP.T[answered]),
        ),
        (sum(_is_evidence(space, reader, stamp.sound) for stamp in sounding if stamp.sound), len(sounding)),
        _apart(space, reader, stamps),
    )


def _way(name: str, scores: Float, right: Bool) -> Way:
    recalls = {k: bootstrap(recall_at(scores, right, k)) for k in KS}
    return Way(name, len(scores), recalls, {k: _chance(right, k) for k in KS}, bootstrap(average_precision(scores, right, 10)))


def _chance(right: Bool, k: int) -> float:
    """Mean over questions of the chance that one of r right among n is among k that are drawn."""
    n = right.shape[1]
    missed = [np.prod([(n - r - i) / (n - i) for i in range(min(k, n))]) for r in right.sum(1)]
    return float(1 - np.mean(np.maximum(missed, 0)))


def _apart(space: Space, reader: MediaReader, stamps: list[Stamp]) -> tuple[int, int]:
    turns = max(len(stamp.said) for stamp in stamps) if stamps else 0
    said = [stamp.said[turn] for turn in range(turns) for stamp in stamps if turn < len(stamp.said)][:SPOKEN]
    return sum(not _is_evidence(space, reader, path) for path in said), len(said)


def _is_evidence(space: Space, reader: MediaReader, path: Path) -> bool:
    return space.sound.embed(whole(reader, path)) is not None
