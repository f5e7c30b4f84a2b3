"""Fits the routers of trained weights to even use of experts; all other weights stay as they are.

The biases alone cannot even it: the tokens that begin every prompt select together, see `bias_fit`.
The loss is the divergence of the predictions from those of the weights as they were (Hinton et al.
2015, arXiv:1503.02531), so that what they have learned is kept, plus the squared coefficient of
variation of the loads, of all tokens and of those of captions. The selection has no gradient: a
load counts the selected experts, and its gradient is that of a sigmoid of how far the biased score
of an expert is from those that are selected (straight-through, Bengio et al. 2013,
arXiv:1308.3432). Layers before the first with experts are computed once. Names of tensors end in
their axes: B sequences, L tokens, W hidden size, T tokens of a batch, P predicting tokens, V
vocabulary, A experts and null experts, E real experts, N kinds of loads, M layers with experts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mm.errors import InvalidInput
from mm.models.language.moe_torch import MoE, Routing
from mm.models.language.network_torch import LanguageModel, Layer, make_context
from mm.training.language.experts.bias_fit import ALL, TEXT
from mm.training.schedule import cosine_decay, linear_warmup

_WARM_UP = 0.05
"""Share of the steps in which the rates rise."""
_FIRST_LENGTH, _ROWS_STEP = 96, 8
"""Sequences are padded to a length that is the first one or twice the one before, and their number
to multiples, so that the memory of steps can be used again."""
_REPORT_EVERY = 25

OnProgress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RouterFitConfig:
    """How the routers are fitted. The defaults made the shipped weights."""

    steps: int = 400
    batch_tokens: int = 16_384
    rate: float = 5e-4  # highest learning rate of the matrices
    bias_rate: float = 5e-4  # of the selection biases
    evenness: float = 1.0  # weight of the squared CV, mean over the layers
    text_weight: float = 0.1  # of the squared CV of captions beside that of all tokens
    mean_weight: float = 1.0  # of the squared excess of experts a token
    mean_experts_per_tok: float = 2.05
    memory: float = 0.8  # share of the average loads that a step keeps
    width: float = 0.02  # of the sigmoid, in scores
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for values that fit nothing."""
        if self.steps < 0 or self.batch_tokens < 1:
            raise InvalidInput("The fit of the routers needs tokens in a step, and no negative number of steps.")
        if not 0 <= self.memory < 1 or self.width <= 0:
            raise InvalidInput("The fit of the routers needs a memory from 0 to below 1 and a positive width.")


@dataclass(frozen=True, slots=True, eq=False)
class RouterSequence:
    """The embeddings of a document, and which of its tokens are of a caption or predict a text."""

    embeds_LW: Tensor
    is_caption_L: Tensor
    predicts_L: Tensor


@dataclass(slots=True, eq=False)
class _Group:
    """Sequences of about the same length, padded at the end."""

    residual_BLW: Tensor
    is_token_BL: Tensor
    is_caption_BL: Tensor
    predicts_BL: Tensor


class RouterFit:
    """Changes the routers of a model in place; all its weights must be without gradients."""

    def __init__(self, model: LanguageModel, sequences: Sequence[RouterSequence], config: RouterFitConfig) -> None:
        """Raises `InvalidInput` for a model without experts and sequences that predict nothing."""
        if not model.config.num_experts:
            raise InvalidInput("The model has no routed experts.")
        if not any(sequence.predicts_L.any() for sequence in sequences):
            raise InvalidInput("The sequences have no text to predict.")
        self._model, self._config, self._sequences = model, config, sequences
        self._device = next(model.parameters()).device
        layers = [layer for layer in model.model.layers if isinstance(layer, Layer)]
        self._upper = layers[model.config.first_k_dense_replace :]
        self._routers = [layer.mlp.gate for layer in self._upper if isinstance(layer.mlp, MoE)]
        self._residuals_LW: list[Tensor] = [torch.empty(0)] * len(sequences)
        self._teacher_PW: list[Tensor] = [torch.empty(0)] * len(sequences)
        self._average_MNE: Tensor | None = None
        self._record(layers[: model.config.first_k_dense_replace])

    def fit(self, on_progress: OnProgress) -> None:
        """Run all steps; at the end, the matrices are rounded to half precision, as in a file."""
        config = self._config
        matrices = [router.weight for router in self._routers]
        biases = [router.e_score_correction_bias for router in self._routers]
        for tensor in (*matrices, *biases):
            tensor.requires_grad_(True)
        groups = [{"params": matrices, "lr": config.rate}, {"params": biases, "lr": config.bias_rate}]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.95))
        for step, rows in zip(range(config.steps), self._draw_batches(), strict=False):
            factor = linear_warmup(step + 1, _WARM_UP * config.steps) * cosine_decay(step / config.steps, 1.0)
            for group, rate in zip(optimizer.param_groups, (config.rate, config.bias_rate), strict=True):
                group["lr"] = rate * factor
            divergence, unevenness = self._compute_loss(rows)
            optimizer.zero_grad(set_to_none=True)
            (divergence + unevenness).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                for bias in biases:
                    bias[: self._model.config.num_experts] -= bias[: self._model.config.num_experts].mean()
            if (step + 1) % _REPORT_EVERY == 0 or step + 1 == config.steps:
                on_progress(f"routers: step {step + 1}, divergence {float(divergence.detach()):.4f} nats, {self._describe()}")
        for tensor in (*matrices, *biases):
            tensor.requires_grad_(False)
        with torch.no_grad():
            for matrix in matrices:
                matrix.copy_(matrix.half().float())

    def _describe(self) -> str:
        assert self._average_MNE is not None
        cv_MN = self._average_MNE.std(2, correction=0) / self._average_MNE.mean(2)
        return f"CV {float(cv_MN[:, ALL].mean()):.3f}, of captions {float(cv_MN[:, TEXT].mean()):.3f}"

    def _draw_batches(self) -> Iterator[list[int]]:
        """Rows of sequences in random order, each as often as the others, without end."""
        generator, rows, size = torch.Generator().manual_seed(self._config.seed), list[int](), 0
        while True:
            for row in torch.randperm(len(self._sequences), generator=generator).tolist():
                rows.append(row)
                size += len(self._sequences[row].embeds_LW)
                if size >= self._config.batch_tokens:
                    yield rows
                    rows, size = [], 0

    def _autocast(self) -> torch.autocast:
        """bfloat16 products on a GPU, as in training; float32 on a CPU."""
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda")

    @torch.no_grad()
    def _record(self, lower: Sequence[Layer]) -> None:
        """The input of the first layer with experts, and the last hidden states, as they are."""
        for rows in self._divide(range(len(self._sequences))):
            group = self._pad(rows, [self._sequences[row].embeds_LW for row in rows])
            with self._autocast():
                residual_BLW, _ = self._run(group.residual_BLW, lower)
                hidden_BLW = self._finish(self._run(residual_BLW, self._upper)[0])
            for place, row in enumerate(rows):
                length = len(self._sequences[row].embeds_LW)
                self._residuals_LW[row] = residual_BLW[place, :length].clone()
                self._teacher_PW[row] = hidden_BLW[place, :length][self._sequences[row].predicts_L.to(self._device)].clone()

    def _compute_loss(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        hidden, teacher, loads = list[Tensor](), list[Tensor](), list[Tensor]()
        num_tokens = sum(len(self._sequences[row].embeds_LW) for row in rows)
        for members in self._divide(rows):
            group = self._pad(members, [self._residuals_LW[row] for row in members])
            with self._autocast():
                residual_BLW, routings = self._run(group.residual_BLW, self._upper)
            hidden.append(self._finish(residual_BLW)[group.predicts_BL])
            teacher += [self._teacher_PW[row] for row in members]
            loads.append(self._count(routings, group))
        log_student_PV = self._model.compute_logits(torch.cat(hidden)).log_softmax(1)
        log_teacher_PV = self._model.compute_logits(torch.cat(teacher)).log_softmax(1)
        divergence = functional.kl_div(log_student_PV, log_teacher_PV, reduction="batchmean", log_target=True)
        return divergence, self._compute_unevenness(torch.stack(loads).sum(0), num_tokens)

    def _compute_unevenness(self, loads_MNA: Tensor, num_tokens: int) -> Tensor:
        """The gradient of the loss at the average loads, times the loads of this step."""
        config, num_experts = self._config, self._model.config.num_experts
        loads_MNE = loads_MNA[:, :, :num_experts]
        relative_MNE = loads_MNE / loads_MNE.detach().mean(2, keepdim=True).clamp(min=1e-9)
        per_token_M = loads_MNE[:, ALL].sum(1) / num_tokens
        before = relative_MNE.detach() if self._average_MNE is None else self._average_MNE
        self._average_MNE = torch.lerp(relative_MNE.detach(), before, config.memory)
        deviation_MNE = 2 * (self._average_MNE - self._average_MNE.mean(2, keepdim=True)) / num_experts
        of_kind_MN = (deviation_MNE * relative_MNE).sum(2)
        uneven = (of_kind_MN[:, ALL] + config.text_weight * of_kind_MN[:, TEXT]).mean()
        excess_M = per_token_M - config.mean_experts_per_tok
        return config.evenness * uneven + config.mean_weight * excess_M.square().mean()

    def _count(self, routings: Sequence[Routing], group: _Group) -> Tensor:
        """Loads (M, N, A) with the gradient of sigmoids."""
        weights_NT = torch.stack([group.is_token_BL.flatten(), group.is_caption_BL.flatten()]).float()
        return torch.stack(
            [
                weights_NT @ select_softly(routing, router.e_score_correction_bias, self._config.width)
                for routing, router in zip(routings, self._routers, strict=True)
            ]
        )

    def _run(self, residual_BLW: Tensor, layers: Sequence[Layer]) -> tuple[Tensor, list[Routing]]:
        context, routings = make_context(self._model.config, residual_BLW), list[Routing]()
        for layer in layers:
            residual_BLW, routing = layer(residual_BLW, context)
            if routing is not None:
                routings.append(routing)
        return residual_BLW, routings

    def _finish(self, residual_BLW: Tensor) -> Tensor:
        norm = self._model.model.norm
        return functional.rms_norm(residual_BLW.float(), residual_BLW.shape[-1:], norm.weight.float(), norm.eps)

    def _divide(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """Groups of one padded length each, of at most twice the tokens of a batch."""
        by_length = defaultdict[int, list[int]](list)
        for row in rows:
            length = _pad_length(len(self._sequences[row].embeds_LW))
            if by_length[length] and (len(by_length[length]) + 1) * length > 2 * self._config.batch_tokens:
                yield by_length.pop(length)
            by_length[length].append(row)
        yield from by_length.values()

    def _pad(self, rows: Sequence[int], states_LW: Sequence[Tensor]) -> _Group:
        length = _pad_length(max(map(len, states_LW)))
        num_rows = -(-len(rows) // _ROWS_STEP) * _ROWS_STEP
        residual = torch.zeros(num_rows, length, states_LW[0].shape[1], device=self._device)
        is_token, is_caption, predicts = torch.zeros(3, num_rows, length, dtype=torch.bool)
        for place, (row, state) in enumerate(zip(rows, states_LW, strict=True)):
            end, sequence = len(state), self._sequences[row]
            residual[place, :end] = state
            is_token[place, :end] = True
            is_caption[place, :end], predicts[place, :end] = sequence.is_caption_L, sequence.predicts_L
        return _Group(residual, *(mask.to(self._device) for mask in (is_token, is_caption, predicts)))


def _pad_length(length: int) -> int:
    padded = _FIRST_LENGTH
    while padded < length:
        padded *= 2
    return padded


def select_softly(routing: Routing, bias_A: Tensor, width: float) -> Tensor:
    """1 for the selected experts (T, A) and 0 for others, with the gradient of a sigmoid.

    The sigmoid is 0.5 where a biased score is in the middle of the last that is selected and the
    first that is not.
    """
    num_selected = routing.indices_TK.shape[1]
    biased_TA = routing.scores_TE + bias_A
    hard_TA = torch.zeros_like(biased_TA).scatter_(1, routing.indices_TK, 1.0)
    if biased_TA.shape[1] == num_selected:
        return hard_TA
    highest_TC = biased_TA.detach().topk(num_selected + 1, dim=1).values
    middle_T1 = highest_TC[:, num_selected - 1 :].mean(1, keepdim=True)
    soft_TA = torch.sigmoid((biased_TA - middle_T1) / width)
    return hard_TA + soft_TA - soft_TA.detach()
