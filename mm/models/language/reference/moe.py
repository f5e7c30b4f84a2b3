"""The MoE layer: shared experts plus the weighted sum of the selected routed experts.

Shared and many small routed experts as in DeepSeekMoE (Dai et al. 2024, arXiv:2401.06066).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.models.language.config import LanguageConfig
from mm.models.language.reference.router import Routing, route
from mm.models.language.reference.swiglu import swiglu
from mm.models.language.weights import Weights

Float = npt.NDArray[np.float32]


def apply_moe(
    config: LanguageConfig, weights: Weights, prefix: str, x_TD: Float, expert_bias_A: Float | None = None
) -> tuple[Float, Routing]:
    """Output (T, D) of the MoE layer whose weights have this prefix, and which experts it used.

    `expert_bias_A` is added to the bias of the router, see `expert_bias`.
    """
    bias = weights[prefix + "gate.e_score_correction_bias"]
    bias = bias if expert_bias_A is None else bias + expert_bias_A
    routing = route(x_TD, weights[prefix + "gate.weight"], bias, config.num_experts_per_tok)
    shared = swiglu(x_TD, *(weights[f"{prefix}shared_experts.{name}_proj.weight"] for name in ("gate", "up", "down")))
    routed = apply_experts(x_TD, routing, weights[prefix + "experts.gate_up_proj"], weights[prefix + "experts.down_proj"])
    return shared + routed, routing


def apply_experts(x_TD: Float, routing: Routing, gate_up_EID: Float, down_EDI: Float) -> Float:
    """The weighted sum (T, D) of the selected real experts; null experts are skipped.

    `gate_up_EID` holds the rows of gate_proj, then those of up_proj.
    """
    output = np.zeros_like(x_TD)
    for expert in np.unique(routing.indices_TK):
        if expert >= len(down_EDI):
            continue
        tokens, places = np.nonzero(routing.indices_TK == expert)
        gate_proj, up_proj = np.split(gate_up_EID[expert], 2)
        output[tokens] += routing.weights_TK[tokens, places, None] * swiglu(x_TD[tokens], gate_proj, up_proj, down_EDI[expert])
    return output
