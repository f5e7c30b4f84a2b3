"""Where in the space a sound belongs, as texts tell it: its label, the teacher's classes, captions
of sounds.

Names of arrays end in their axes: C labels, Q ways to say a label, K classes, N captions, D
dimensions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.sentences import Embed, embed_sentences
from mm.errors import InvalidInput
from mm.files import read_json_lines
from mm.numerics import normalize

Float = npt.NDArray[np.float32]

SAID = ("{}", "the sound of a {}", "{} can be heard", "a recording of {}")
"""Ways to say a label. The first is the prompt that sounds are told apart by."""
LIKE = 12
"""Captions that are nearest to a text, and close enough to say it in other words."""
CAPTIONS, SHORT = 6000, 8
"""Captions that are looked through, and words of the longest."""
CLOSE = 0.55
"""Least cosine of such a caption."""


def read_captions(folder: Path) -> list[str]:
    """Short captions of train, each once, the `CAPTIONS` first by their hash: long ones tell of
    several sounds at once.

    Raises `InvalidInput` when they cannot be read.
    """
    rows = read_json_lines(folder / "manifest.jsonl")
    short = {row["caption"] for row in rows if row["split"] == "train" and len(row["caption"].split()) <= SHORT}
    return sorted(short, key=lambda caption: hashlib.sha256(caption.encode()).digest())[:CAPTIONS]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as vectors, kept in a folder: what they mean, by the sentence encoder, and where they
    lie in the space."""

    kept: Path
    embed: Embed | None = None
    """Of the space; None where it shares the sentence encoder, as `lite` does."""

    def meant(self, texts: Sequence[str], name: str) -> Float:
        """(N, D), to find what says the same in other words."""
        return embed_sentences(texts, self.kept / f"{name}.npz")

    def placed(self, texts: Sequence[str], name: str) -> Float:
        """(N, D)"""
        if self.embed is None:
            return self.meant(texts, name)
        return embed_sentences(texts, self.kept / f"{name}-placed.npz", self.embed)


def label_vectors(labels: list[str], captions: Path, texts: Texts) -> Float:
    """(C, Q, D): each label in the ways to say it, and captions that say it in other words; the
    prompt where these are few."""
    said, short = [way.format(label) for label in labels for way in SAID], read_captions(captions)
    meant_CQD = texts.meant(said, "labels").reshape(len(labels), len(SAID), -1)
    placed_CQD = texts.placed(said, "labels").reshape(len(labels), len(SAID), -1)
    captions_ND, placed_ND = texts.meant(short, "captions"), texts.placed(short, "captions")
    found = []
    for meant_QD, placed_QD in zip(meant_CQD, placed_CQD, strict=True):
        like = _like(meant_QD[0], captions_ND)
        filled = np.concatenate([placed_ND[like], np.repeat(placed_QD[:1], LIKE - len(like), axis=0)])
        found.append(np.concatenate([placed_QD, filled]))
    return np.stack(found)


def read_names(path: Path) -> list[str]:
    """The names of the teacher's classes as they are said: without what is in brackets, in lower
    case. Raises `InvalidInput`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(f"The names of the classes cannot be read from {path}: {error}.") from error
    return [re.sub(r"\s*\([^)]*\)", "", line).lower() for line in lines]


def class_vectors(names: Path, captions: Path, texts: Texts) -> Float:
    """(K, D) unit rows: the mean of a class's name and of the captions that are closest to it,
    where some are close."""
    said, short = read_names(names), read_captions(captions)
    captions_ND, placed_ND = texts.meant(short, "captions"), texts.placed(short, "captions")
    found = []
    for meant_D, placed_D in zip(texts.meant(said, "classes"), texts.placed(said, "classes"), strict=True):
        like = _like(meant_D, captions_ND)
        found.append(placed_D + normalize(placed_ND[like].mean(0)) if len(like) else placed_D)
    return np.stack([normalize(row) for row in found])


def _like(text_D: Float, captions_ND: Float) -> npt.NDArray[np.int64]:
    cosines = captions_ND @ text_D
    best = np.argsort(-cosines, kind="stable")[:LIKE]
    return np.asarray(best[cosines[best] >= CLOSE])
