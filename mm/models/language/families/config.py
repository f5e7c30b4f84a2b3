"""The hyperparameters of a checkpoint, from the `config.json` that transformers writes.

What can be seen in the weights is not here: biases, norms of queries and keys, shared experts, and
which layers have experts.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from mm.errors import Corrupt, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ARCHITECTURES: dict[str, Literal["none", "softmax", "sigmoid"]] = {
    "LlamaForCausalLM": "none",
    "MistralForCausalLM": "none",
    "Qwen2ForCausalLM": "none",
    "Qwen3ForCausalLM": "none",
    "SmolLM3ForCausalLM": "none",
    "GraniteForCausalLM": "none",
    "MixtralForCausalLM": "softmax",
    "Qwen2MoeForCausalLM": "softmax",
    "Qwen3MoeForCausalLM": "softmax",
    "GraniteMoeForCausalLM": "softmax",
    "GraniteMoeSharedForCausalLM": "softmax",
    "Glm4MoeForCausalLM": "sigmoid",
    "Dots1ForCausalLM": "sigmoid",
}
"""The architectures that the network covers, and how their routers score experts."""
ALWAYS_NORMALIZED = frozenset({"MixtralForCausalLM", "GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM"})
"""Their weights of the selected experts have the sum 1, whatever the file says."""
FULL_WINDOW = 0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Rotary position embedding (arXiv:2104.09864), with the scaling of long contexts."""

    theta: float
    rotated_share: float = 1.0
    """Share of a head that is rotated, its first elements."""
    kind: Literal["default", "linear", "llama3"] = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position_embeddings: int = 8192


@dataclass(frozen=True, slots=True)
class RouterConfig:
    score: Literal["softmax", "sigmoid"]
    num_experts_per_tok: int
    norm_topk_prob: bool
    """Whether the weights of the selected experts are divided by their sum."""
    routed_scaling_factor: float = 1.0
    n_group: int = 1
    """Experts are in groups, of which `topk_group` are selected first, by their two best."""
    topk_group: int = 1

    def can_select_from(self, num_experts: int) -> bool:
        """Whether so many experts form the groups, and those selected have enough of them."""
        if self.n_group <= 1:
            return 1 <= self.num_experts_per_tok <= num_experts
        size, rest = divmod(num_experts, self.n_group)
        is_divided = rest == 0 and size >= 2 and 1 <= self.topk_group <= self.n_group
        return is_divided and 1 <= self.num_experts_per_tok <= self.topk_group * size


@dataclass(frozen=True, slots=True)
class FamilyConfig:
    architecture: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope: RopeConfig
    router: RouterConfig | None
    attention_scale: float
    embedding_multiplier: float = 1.0
    residual_multiplier: float = 1.0
    logits_scaling: float = 1.0
    rotated_layers: tuple[bool, ...] = ()
    """Whether a layer has the rotary embedding; empty: all."""
    windows: tuple[int, ...] = ()
    """Tokens that a layer attends to, `FULL_WINDOW` for all; empty: all, in all layers."""
    eos_token_ids: tuple[int, ...] = ()

    def is_rotated(self, layer: int) -> bool:
        return not self.rotated_layers or self.rotated_layers[layer]

    def window(self, layer: int) -> int:
        return self.windows[layer] if self.windows else FULL_WINDOW


def read_family_config(folder: Path) -> FamilyConfig:
    """Raises `Corrupt` for a missing or invalid file, `UnsupportedMedia` for an architecture, an
    activation or a rotary scaling that the network does not cover."""
    stored = read_json(folder / "config.json")
    (architecture, *_) = _get(stored, "architectures", list, [""])
    if architecture not in ARCHITECTURES:
        raise UnsupportedMedia(
            f"{folder} has the architecture {architecture or 'unknown'}; supported are {', '.join(ARCHITECTURES)}."
            " Other models can be used from a server (MM_LANGUAGE_URL)."
        )
    if (activation := stored.get("hidden_act", "silu")) != "silu":
        raise UnsupportedMedia(f"{folder} has the activation {activation}; silu is supported.")
    heads, width = _get(stored, "num_attention_heads", int), _get(stored, "hidden_size", int)
    head_dim = _get(stored, "head_dim", int, width // max(heads, 1))
    num_layers = _get(stored, "num_hidden_layers", int)
    config = FamilyConfig(
        architecture=architecture,
        hidden_size=width,
        num_hidden_layers=num_layers,
        num_attention_heads=heads,
        num_key_value_heads=_get(stored, "num_key_value_heads", int, heads),
        head_dim=head_dim,
        vocab_size=_get(stored, "vocab_size", int),
        max_position_embeddings=_get(stored, "max_position_embeddings", int),
        rms_norm_eps=_get(stored, "rms_norm_eps", float),
        rope=_read_rope(folder, stored),
        router=_read_router(architecture, stored),
        attention_scale=_get(stored, "attention_multiplier", float, head_dim**-0.5),
        embedding_multiplier=_get(stored, "embedding_multiplier", float, 1.0),
        residual_multiplier=_get(stored, "residual_multiplier", float, 1.0),
        logits_scaling=_get(stored, "logits_scaling", float, 1.0),
        rotated_layers=tuple(bool(flag) for flag in _get(stored, "no_rope_layers", list, [])),
        windows=_read_windows(stored, num_layers),
        eos_token_ids=_read_eos(folder, stored),
    )
    check_sizes(str(folder / "config.json"), config)
    return config


def check_sizes(source: str, config: FamilyConfig) -> None:
    """Raise `Corrupt` unless the sizes that `source` gives form a network."""
    sizes = (config.hidden_size, config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads,
             config.head_dim, config.vocab_size, config.max_position_embeddings)  # fmt: skip
    per_layer = (config.rotated_layers, config.windows)
    if min(sizes) < 1 or config.num_attention_heads % config.num_key_value_heads or config.head_dim % 2:
        raise Corrupt(f"The sizes in {source} do not form a network.")
    if any(values and len(values) != config.num_hidden_layers for values in per_layer):
        raise Corrupt(f"The lists in {source} do not have one value for each layer.")


def _read_rope(folder: Path, stored: Mapping[str, object]) -> RopeConfig:
    """`rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` before it."""
    values = _get(stored, "rope_parameters", dict, None) or _get(stored, "rope_scaling", dict, {})
    kind = values.get("rope_type", values.get("type", "default"))
    if kind not in ("default", "linear", "llama3"):
        raise UnsupportedMedia(f"{folder} has the rotary scaling {kind}; supported are default, linear and llama3.")
    both = {**stored, **values}
    share = _get(both, "partial_rotary_factor", float, 1.0)
    return RopeConfig(
        theta=_get(both, "rope_theta", float, 10_000.0),
        rotated_share=share,
        kind=kind,
        factor=_get(values, "factor", float, 1.0),
        low_freq_factor=_get(values, "low_freq_factor", float, 1.0),
        high_freq_factor=_get(values, "high_freq_factor", float, 4.0),
        original_max_position_embeddings=_get(values, "original_max_position_embeddings", int, 8192),
    )


def _read_router(architecture: str, stored: Mapping[str, object]) -> RouterConfig | None:
    score = ARCHITECTURES[architecture]
    if score == "none":
        return None
    return RouterConfig(
        score,
        _get(stored, "num_experts_per_tok", int),
        architecture in ALWAYS_NORMALIZED or _get(stored, "norm_topk_prob", bool, False),
        _get(stored, "routed_scaling_factor", float, 1.0),
        _get(stored, "n_group", int, 1),
        _get(stored, "topk_group", int, 1),
    )


def _read_windows(stored: Mapping[str, object], num_layers: int) -> tuple[int, ...]:
    window = _get(stored, "sliding_window", int, FULL_WINDOW)
    kinds = _get(stored, "layer_types", list, [])
    if not window or stored.get("use_sliding_window") is False:
        return ()
    if kinds:
        return tuple(window if kind == "sliding_attention" else FULL_WINDOW for kind in kinds)
    if stored.get("use_sliding_window"):  # Qwen2: the layers from `max_window_layers` on
        first = _get(stored, "max_window_layers", int, 0)
        return tuple(window if layer >= first else FULL_WINDOW for layer in range(num_layers))
    return (window,) * num_layers


def _read_eos(folder: Path, stored: Mapping[str, object]) -> tuple[int, ...]:
    path = folder / "generation_config.json"
    generation = read_json(path) if path.is_file() else {}
    ids = generation.get("eos_token_id", stored.get("eos_token_id"))
    ids = ids if isinstance(ids, list) else [ids]
    return tuple(token_id for token_id in ids if isinstance(token_id, int))


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object. Raises `Corrupt`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Corrupt(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise Corrupt(f"{path} is not a JSON object.")
    return cast("dict[str, object]", values)


def _get(stored: Mapping[str, object], name: str, kind: type[T], *default: T | None) -> T:
    """A value of this type; the default when it is missing or null."""
    value = stored.get(name)
    if value is None and default:
        return cast("T", default[0])
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, float) and not math.isfinite(value)):
        raise Corrupt(f"The value of {name} in config.json must be of the type {kind.__name__}, not {value!r:.40}.")
    return value
