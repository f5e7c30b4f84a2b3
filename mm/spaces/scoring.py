"""From the vector of one part of a question to log-odds that are linear in the stored vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.numerics import Float64, log_odds, normalize
from mm.spaces.calibration import Bank, Calibrator
from mm.spaces.types import Vector, Vectors


@dataclass(frozen=True, slots=True)
class BankStatistics:
    """What the cosines of one question vector with a bank are like."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, eq=False)
class LinearScore:
    """Log-odds weight @ v + bias for a stored unit vector v."""

    weight: Vector
    bias: float
    direction: Vector


def compute_bank_statistics(question: Vector, bank: Vectors) -> BankStatistics:
    """Statistics of a question vector (D,) against a bank (N, D)."""
    cosines = bank @ question
    return BankStatistics(float(cosines.mean()), max(float(cosines.std()), 1e-6))


def linearize(calibrator: Calibrator, question: Vector, bank: Vectors, depictable: float) -> LinearScore:
    """The calibrator, filled in for one question vector (D,) and the log-probability that it can be
    shown."""
    seen = compute_bank_statistics(question, bank)
    slope = calibrator.cosine + calibrator.z_score / seen.deviation
    bias = calibrator.bias - calibrator.z_score * seen.mean / seen.deviation + calibrator.depictable * depictable
    return LinearScore((slope * question).astype(np.float32), bias, question)


def combine(parts: Sequence[tuple[LinearScore, float]], prior: float, mixing: float) -> LinearScore:
    """Several looks at the same evidence: what each adds to the log-odds of the `prior`, times its
    weight, is summed.

    Where there is more than one, each counts by `mixing` too, since what they see is not
    independent.
    """
    if len(parts) == 1 and parts[0][1] == 1.0:
        return parts[0][0]
    before = log_odds(prior)
    shares = [share * (mixing if len(parts) > 1 else 1.0) for _, share in parts]
    weight = np.stack([np.float32(share) * part.weight for share, (part, _) in zip(shares, parts, strict=True)]).sum(0)
    bias = before + sum(share * (part.bias - before) for share, (part, _) in zip(shares, parts, strict=True))
    return LinearScore(weight, bias, normalize(weight))


def compute_cosines(questions_QD: Vectors, evidence_ED: Vectors, bank_BD: Vectors) -> tuple[Float64, Float64]:
    """Cosines (Q, E), and the same in deviations above each question's mean over the bank."""
    cosines_QE = (questions_QD @ evidence_ED.T).astype(np.float64)
    seen = [compute_bank_statistics(question, bank_BD) for question in questions_QD]
    mean_Q1 = np.array([[one.mean] for one in seen])
    deviation_Q1 = np.array([[one.deviation] for one in seen])
    return cosines_QE, (cosines_QE - mean_Q1) / deviation_Q1


def compute_logits(
    calibrator: Calibrator, questions_QD: Vectors, evidence_ED: Vectors, bank_BD: Vectors, depictable_Q: Float64 | None = None
) -> Float64:
    """Log-odds (Q, E) of the calibrator, for all pairs at once: the twin of `linear`."""
    cosines_QE, standards_QE = compute_cosines(questions_QD, evidence_ED, bank_BD)
    found: Float64 = calibrator.bias + calibrator.cosine * cosines_QE + calibrator.z_score * standards_QE
    return found if depictable_Q is None else found + calibrator.depictable * depictable_Q[:, None]


def depictable(text: Vector, bank: Bank) -> float:
    """Log-probability, at most 0, that a text vector (D,) is of the sort that people caption or
    name pictures with.

    The chance that a picture answers is this chance times the one that the picture shows it. A sum
    of log-odds would not do: how well a caption can be depicted says nothing about which picture it
    describes.
    """
    return _log_chance(text, bank.depictable)


def audible(text: Vector, bank: Bank) -> float:
    """The same that a text vector is of the sort that people describe sounds with."""
    return _log_chance(text, bank.audible)


def _log_chance(text: Vector, weights: Vector) -> float:
    return -float(np.logaddexp(0.0, -(text @ weights[:-1] + weights[-1])))
