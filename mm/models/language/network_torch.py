"""The language model in torch, for training and GPUs, with the same weights as `reference.network`.

The residual stream, norms and the router are float32 whatever the precision of the weights or of
`torch.autocast`: a residual stream in bfloat16 changes answers. Names of tensors end in their axes:
B sequences, L new tokens, K tokens of the cache and new ones, H query heads, G key-value heads,
D head, W hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.errors import InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.moe_torch import MoE, Routing, SwiGLU
from mm.models.language.weights import Float, check_weights


@dataclass(slots=True, eq=False)
class TorchKVCache:
    """Keys and values of the tokens so far, in all layers. Positions from `length` are unused."""

    keys: Tensor
    """(layers, sequences, key-value heads, capacity, head); rotated."""
    values: Tensor
    """Like `keys`."""
    length: int = 0

    @classmethod
    def allocate(
        cls, config: LanguageConfig, num_sequences: int, capacity: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> TorchKVCache:
        """An empty cache of `capacity` tokens for each sequence."""
        shape = (config.num_hidden_layers, num_sequences, config.num_key_value_heads, capacity, config.head_dim)
        return cls(torch.zeros(shape, device=device, dtype=dtype), torch.zeros(shape, device=device, dtype=dtype))

    def store(self, layer: int, keys_BGLD: Tensor, values_BGLD: Tensor) -> tuple[Tensor, Tensor]:
        """Like `reference.attention.KVCache.store`, in the type of the arguments."""
        end = self.length + keys_BGLD.shape[2]
        self.keys[layer, :, :, self.length : end] = keys_BGLD
        self.values[layer, :, :, self.length : end] = values_BGLD
        return self.keys[layer, :, :, :end].to(keys_BGLD.dtype), self.values[layer, :, :, :end].to(values_BGLD.dtype)

    def select(self, rows: Tensor) -> TorchKVCache:
        """A copy with these sequences, some of which may be repeated, as for beams and samples."""
        return TorchKVCache(self.keys[:, rows], self.values[:, rows], self.length)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where new tokens stand and what they attend to, when not each to all before it."""

    positions_BL: Tensor
    """Of the new tokens, for the rotary embedding."""
    mask_BLK: Tensor
    """True where a new token attends to a token of the cache or a new one; one at least in each
    row."""


def place_after_padding(is_token_BK: Tensor, num_new: int) -> Placement:
    """The placement of sequences that are padded at their start, to be generated together.

    `is_token_BK` is False for padding among the tokens of the cache and the `num_new` new ones.
    """
    num_keys = is_token_BK.shape[1]
    places_K = torch.arange(num_keys, device=is_token_BK.device)
    places_L1 = places_K[num_keys - num_new :, None]
    positions_BL = (is_token_BK.long().cumsum(1) - 1).clamp(min=0)[:, num_keys - num_new :]
    # A token always attends to itself: a row of padding without any key would be NaN.
    return Placement(positions_BL, (places_K <= places_L1) & is_token_BK[:, None] | (places_K == places_L1))


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What the network computes for the new tokens of sequences."""

    hidden_BLW: Tensor
    """After the last norm, float32."""
    routings: list[Routing] = field(default_factory=list)
    """Of the MoE layers, in their order; tokens of the first sequence first."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What all layers of one call share."""

    cos_BLD: Tensor
    sin_BLD: Tensor
    mask_BLK: Tensor | None
    """As in `Placement`; None for causal attention without a cache, and for one new token."""
    is_causal: bool
    cache: TorchKVCache | None


class Attention(nn.Module):
    """See `reference.attention`."""

    def __init__(self, config: LanguageConfig, layer: int) -> None:
        super().__init__()
        width, kv_width = config.hidden_size, config.num_key_value_heads * config.head_dim
        self._layer, self._head_dim = layer, config.head_dim
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, kv_width, bias=False)
        self.v_proj = nn.Linear(width, kv_width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, x_BLW: Tensor, context: Context) -> Tensor:
        queries, keys, values = (
            project(x_BLW).unflatten(-1, (-1, self._head_dim)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        queries, keys = _rotate(queries, context), _rotate(keys, context)
        if context.cache is not None:
            keys, values = context.cache.store(self._layer, keys, values)
        output: Tensor = self.o_proj(_attend(queries, keys, values, context).transpose(1, 2).flatten(2))
        return output


class Layer(nn.Module):
    """A pre-norm transformer layer: attention and a dense or MoE network, each with a residual."""

    def __init__(self, config: LanguageConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.mlp: SwiGLU | MoE
        self.mlp = MoE(config) if config.is_moe_layer(layer) else SwiGLU(config.hidden_size, config.intermediate_size)

    def forward(self, x_BLW: Tensor, context: Context, expert_bias_BA: Tensor | None = None) -> tuple[Tensor, Routing | None]:
        return self.feed_forward(*self.attend(x_BLW, context), expert_bias_BA)

    def attend(self, x_BLW: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """The residual stream after attention, and its norm: the input of the network."""
        dtype = self.self_attn.q_proj.weight.dtype
        x_BLW = x_BLW + self.self_attn(_norm(self.input_layernorm, x_BLW).to(dtype), context).float()
        return x_BLW, _norm(self.post_attention_layernorm, x_BLW).to(dtype)

    def feed_forward(
        self, x_BLW: Tensor, normalized_BLW: Tensor, expert_bias_BA: Tensor | None = None
    ) -> tuple[Tensor, Routing | None]:
        """The residual stream after the network, and the routing of a MoE layer."""
        routing = None
        if isinstance(self.mlp, MoE):
            length = x_BLW.shape[1]
            output, routing = self.mlp(
                normalized_BLW, None if expert_bias_BA is None else expert_bias_BA.repeat_interleave(length, 0)
            )
        else:
            output = self.mlp(normalized_BLW)
        return x_BLW + output.float(), routing


class Decoder(nn.Module):
    """Embeddings, layers and the last norm; named `model` in a weights file."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)


class LanguageModel(nn.Module):
    """The decoder with its output layer, which is the embedding matrix."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)

    @classmethod
    def from_weights(cls, config: LanguageConfig, weights: Mapping[str, Float]) -> LanguageModel:
        """A model with these weights, in float32. Raises `Corrupt` when they are of another one."""
        check_weights(config, weights)
        with torch.device("meta"):
            model = cls(config)
        model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()}, assign=True)
        return model

    def embed_tokens(self, token_ids_BL: Tensor) -> Tensor:
        """Embeddings (B, L, W) of tokens."""
        embeddings: Tensor = self.model.embed_tokens(token_ids_BL)
        return embeddings

    def forward(
        self,
        inputs_embeds_BLW: Tensor,
        cache: TorchKVCache | None = None,
        placement: Placement | None = None,
        expert_bias_BMA: Tensor | None = None,
    ) -> Output:
        """Run the network over new tokens, given as embeddings, and append them to `cache`.

        Prefix embeddings, such as those of an image, are rows before those of the tokens. Without
        `placement` each token attends to all before it, which is right for padding at the end too.
        The output of padding is undefined. `expert_bias_BMA` holds the bias of each sequence, see
        `expert_bias`. Raises `InvalidInput` when the cache is too short.
        """
        context = make_context(self.config, inputs_embeds_BLW, cache, placement)
        x, routings = inputs_embeds_BLW.float(), list[Routing]()
        for layer in self.model.layers:
            x, routing = layer(x, context, None if expert_bias_BMA is None else expert_bias_BMA[:, len(routings)])
            if routing is not None:
                routings.append(routing)
        if cache is not None:
            cache.length += inputs_embeds_BLW.shape[1]
        return Output(_norm(self.model.norm, x), routings)

    def compute_logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., vocabulary) of the token after each hidden state."""
        weight = self.model.embed_tokens.weight
        return functional.linear(hidden.to(weight.dtype), weight)


def make_context(
    config: LanguageConfig,
    inputs_embeds_BLW: Tensor,
    cache: TorchKVCache | None = None,
    placement: Placement | None = None,
) -> Context:
    """What the layers of a call of `LanguageModel` share. Raises `InvalidInput` as it does."""
    length, device = inputs_embeds_BLW.shape[1], inputs_embeds_BLW.device
    past = 0 if cache is None else cache.length
    if cache is not None and past + length > cache.keys.shape[3]:
        raise InvalidInput(f"A sequence of {past + length} tokens is longer than the cache of {cache.keys.shape[3]}.")
    if placement is not None:
        rotations = _compute_rotations(config, placement.positions_BL)
        return Context(*rotations, placement.mask_BLK, False, cache)
    places_K = torch.arange(past + length, device=device)
    mask_BLK = (places_K <= places_K[past:, None])[None] if past and length > 1 else None
    return Context(*_compute_rotations(config, places_K[None, past:]), mask_BLK, mask_BLK is None and length > 1, cache)


def _compute_rotations(config: LanguageConfig, positions_BL: Tensor) -> tuple[Tensor, Tensor]:
    """See `reference.rotary.compute_rotations`."""
    exponents = torch.arange(0, config.head_dim, 2, device=positions_BL.device, dtype=torch.float64) / config.head_dim
    frequencies = 1 / (config.rope_theta**exponents).float()
    angles = (positions_BL[..., None].float() * frequencies).double()
    return angles.cos().float(), angles.sin().float()


def _attend(queries_BHLD: Tensor, keys_BGKD: Tensor, values_BGKD: Tensor, context: Context) -> Tensor:
    if context.mask_BLK is None:
        return functional.scaled_dot_product_attention(
            queries_BHLD, keys_BGKD, values_BGKD, is_causal=context.is_causal, enable_gqa=True
        )
    # On GPUs no fused kernel takes both a mask and fewer key-value heads than query heads.
    num_groups = queries_BHLD.shape[1] // keys_BGKD.shape[1]
    keys, values = (heads.repeat_interleave(num_groups, dim=1) for heads in (keys_BGKD, values_BGKD))
    return functional.scaled_dot_product_attention(queries_BHLD, keys, values, attn_mask=context.mask_BLK[:, None])


def _norm(norm: nn.RMSNorm, x: Tensor) -> Tensor:
    """An RMSNorm in float32."""
    return functional.rms_norm(x, x.shape[-1:], norm.weight.float(), norm.eps)


def _rotate(x_BHLD: Tensor, context: Context) -> Tensor:
    """See `reference.rotary.rotate`."""
    cos, sin = context.cos_BLD[:, None], context.sin_BLD[:, None]
    first, second = x_BHLD.float().chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(x_BHLD.dtype)
