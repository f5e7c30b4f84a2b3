"""The model in training: the frozen decoder with experts or a control, norms and media prefix.

Names of tensors end in their axes: B sequences, L tokens, W hidden size, N images, P places, C
channels, D dimensions of the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from mm.errors import InvalidInput
from mm.models.language.checkpoint.additions import Additions
from mm.models.language.checkpoint.low_rank import DOWN, UP
from mm.models.language.media_prefix.network_torch import MediaPrefixNetwork
from mm.models.language.moe_torch import MoE
from mm.models.language.network_torch import LanguageModel
from mm.models.language.tokenizer import LanguageTokenizer
from mm.models.language.upcycling import add_experts
from mm.models.language.weights import EMBEDDING, Weights
from mm.training.language.experts.controls import route_before_attention
from mm.training.language.experts.low_rank import add_low_rank_updates
from mm.training.language.experts.trained_experts import TrainedExperts
from mm.training.language.recipe import LanguageRecipe

GPU_TYPE = torch.bfloat16
"""Of the frozen matrices on a GPU, and of matrix products; the residual stream is float32."""


PROBE = "When does the man in the blue shirt speak? Two children play with a red ball while a dog runs along the beach [2]."
"""A text on which the inputs of routers are measured."""
LORA_SCALE, ATTENTION_SCALE = 0.1, 1.0
"""Of low-rank updates, for a high and a low rank."""


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """The pretrained model without experts."""

    weights: Weights
    tokenizer: LanguageTokenizer
    sha256: str
    """Of the file that the weights are from."""


class TrainedModel(nn.Module):
    """Decoder and media prefix. Only what is trained requires gradients."""

    def __init__(self, recipe: LanguageRecipe, base: Base, device: torch.device) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        config = recipe.config
        weights = add_experts(config, base.weights, recipe.seed) if config.num_experts else base.weights
        self.config = config
        self.language = LanguageModel.from_weights(config, weights)
        self.language.requires_grad_(False)
        _scale_routers(self.language, base.tokenizer.encode(PROBE))
        self._set_trained(recipe)
        rms = float(torch.tensor(weights[EMBEDDING]).square().mean().sqrt())
        sizes = replace(recipe.prefix, hidden_size=config.hidden_size)
        self.prefix = MediaPrefixNetwork(sizes, rms, recipe.noise, recipe.dropout)
        self.to(device)
        if device.type == "cuda":
            for name, parameter in self.language.named_parameters():
                if not parameter.requires_grad and name != EMBEDDING:  # logits need more bits than bfloat16 has
                    parameter.data = parameter.data.to(GPU_TYPE)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.prefix.gain.device

    @property
    def moe_layers(self) -> list[MoE]:
        """The MoE layers in their order."""
        return [module for module in self.language.modules() if isinstance(module, MoE)]

    @property
    def biases(self) -> list[Tensor]:
        """The selection biases of the MoE layers."""
        return [layer.gate.e_score_correction_bias for layer in self.moe_layers]

    @property
    def experts(self) -> list[TrainedExperts]:
        """The experts of the MoE layers."""
        return [module for module in self.language.modules() if isinstance(module, TrainedExperts)]

    def autocast(self, *, cache: bool = True) -> torch.autocast:
        """bfloat16 products on a GPU; float32 on a CPU, where runs are reproducible bit by bit."""
        return torch.autocast(self.device.type, GPU_TYPE, enabled=self.device.type == "cuda", cache_enabled=cache)

    def set_quantized(self, is_quantized: bool) -> None:
        """Whether experts compute with matrices that are rounded to 4 bits."""
        for experts in self.experts:
            experts.is_quantized = is_quantized

    def trained_state(self) -> dict[str, Tensor]:
        """Copies of all that training changes: trained weights, prefix and selection biases."""
        kept = {name for name, parameter in self.named_parameters() if parameter.requires_grad}
        return {
            name: value.detach().clone()
            for name, value in self.state_dict().items()
            if name in kept or name.startswith("prefix.") or name.endswith("e_score_correction_bias")
        }

    def load_trained(self, state: Mapping[str, Tensor]) -> None:
        """The opposite of `trained_state`."""
        self.load_state_dict(dict(state), strict=False)

    def load_additions(self, additions: Additions) -> None:
        """Continue from trained weights, as they are rounded in their file.

        Raises `InvalidInput` when they have other sizes than this model.
        """
        values = {f"language.{name}": value for name, value in additions.weights.items()}
        values |= {f"language.{name}": matrix.dequantize() for name, matrix in additions.experts.items()}
        values |= {f"prefix.{name}": value for name, value in additions.prefix.weights.items()}
        for name, update in additions.updates.items():
            layer = f"language.{name.removesuffix('.weight')}"
            values |= {layer + DOWN: update.down_RK, layer + UP: update.up_NR / ATTENTION_SCALE}
        expected, own = set(self.trained_state()), self.state_dict()
        if expected - values.keys() or any(name not in own or own[name].shape != value.shape for name, value in values.items()):
            raise InvalidInput("The weights to start from have other experts, updates or media prefix than this training.")
        self.load_trained({name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in values.items()})

    def group_parameters(self, recipe: LanguageRecipe) -> list[dict[str, object]]:
        """Parameter groups with their learning rates; vectors have no weight decay."""
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                decay = recipe.decay if parameter.ndim > 1 and "positions" not in name else 0.0
                groups.setdefault((_choose_rate(recipe, name), decay), []).append(parameter)
        return [{"params": members, "lr": rate, "weight_decay": decay} for (rate, decay), members in groups.items()]

    def _set_trained(self, recipe: LanguageRecipe) -> None:
        for layer in self.moe_layers:
            layer.experts = TrainedExperts.from_experts(layer.experts)
            layer.experts.requires_grad_(True)
            layer.gate.requires_grad_(True)
        for name, parameter in self.language.named_parameters():
            if name.endswith("norm.weight"):
                parameter.requires_grad_(True)
        if recipe.variant == "early_router":
            route_before_attention(self.language)
        if recipe.variant == "lora":
            add_low_rank_updates(self.language, recipe.lora_rank, LORA_SCALE, only_attention=False)
        elif recipe.attention_rank:
            add_low_rank_updates(self.language, recipe.attention_rank, ATTENTION_SCALE, only_attention=True)


def _choose_rate(recipe: LanguageRecipe, name: str) -> float:
    if name.startswith("prefix."):
        return recipe.prefix_rate
    if "lora_" in name:
        return recipe.lora_rate if recipe.variant == "lora" else recipe.attention_rate
    if name.endswith("mlp.gate.weight"):
        return recipe.router_rate
    return recipe.norm_rate if name.endswith("norm.weight") else recipe.expert_rate


@torch.no_grad()
def _scale_routers(language: LanguageModel, ids: list[int]) -> None:
    """Scale new routers as if the inputs of each layer had a mean square of 1.

    Those of SmolLM2 have a root mean square of 0.14 to 0.18: scores of different experts would
    differ by less than a few steps of the selection bias, which would then decide alone, and swing.
    `ids` are a text to measure on.
    """
    hooks = [layer.gate.register_forward_pre_hook(_scale_router) for layer in language.modules() if isinstance(layer, MoE)]
    language(language.embed_tokens(torch.tensor([ids])))
    for hook in hooks:
        hook.remove()


def _scale_router(router: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    after_first_TW = inputs[0][1:]  # the first token of a sequence has other activations than all others
    router.get_parameter("weight").div_(after_first_TW.square().mean().sqrt())
