"""The router of an MoE layer: which experts compute a token, and with what weights.

Scores are sigmoids, the experts of the k highest biased scores are selected, and the weights are
the unbiased scores divided by their sum, as in DeepSeek-V3 (arXiv:2412.19437, section 2.1.2). The
bias balances the use of experts without an auxiliary loss (Wang et al. 2024, arXiv:2408.15664).

Null experts (AdaMoE, Zeng et al. 2024, arXiv:2406.13233) are selected like the real ones and
compute nothing: a token of which n selected experts are null costs k - n. They take part in the
sum, so the routed output of such a token is smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.numerics import sigmoid

Float = npt.NDArray[np.float32]

MIN_SUM = 1e-20
"""Added to the sum of the selected scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Routing:
    """The selected experts of tokens T."""

    scores_TE: Float
    """Of all experts, the real ones first, then the null experts."""
    indices_TK: npt.NDArray[np.int64]
    """The selected ones, in descending order of their biased score."""
    weights_TK: Float
    """Of the selected ones; each row has the sum 1."""


def route(x_TD: Float, gate_ED: Float, bias_E: Float, num_experts_per_tok: int) -> Routing:
    """Select experts for the inputs of an MoE layer, the normalised output of the attention."""
    scores = sigmoid(x_TD @ gate_ED.T)
    indices = np.argsort(-(scores + bias_E), axis=1, kind="stable")[:, :num_experts_per_tok]
    selected = np.take_along_axis(scores, indices, axis=1)
    return Routing(scores, indices, selected / (selected.sum(axis=1, keepdims=True) + np.float32(MIN_SUM)))
