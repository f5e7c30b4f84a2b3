"""One vector a file, which text vectors are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mm.data.sets.types import SetItem
from mm.errors import InvalidInput
from mm.evaluation.features.types import Features
from mm.numerics import mean_direction
from mm.spaces.types import Vectors

KINDS = ("picture", "sound")


@dataclass(frozen=True, slots=True, eq=False)
class FileVectors:
    """Files with features, in the order of the set, and one vector (D,) each as rows (N, D)."""

    items: tuple[SetItem, ...]
    vectors_ND: Vectors
    kind: str
    """`picture`, or `sound` where no file has a picture."""


def gather_vectors(items: Sequence[SetItem], features: Mapping[str, Features]) -> FileVectors:
    """The mean direction of the pictures of each file; of files without pictures, of its sounds.

    A set is compared by one kind of evidence: pictures, if any file has one. Files without that
    kind have a zero vector, whose cosine with every text is 0. Raises `InvalidInput` when no
    file has features.
    """
    having = [item for item in items if item.id in features]
    if not having:
        raise InvalidInput("No file of the set could be encoded.")
    found = [features[item.id].vectors for item in having]
    kind = next((kind for kind in KINDS if any(kind in vectors for vectors in found)), "")
    if not kind:
        raise InvalidInput("The files of the set have neither pictures nor sounds that could be encoded.")
    size = next(len(vectors[kind][0]) for vectors in found if kind in vectors)
    rows = [mean_direction(vectors[kind]) if kind in vectors else np.zeros(size, np.float32) for vectors in found]
    return FileVectors(tuple(having), np.stack(rows), kind)
