"""A bias of the router for one sequence, which makes some experts more probable and others less.

It is added to the bias that balances the experts, so that it changes which ones are selected, not
their weights. Axes: M MoE layers, A real experts, then null experts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.language.config import LanguageConfig

Float = npt.NDArray[np.float32]

MAX_EXPERT_BIAS = 1.0
"""Largest absolute entry: scores are from 0 to 1, so that it can exclude an expert."""


def check_expert_bias(config: LanguageConfig, bias_MA: Float) -> None:
    """Raise `InvalidInput` unless the bias is of this model and bounded."""
    expected = (config.num_moe_layers, config.num_routed)
    if bias_MA.shape != expected:
        raise InvalidInput(
            f"The expert bias has the shape {bias_MA.shape}; the model has {expected[0]} MoE layers of {expected[1]}."
        )
    if not (np.abs(bias_MA) <= MAX_EXPERT_BIAS).all():  # NaN is refused too
        raise InvalidInput(f"Entries of the expert bias must be from {-MAX_EXPERT_BIAS} to {MAX_EXPERT_BIAS}.")
