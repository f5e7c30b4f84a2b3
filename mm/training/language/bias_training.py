"""Fits the routing of trained weights again; all other weights stay as they are.

First the routers where wanted, all at once (`experts.router_fit`), then the selection biases. A
layer does not depend on those after it. So the layers are taken in turn over all tokens of a mix of
train, drawn as that of `mm eval routing`: the bias of a layer is fitted on the scores of its
router, then its output is computed with the new bias. One pass of the network gives all biases.
Names of tensors end in their axes: B sequences, L tokens, W hidden size, A experts and null
experts, T tokens.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mm.errors import InvalidInput
from mm.files import write_atomic
from mm.models.language.checkpoint.file import read_metadata, replace_routing
from mm.models.language.checkpoint.weight_precisions import is_router, is_selection_bias
from mm.models.language.config import LanguageConfig
from mm.models.language.moe_torch import MoE
from mm.models.language.network_torch import LanguageModel, Layer, make_context
from mm.models.language.weights import Float, name_layer
from mm.training.checkpoint import read_state, write_state
from mm.training.language.experts.bias_fit import BiasFit, BiasFitConfig, LayerUse
from mm.training.language.experts.router_fit import RouterFit, RouterFitConfig, RouterSequence

BIAS, USE = "mlp.gate.e_score_correction_bias", "use.json"
_BATCH_TOKENS = 4096

OnProgress = Callable[[str], None]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
"""One for each token of a sequence."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenMix:
    """Embedded sequences (L, W), with True for tokens of a caption, and before tokens of a text."""

    sequences: Sequence[Float]
    is_caption: Sequence[Flags]
    predicts: Sequence[Flags]

    def identify(self) -> str:
        """A checksum of the content, for the state of a run."""
        digest = 0
        for sequence in self.sequences:
            digest = zlib.crc32(np.ascontiguousarray(sequence).data, digest)
        return f"{len(self.sequences)} {digest:08x}"


@dataclass(slots=True, eq=False)
class _Batch:
    """Sequences of about the same length, padded at the end."""

    residual_BLW: Tensor
    is_token_BL: Tensor
    is_caption_BL: Tensor

    @property
    def text_mask(self) -> Tensor:
        return self.is_caption_BL[self.is_token_BL]


@dataclass(frozen=True, slots=True)
class FittedLayer:
    """The use of experts by a layer before and after the fit of its bias, on its tokens."""

    layer: int
    before: LayerUse
    after: LayerUse


def train_biases(
    start: Path,
    weights: Mapping[str, Float],
    model_config: LanguageConfig,
    mix: TokenMix,
    out: Path,
    config: BiasFitConfig,
    device: torch.device,
    on_progress: OnProgress,
    router_config: RouterFitConfig | None = None,
) -> list[FittedLayer]:
    """Fit the biases of the additions `start`, whose merged weights are `weights`.

    With `router_config`, the routers are fitted before. Writes the additions into `out` with the
    result, and `use.json`. An interrupted run continues after the routers or its last complete
    layer. Raises `InvalidInput` for a model without experts, and when the folder has
    the state of another run.
    """
    if not model_config.num_experts:
        raise InvalidInput("The model has no routed experts.")
    if out.resolve() == start.parent.resolve():
        raise InvalidInput("The output folder must be another one than that of the weights to start from.")
    out.mkdir(parents=True, exist_ok=True)
    model = LanguageModel.from_weights(model_config, weights).to(device).requires_grad_(False).eval()
    state_path, run_id = out / "balance.state.pt", f"{config} {router_config} {mix.identify()} {read_metadata(start).sha256}"
    state = read_state(state_path, device) or {"run": run_id, "routers": {}, "biases": {}, "layers": []}
    if state["run"] != run_id:
        raise InvalidInput(f"{state_path} belongs to another run; choose another output folder or remove it.")
    fitted = [FittedLayer(layer, LayerUse(*before), LayerUse(*after)) for layer, before, after in state["layers"]]
    routers: dict[str, Tensor] = state["routers"]
    biases: dict[str, Tensor] = state["biases"]
    if router_config is not None and not routers:
        RouterFit(model, _make_sequences(mix), router_config).fit(on_progress)
        routers = {
            name: weight.clone() for name, weight in model.state_dict().items() if is_router(name) or is_selection_bias(name)
        }
        write_state(state_path, {"run": run_id, "routers": routers, "biases": {}, "layers": []})
    model.load_state_dict(routers, strict=False)
    batches = _make_batches(mix, device)
    for number, layer in enumerate(model.model.layers):
        assert isinstance(layer, Layer)
        name = name_layer(number) + BIAS
        fits = isinstance(layer.mlp, MoE) and name not in biases
        if name in biases:
            _set_bias(layer, biases[name])
        of_layer = _run_layer(layer, number, model_config, batches, config if fits else None)
        if of_layer is None:
            continue
        assert isinstance(layer.mlp, MoE)
        biases[name] = layer.mlp.gate.e_score_correction_bias.clone()
        fitted.append(of_layer)
        write_state(
            state_path, {"run": run_id, "routers": routers, "biases": biases, "layers": [_to_numbers(entry) for entry in fitted]}
        )
        on_progress(
            f"layer {number}: CV {of_layer.before.cv:.3f} to {of_layer.after.cv:.3f}, of captions {of_layer.before.text_cv:.3f} "
            f"to {of_layer.after.text_cv:.3f}, experts a token {of_layer.after.experts_per_tok:.2f}"
        )
    configs = {"config": asdict(config), "routers": None if router_config is None else asdict(router_config)}
    note = {**configs, "sequences": len(mix.sequences), "tokens": sum(map(len, mix.sequences))}
    replace_routing(start, out, {name: weight.float().cpu().numpy() for name, weight in (routers | biases).items()}, note)
    write_atomic(out / USE, json.dumps([asdict(entry) for entry in fitted], indent=1).encode())
    state_path.unlink(missing_ok=True)
    return fitted


def _make_sequences(mix: TokenMix) -> list[RouterSequence]:
    return [
        RouterSequence(torch.from_numpy(embeds), torch.from_numpy(is_caption), torch.from_numpy(predicts))
        for embeds, is_caption, predicts in zip(mix.sequences, mix.is_caption, mix.predicts, strict=True)
    ]


def _make_batches(mix: TokenMix, device: torch.device) -> list[_Batch]:
    order = sorted(range(len(mix.sequences)), key=lambda row: len(mix.sequences[row]))
    groups: list[list[int]] = [[]]
    for row in order:
        if groups[-1] and (len(groups[-1]) + 1) * len(mix.sequences[row]) > _BATCH_TOKENS:
            groups.append([])
        groups[-1].append(row)
    return [_pad([mix.sequences[row] for row in rows], [mix.is_caption[row] for row in rows], device) for rows in groups]


def _pad(sequences: Sequence[Float], is_caption: Sequence[Flags], device: torch.device) -> _Batch:
    length = max(map(len, sequences))
    residual = torch.zeros(len(sequences), length, sequences[0].shape[1])
    is_token, captions = torch.zeros(2, len(sequences), length, dtype=torch.bool)
    for row, (sequence, of_row) in enumerate(zip(sequences, is_caption, strict=True)):
        residual[row, : len(sequence)] = torch.from_numpy(sequence)
        is_token[row, : len(sequence)] = True
        captions[row, : len(sequence)] = torch.from_numpy(of_row)
    return _Batch(residual.to(device), is_token.to(device), captions.to(device))


@torch.no_grad()
def _run_layer(
    layer: Layer, number: int, model_config: LanguageConfig, batches: list[_Batch], config: BiasFitConfig | None
) -> FittedLayer | None:
    """Compute a layer over all batches; with a configuration, fit its bias before its experts."""
    normalized: list[Tensor] = []
    for batch in batches:
        batch.residual_BLW, of_batch = layer.attend(batch.residual_BLW, make_context(model_config, batch.residual_BLW))
        normalized.append(of_batch)
    result = None
    if config is not None and isinstance(layer.mlp, MoE):
        router = layer.mlp.gate
        scores_TA = torch.cat([router(x[batch.is_token_BL]).scores_TE for x, batch in zip(normalized, batches, strict=True)])
        is_caption_T = torch.cat([batch.text_mask for batch in batches])
        fit = BiasFit(scores_TA, is_caption_T, model_config.num_experts, model_config.num_experts_per_tok)
        before_A = router.e_score_correction_bias.clone()
        _set_bias(layer, fit.fit(before_A, config))
        result = FittedLayer(number, fit.measure(before_A), fit.measure(router.e_score_correction_bias))
    for batch, of_batch in zip(batches, normalized, strict=True):
        batch.residual_BLW, _ = layer.feed_forward(batch.residual_BLW, of_batch)
    return result


def _set_bias(layer: Layer, bias_A: Tensor) -> None:
    assert isinstance(layer.mlp, MoE)
    layer.mlp.gate.e_score_correction_bias.copy_(bias_A)


def _to_numbers(entry: FittedLayer) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    of_before, of_after = (tuple(float(value) for value in asdict(use).values()) for use in (entry.before, entry.after))
    return entry.layer, of_before, of_after
