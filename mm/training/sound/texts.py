"""Target vectors of audio in a space, from texts: labels, the teacher's classes, captions of audio.

Names of arrays end in their axes: C labels, Q phrasings of a label, K classes, N captions, D
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

PHRASINGS = ("{}", "the sound of a {}", "{} can be heard", "a recording of {}")
"""Phrasings of a label. The first is the prompt that clips are classified by."""
NUM_PARAPHRASES = 12
"""Nearest captions that paraphrase a text, at most."""
MIN_COSINE = 0.55
"""Cosine of a caption with the text that it paraphrases, at least."""
MAX_CAPTIONS, MAX_CAPTION_WORDS = 6000, 8


def read_captions(folder: Path) -> list[str]:
    """Return distinct short captions of train, the first `MAX_CAPTIONS` in order of their hash.

    Longer captions describe several sounds at once. Raises `InvalidInput` when they cannot be read.
    """
    rows = read_json_lines(folder / "manifest.jsonl")
    short = {row["caption"] for row in rows if row["split"] == "train" and len(row["caption"].split()) <= MAX_CAPTION_WORDS}
    return sorted(short, key=lambda caption: hashlib.sha256(caption.encode()).digest())[:MAX_CAPTIONS]


@dataclass(frozen=True, slots=True)
class CachedTexts:
    """Embeds texts, with a cache in a folder, by the sentence encoder and in the target space."""

    cache: Path
    embed: Embed | None = None
    """Of the target space; None where it shares the sentence encoder, as `lite` does."""

    def embed_meaning(self, texts: Sequence[str], name: str) -> Float:
        """Sentence vectors (N, D), for finding paraphrases."""
        return embed_sentences(texts, self.cache / f"{name}.npz")

    def embed_target(self, texts: Sequence[str], name: str) -> Float:
        """Vectors (N, D) of the target space."""
        if self.embed is None:
            return self.embed_meaning(texts, name)
        return embed_sentences(texts, self.cache / f"{name}-placed.npz", self.embed)


def embed_labels(labels: list[str], captions: Path, texts: CachedTexts) -> Float:
    """Vectors (C, Q, D) of each label in all phrasings, and of captions that paraphrase it.

    The prompt fills the places of missing paraphrases.
    """
    phrased, short = [phrasing.format(label) for label in labels for phrasing in PHRASINGS], read_captions(captions)
    meaning_CQD = texts.embed_meaning(phrased, "labels").reshape(len(labels), len(PHRASINGS), -1)
    target_CQD = texts.embed_target(phrased, "labels").reshape(len(labels), len(PHRASINGS), -1)
    captions_ND, targets_ND = texts.embed_meaning(short, "captions"), texts.embed_target(short, "captions")
    rows = []
    for meaning_QD, target_QD in zip(meaning_CQD, target_CQD, strict=True):
        paraphrases = _find_paraphrases(meaning_QD[0], captions_ND)
        prompts = np.repeat(target_QD[:1], NUM_PARAPHRASES - len(paraphrases), axis=0)
        rows.append(np.concatenate([target_QD, targets_ND[paraphrases], prompts]))
    return np.stack(rows)


def read_names(path: Path) -> list[str]:
    """Read the class names in lower case, without what is in brackets. Raises `InvalidInput`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(f"The class names cannot be read from {path}: {error}.") from error
    return [re.sub(r"\s*\([^)]*\)", "", line).lower() for line in lines]


def embed_classes(names: Path, captions: Path, texts: CachedTexts) -> Float:
    """Unit rows (K, D): the mean of a class's name and of its paraphrases."""
    class_names, short = read_names(names), read_captions(captions)
    captions_ND, targets_ND = texts.embed_meaning(short, "captions"), texts.embed_target(short, "captions")
    rows = []
    meanings, targets = texts.embed_meaning(class_names, "classes"), texts.embed_target(class_names, "classes")
    for meaning_D, target_D in zip(meanings, targets, strict=True):
        paraphrases = _find_paraphrases(meaning_D, captions_ND)
        rows.append(target_D + normalize(targets_ND[paraphrases].mean(0)) if len(paraphrases) else target_D)
    return np.stack([normalize(row) for row in rows])


def _find_paraphrases(text_D: Float, captions_ND: Float) -> npt.NDArray[np.int64]:
    cosines = captions_ND @ text_D
    nearest = np.argsort(-cosines, kind="stable")[:NUM_PARAPHRASES]
    return np.asarray(nearest[cosines[nearest] >= MIN_COSINE])
