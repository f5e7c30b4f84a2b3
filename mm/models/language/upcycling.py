"""Adds routed experts to a dense model.

Sparse upcycling (Komatsuzaki et al. 2022, arXiv:2212.05055) that keeps the feed-forward network of
each layer as the shared expert. The routed experts are new and add nothing at first, so that the
model computes what it did before.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.weights import Weights, check_weights, list_weight_shapes

Float = npt.NDArray[np.float32]

ROUTER_STD = 0.02
"""Standard deviation of new router weights."""


def add_experts(config: LanguageConfig, dense: Weights, seed: int) -> dict[str, Float]:
    """Weights of the MoE model `config` from those of the same model without experts.

    Raises `InvalidInput` unless there is one shared expert, and `Corrupt` when `dense` are other
    weights.
    """
    if config.num_shared_experts != 1:
        raise InvalidInput(
            f"num_shared_experts must be 1, not {config.num_shared_experts}: it is the network of the dense model."
        )
    check_weights(replace(config, num_experts=0, num_null_experts=0), dense)
    random = np.random.default_rng(seed)
    return {name: _make_weight(name, shape, dense, random) for name, shape in list_weight_shapes(config).items()}


def _make_weight(name: str, shape: tuple[int, ...], dense: Weights, random: np.random.Generator) -> Float:
    source = name.replace("mlp.shared_experts.", "mlp.")
    if source in dense:
        return dense[source]
    if name.endswith(("experts.down_proj", "e_score_correction_bias")):
        return np.zeros(shape, np.float32)
    std = ROUTER_STD if name.endswith("gate.weight") else shape[-1] ** -0.5
    return (std * random.standard_normal(shape, np.float32)).astype(np.float32)
