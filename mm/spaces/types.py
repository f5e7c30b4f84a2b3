"""What a space hands out: its name, and a question in the form that an index can answer.

A question is a set of probes. A probe looks at one kind of evidence and gives the probability that
a stored unit vector v answers: sigmoid(weight @ v + bias). It is linear in v, so that an exact
inner product search finds the best.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.schemas import EvidenceKind

Vector = npt.NDArray[np.float32]
"""Shape (dim,)."""
Vectors = npt.NDArray[np.float32]
"""Shape (N, dim), rows of length 1."""

_ID = re.compile(r"([a-z][a-z0-9-]*)@([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, order=True)
class SpaceId:
    """Vectors may be compared when their spaces have the same name and the same version, and never
    otherwise."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> SpaceId:
        """The opposite of `str`: `lite@1`. Raises `InvalidInput`."""
        found = _ID.fullmatch(text)
        if found is None:
            raise InvalidInput(f"{text[:80]!r} names no space; a space is named like lite@1.")
        return cls(found[1], int(found[2]))


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceQuery:
    """A calibrated look at one kind of evidence. `direction` is the unit vector whose cosine with v
    is shown to a person."""

    kind: EvidenceKind
    weight: Vector
    bias: float
    direction: Vector

    def logits(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Log-odds (N,) that each row answers."""
        return vectors @ self.weight + np.float32(self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """An encoded question: at most one probe for each kind of evidence."""

    evidence_queries: tuple[EvidenceQuery, ...]
    space: SpaceId
    floor: float
    """Calibrated probability from which a hit is likely, all evidence together."""
    possible: float | None = None
    """Probability from which a hit is possible; below it nothing matches. None where only likely
    hits are returned."""
    transcript: str | None = None
    """The words heard in a sound that was asked with."""
    near_duplicate_cosine: float | None = None
    """Cosine from which on two pieces of evidence of one kind show or say the same; None where that
    is not known."""
    notes: tuple[str, ...] = ()
    """What the question could not take into account, a sentence each."""
    negations: tuple[EvidenceQuery, ...] = ()
    """Looks at what must not be there, any number for a kind: p of a moment is that of answering
    times that of none of these."""
