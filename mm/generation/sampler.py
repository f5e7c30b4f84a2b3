"""Selection of the next tokens from logits, for a whole batch, reproducible by seed.

The token of a row depends on the logits, the parameters, the seed and the step of this row, and not
on the other rows: the random number of a row is a hash of its seed and step (the output function of
SplitMix64; Steele, Lea and Flood, OOPSLA 2014), and the distribution is inverted in the order of
the token ids. Truncation compares values with a threshold, so that tokens of equal probability are
kept or removed together, as in vLLM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.generation.request import TokenLogprobs
from mm.generation.runner import RowSampling
from mm.numerics import select_top

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.generation.request import SamplingParams
    from mm.numerics import Float32, Float64

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def sample_tokens(logits_LV: Float32, sampling: RowSampling) -> Int64:
    """The next token (L,) of each row; -1 where the highest logit is not finite."""
    tokens: Int64 = logits_LV.argmax(1).astype(np.int64)
    highest_L = logits_LV[np.arange(len(tokens)), tokens]  # NaN counts as the highest
    tokens[~np.isfinite(highest_L)] = -1
    rows = np.flatnonzero((sampling.temperatures_L > 0) & (tokens >= 0))
    if not len(rows):
        return tokens
    logits = logits_LV[rows].astype(np.float64)
    logits -= highest_L[rows, None]
    _truncate_to_top_k(logits, sampling.top_ks_L[rows])
    with np.errstate(over="ignore"):  # a tiny temperature: -inf has probability 0
        probabilities = np.exp(logits / sampling.temperatures_L[rows, None])
    _truncate_to_top_p(probabilities, sampling.top_ps_L[rows])
    tokens[rows] = _invert_distribution(probabilities, sampling.uniforms_L[rows])
    return tokens


def make_row_sampling(params: Sequence[SamplingParams], seeds: Sequence[int], steps: Sequence[int]) -> RowSampling:
    """`steps` are the numbers of tokens that were sampled before with the seed of the row."""
    if not any(row.temperature for row in params):  # a large batch of greedy requests
        zeros = np.zeros(len(params))
        return RowSampling(zeros, zeros.astype(np.int64), zeros + 1, zeros)
    return RowSampling(
        np.array([row.temperature for row in params], np.float64),
        np.array([row.top_k for row in params], np.int64),
        np.array([row.top_p for row in params], np.float64),
        uniform(np.array(seeds, np.uint64), np.array(steps, np.uint64)),
    )


def uniform(seeds: UInt64, steps: UInt64) -> Float64:
    """A number of [0, 1) for each pair of seed and step."""
    bits = _mix(_mix(seeds) + GOLDEN * (steps + np.uint64(1))) >> np.uint64(11)
    numbers: Float64 = bits.astype(np.float64) * 2.0**-53
    return numbers


def _mix(values: UInt64) -> UInt64:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _truncate_to_top_k(logits: Float64, top_k: Int64) -> None:
    """Set all but the `top_k` highest logits of each row to -inf, in place; 0 keeps all."""
    rows = np.flatnonzero((top_k > 0) & (top_k < logits.shape[1]))
    if len(rows):
        places = logits.shape[1] - top_k[rows]
        ordered = np.partition(logits[rows], np.unique(places), axis=1)
        thresholds = ordered[np.arange(len(rows)), places]
        logits[rows] = np.where(logits[rows] >= thresholds[:, None], logits[rows], -np.inf)


def _truncate_to_top_p(probabilities: Float64, top_p: Float64) -> None:
    """Set the tokens outside of the smallest set that has the share `top_p` to 0, in place."""
    rows = np.flatnonzero(top_p < 1)
    if len(rows):
        ordered = -np.sort(-probabilities[rows], axis=1)
        sums = ordered.cumsum(1)
        num_kept = 1 + (sums < top_p[rows, None] * sums[:, -1:]).sum(1)
        thresholds = ordered[np.arange(len(rows)), np.minimum(num_kept, ordered.shape[1]) - 1]
        probabilities[rows] = np.where(probabilities[rows] >= thresholds[:, None], probabilities[rows], 0.0)


def _invert_distribution(probabilities: Float64, uniforms: Float64) -> Int64:
    """The first token whose cumulative probability exceeds the number of its row."""
    sums = probabilities.cumsum(1)
    targets = np.minimum(uniforms * sums[:, -1], np.nextafter(sums[:, -1], 0))
    tokens: Int64 = (sums > targets[:, None]).argmax(1)
    return tokens


def token_logprobs(logits_V: Float32, token_id: int, num_top: int) -> TokenLogprobs:
    """Log probabilities of a token and of the `num_top` most probable ones; ties by token id."""
    shifted = logits_V.astype(np.float64) - float(logits_V.max())
    logprobs = shifted - np.log(np.exp(shifted).sum())
    top = select_top(logprobs, num_top)
    return TokenLogprobs(token_id, float(logprobs[token_id]), tuple((i, float(logprobs[i])) for i in top))
