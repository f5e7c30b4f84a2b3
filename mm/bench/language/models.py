"""The models that are measured: name of a weight format and weights to sizes and graphs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from mm.models.language.base_weights import round_weights
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.graph.weight_format import WeightFormat
from mm.models.language.smollm2 import find_smollm2, read_config, read_weights
from mm.models.language.upcycling import add_experts
from mm.models.language.weights import Float, list_weight_shapes

FORMATS: Mapping[str, WeightFormat] = {
    "fp32": WeightFormat("fp32"),
    "fp16": WeightFormat("fp16"),
    "int8": WeightFormat("int8"),
    "int4": WeightFormat("int4"),
    "int4, float32 activations": WeightFormat("int4", int8_activations=False),
}
EXPERTS = {"num_experts": 128, "num_null_experts": 2, "num_experts_per_tok": 3}
"""Those that the language model adds to its upper layers."""

Weights = dict[str, Float]


def draw_small(num_layers: int, vocab_size: int, expert_width: int, expert_layers: int) -> tuple[LanguageConfig, Weights]:
    """Random weights of SmolLM2's sizes, with other numbers of layers and tokens."""
    config = _enlarge(LanguageConfig(num_hidden_layers=num_layers, vocab_size=vocab_size), expert_width, expert_layers)
    random = np.random.default_rng(0)
    weights = {}
    for name, shape in list_weight_shapes(config).items():
        values = random.standard_normal(shape, np.float32) * np.float32(shape[-1] ** -0.5)
        weights[name] = values + np.float32(name.endswith("norm.weight"))
    return config, weights


def read_builtin(additions: Path | None, expert_width: int, expert_layers: int) -> tuple[LanguageConfig, Weights, list[str]]:
    """SmolLM2, with additions or with experts of random routers, which add nothing.

    The last value names the matrices that `write_graphs` takes as precise. Raises what
    `find_smollm2` and `load_additions` raise.
    """
    file = read_gguf(find_smollm2())
    config = read_config(file)
    weights = read_weights(file, config)
    if additions is not None:
        from mm.models.language.checkpoint.file import load_additions

        added = load_additions(additions)
        precise = list(added.updates)
        weights |= round_weights({name: weights[name] for name in precise})
        return added.config, added.merge(weights), precise
    config = _enlarge(config, expert_width, expert_layers)
    return config, add_experts(config, weights, seed=0) if expert_width else weights, []


def prepare(weights: Weights, weight_format: WeightFormat, precise: Collection[str] = ()) -> Weights:
    """Weights as `write_graphs` takes them: it rounds for INT4; others begin with these values."""
    if weight_format.precision == "int4":
        return weights
    return round_weights({name: weight for name, weight in weights.items() if name not in precise}) | {
        name: weights[name] for name in precise
    }


def _enlarge(config: LanguageConfig, expert_width: int, expert_layers: int) -> LanguageConfig:
    if not expert_width:
        return config
    first = max(0, config.num_hidden_layers - expert_layers)
    return replace(config, **EXPERTS, moe_intermediate_size=expert_width, first_k_dense_replace=first)
