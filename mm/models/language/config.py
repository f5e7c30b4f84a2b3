"""The hyperparameters of the language model, in the names of transformers and DeepSeek-V3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class LanguageConfig:
    """A Llama decoder (arXiv:2302.13971) with tied embeddings, optionally with routed experts.

    The defaults are SmolLM2-135M-Instruct, without experts. Raises `InvalidInput` when the values
    do not form a network.
    """

    hidden_size: int = 576
    num_hidden_layers: int = 30
    num_attention_heads: int = 9
    num_key_value_heads: int = 3
    intermediate_size: int = 1536  # of a feed-forward network, and of a shared expert
    vocab_size: int = 49152
    max_position_embeddings: int = 8192  # tokens of a sequence
    rope_theta: float = 100_000.0
    rms_norm_eps: float = 1e-5
    num_experts: int = 0  # routed, in each MoE layer; 0 for a dense network
    num_null_experts: int = 0  # selected like the others, compute nothing
    num_experts_per_tok: int = 0  # selected for a token, null experts included
    num_shared_experts: int = 1  # of an MoE layer, each of `intermediate_size`, computed for all tokens
    moe_intermediate_size: int = 0  # of a routed expert
    first_k_dense_replace: int = 0  # the first layers that have no experts

    def __post_init__(self) -> None:
        self._require_positive("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
        self._require_positive("intermediate_size", "vocab_size", "max_position_embeddings", "rope_theta", "rms_norm_eps")
        if self.hidden_size % (2 * self.num_attention_heads):
            raise InvalidInput("hidden_size must be a multiple of twice num_attention_heads.")
        if self.num_attention_heads % self.num_key_value_heads:
            raise InvalidInput("num_attention_heads must be a multiple of num_key_value_heads.")
        if self.num_experts:
            self._require_experts()

    @property
    def head_dim(self) -> int:
        """Width of a head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def num_routed(self) -> int:
        """Experts that the router selects from: the real ones, then the null experts."""
        return self.num_experts + self.num_null_experts

    @property
    def shared_intermediate_size(self) -> int:
        """Width of all shared experts of a layer, which are computed as one."""
        return self.num_shared_experts * self.intermediate_size

    @property
    def num_moe_layers(self) -> int:
        """Layers that have routed experts: the last ones."""
        return self.num_hidden_layers - self.first_k_dense_replace if self.num_experts else 0

    def is_moe_layer(self, layer: int) -> bool:
        """Whether a layer has routed experts."""
        return self.num_experts > 0 and layer >= self.first_k_dense_replace

    def to_metadata(self) -> dict[str, float]:
        """The fields by name, as JSON numbers."""
        return asdict(self)

    @classmethod
    def from_metadata(cls, stored: Mapping[str, float]) -> LanguageConfig:
        """The opposite of `to_metadata`. Raises `TypeError` for unknown fields."""
        return cls(**stored)  # type: ignore[arg-type]

    def _require_positive(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) <= 0:
                raise InvalidInput(f"{name} must be positive, not {getattr(self, name)}.")

    def _require_experts(self) -> None:
        self._require_positive("num_experts", "num_experts_per_tok", "num_shared_experts", "moe_intermediate_size")
        if self.num_null_experts < 0:
            raise InvalidInput(f"num_null_experts must not be negative, not {self.num_null_experts}.")
        if self.num_experts_per_tok > self.num_routed:
            raise InvalidInput(f"num_experts_per_tok must be at most the {self.num_routed} real and null experts.")
        if not 0 <= self.first_k_dense_replace < self.num_hidden_layers:
            raise InvalidInput(f"first_k_dense_replace must be from 0 to {self.num_hidden_layers - 1}.")
