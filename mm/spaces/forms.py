"""From the vector of one part of a question to log-odds that are linear in the stored vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.spaces.calibration import Form
from mm.spaces.types import Vector, Vectors


@dataclass(frozen=True, slots=True)
class Reach:
    """What the cosines of one question vector with a bank are like."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Log-odds weight @ v + bias for a stored unit vector v."""

    weight: Vector
    bias: float
    direction: Vector


def reach(question: Vector, bank: Vectors) -> Reach:
    """Statistics of a question vector (D,) against a bank (N, D)."""
    cosines = bank @ question
    return Reach(float(cosines.mean()), max(float(cosines.std()), 1e-6))


def linear(form: Form, question: Vector, bank: Vectors, depictable: float) -> Linear:
    """The form, filled in for one question vector (D,) and the log-probability that it can be shown."""
    seen = reach(question, bank)
    slope = form.cosine + form.standard / seen.deviation
    bias = form.bias - form.standard * seen.mean / seen.deviation + form.depictable * depictable
    return Linear((slope * question).astype(np.float32), bias, question)


def mixed(parts: Sequence[tuple[Linear, float]], prior: float, mixing: float) -> Linear:
    """Several looks at the same evidence: what each adds to the log-odds of the `prior`, times its weight, is summed.

    Where there is more than one, each counts by `mixing` too, since what they see is not independent.
    """
    if len(parts) == 1 and parts[0][1] == 1.0:
        return parts[0][0]
    before = log_odds(prior)
    shares = [share * (mixing if len(parts) > 1 else 1.0) for _, share in parts]
    weight = np.stack([np.float32(share) * part.weight for share, (part, _) in zip(shares, parts, strict=True)]).sum(0)
    bias = before + sum(share * (part.bias - before) for share, (part, _) in zip(shares, parts, strict=True))
    return Linear(weight, bias, unit(weight))


def log_odds(probability: float) -> float:
    """Of a probability between 0 and 1."""
    return float(np.log(probability / (1 - probability)))


def unit(vector: Vector) -> Vector:
    """The vector at length 1; a zero vector stays."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)
