"""Types of a space: its id, its vectors, and a query as an index evaluates it.

A `Query` consists of evidence queries, at most one for each kind of evidence. An `EvidenceQuery`
gives the probability that a stored unit vector v matches: sigmoid(weight @ v + bias). Its log-odds
are linear in v, so that exact inner product search returns the best matches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    from mm.spaces.text_queries.bands import TextFeatures

Vector = npt.NDArray[np.float32]
"""Shape (dim,)."""
Vectors = npt.NDArray[np.float32]
"""Shape (N, dim), rows of length 1."""

_ID = re.compile(r"([a-z][a-z0-9-]*)@([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, order=True)
class SpaceId:
    """Name and version of a space. Vectors may be compared only when both are equal."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> SpaceId:
        """Parse the form that `str` gives, such as `lite@1`. Raises `InvalidInput`."""
        match = _ID.fullmatch(text)
        if match is None:
            raise InvalidInput(f"{text[:80]!r} is not the id of a space; an id has the form lite@1.")
        return cls(match[1], int(match[2]))


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceQuery:
    """A calibrated linear classifier of one kind of evidence."""

    kind: EvidenceKind
    weight: Vector
    bias: float
    direction: Vector
    """Unit vector whose cosine with v is reported to the user."""

    def logits(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Log-odds (N,) that each row matches."""
        return vectors @ self.weight + np.float32(self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """An encoded query: at most one evidence query for each kind of evidence."""

    evidence_queries: tuple[EvidenceQuery, ...]
    space: SpaceId
    floor: float
    """Probability, over all evidence, from which a hit is likely."""
    possible: float | None = None
    """Probability from which a hit is possible; a lower one is no hit. None where only likely hits
    are returned."""
    transcript: str | None = None
    """The words of the speech in the audio of the query."""
    near_duplicate_cosine: float | None = None
    """Least cosine of near-duplicate evidence of one kind; None where it was not measured."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: what of the query was not used, and limits of the space."""
    text: TextFeatures | None = None
    """Of a query that is one text, for `mm.spaces.text_queries.bands`; None for other queries."""
    negations: tuple[EvidenceQuery, ...] = ()
    """Evidence queries for unwanted content, any number for a kind: the probability of a match is
    multiplied by the probability that none of these match."""
