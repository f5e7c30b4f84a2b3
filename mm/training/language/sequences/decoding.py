"""Generates for a batch of prompts, greedily, by sampling, or with a beam.

A step has the same shapes each time and reads where it writes from a tensor, so that on a GPU it is
recorded once as a CUDA graph: a step of eager kernels waits for their launches. Names of tensors
end in their axes: B prompts, L tokens of a prompt, R rows, K tokens of the cache, W hidden size, V
vocabulary, G key-value heads, D head.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from mm.models.language.network_torch import Placement, TorchKVCache, place_after_padding
from mm.training.language.model import GPU_TYPE, TrainedModel

Method = Literal["greedy", "sample", "beam"]


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """Prompts as embeddings, padded at their start."""

    embeds_BLW: Tensor
    is_token_BL: Tensor


@dataclass(slots=True, eq=False)
class StaticCache(TorchKVCache):
    """A cache whose next place is a tensor; all of its places are read, under a mask."""

    place: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.long))

    def store(self, layer: int, keys_BGLD: Tensor, values_BGLD: Tensor) -> tuple[Tensor, Tensor]:
        """Write one token at `place`."""
        self.keys[layer].index_copy_(2, self.place, keys_BGLD.to(self.keys.dtype))
        self.values[layer].index_copy_(2, self.place, values_BGLD.to(self.values.dtype))
        return self.keys[layer].to(keys_BGLD.dtype), self.values[layer].to(values_BGLD.dtype)


class Decoder:
    """Steps of a number of rows, recorded once and used for any prompts of the same size."""

    def __init__(self, model: TrainedModel, num_rows: int, prompt_length: int, max_tokens: int) -> None:
        device = model.device
        dtype = GPU_TYPE if device.type == "cuda" else torch.float32
        capacity = prompt_length + max_tokens
        empty = TorchKVCache.allocate(model.config, num_rows, capacity, device, dtype)
        self.cache = StaticCache(empty.keys, empty.values, 0, torch.zeros(1, dtype=torch.long, device=device))
        self._model, self._prompt_length = model, prompt_length
        self._tokens_R1 = torch.zeros(num_rows, 1, dtype=torch.long, device=device)
        self._positions_R1 = torch.zeros_like(self._tokens_R1)
        self._mask_R1K = torch.zeros(num_rows, 1, capacity, dtype=torch.bool, device=device)
        self._logits_RV = torch.zeros(num_rows, model.config.vocab_size, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None

    def start(self, prompts: Prompts, rows_per_prompt: int) -> Tensor:
        """Run the prompts; return the log-probabilities (R, V) of the first tokens."""
        model, length = self._model, self._prompt_length
        cache = TorchKVCache.allocate(model.config, len(prompts.embeds_BLW), length, model.device, self.cache.keys.dtype)
        placement = None if bool(prompts.is_token_BL.all()) else place_after_padding(prompts.is_token_BL, length)
        with model.autocast():
            hidden_BW = model.language(prompts.embeds_BLW, cache, placement).hidden_BLW[:, -1]
        logits_BV = model.language.compute_logits(hidden_BW)
        self.cache.keys[:, :, :, :length] = cache.keys.repeat_interleave(rows_per_prompt, 1)
        self.cache.values[:, :, :, :length] = cache.values.repeat_interleave(rows_per_prompt, 1)
        self._mask_R1K.zero_()
        self._mask_R1K[:, 0, :length] = prompts.is_token_BL.repeat_interleave(rows_per_prompt, 0)
        self._positions_R1.copy_(prompts.is_token_BL.sum(1).repeat_interleave(rows_per_prompt)[:, None])
        self.cache.place.fill_(length)
        return logits_BV.log_softmax(-1).repeat_interleave(rows_per_prompt, 0)

    def step(self, tokens_R: Tensor) -> Tensor:
        """Append a token to each row; return the log-probabilities (R, V) of the next ones."""
        self._tokens_R1.copy_(tokens_R[:, None])
        self._mask_R1K.index_fill_(2, self.cache.place, True)
        if self._model.device.type != "cuda":
            self._compute()
        else:
            self._graph = self._graph or self._record()
            self._graph.replay()
        self._positions_R1 += 1
        self.cache.place += 1
        return self._logits_RV.log_softmax(-1)

    def reorder(self, rows_R: Tensor) -> None:
        """Continue with these rows, some of which may be repeated."""
        for layer in range(len(self.cache.keys)):  # by layer: a copy of the whole cache would not fit beside it
            self.cache.keys[layer] = self.cache.keys[layer][rows_R]
            self.cache.values[layer] = self.cache.values[layer][rows_R]

    def _compute(self) -> None:
        # Inside a graph the casts of weights must be recorded, not read from autocast's cache.
        with torch.no_grad():
            with self._model.autocast(cache=False):
                embeds = self._model.language.embed_tokens(self._tokens_R1)
                output = self._model.language(embeds, self.cache, Placement(self._positions_R1, self._mask_R1K))
            self.cache.length = 0
            self._logits_RV.copy_(self._model.language.compute_logits(output.hidden_BLW[:, 0]))

    def _record(self) -> torch.cuda.CUDAGraph:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._compute()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._compute()
        return graph


class Generator:
    """Generates token ids; decoders are kept by their sizes."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._decoders: dict[tuple[int, int, int], Decoder] = {}

    @torch.no_grad()
    def generate(self, prompts: Prompts, end_id: int, max_tokens: int, method: Method = "greedy", num_rows: int = 1) -> Tensor:
        """Token ids (R, `max_tokens`), filled with the end from where a row ends.

        R is `num_rows` for each prompt, one after the other, when sampling; otherwise one for each
        prompt. A beam of `num_rows` returns the row of the largest mean log-probability of a token.
        """
        was_training = self._model.training
        self._model.eval()
        for experts in self._model.experts:
            experts.use_copy(GPU_TYPE if self._model.device.type == "cuda" else torch.float32)
        num_prompts, length = prompts.is_token_BL.shape
        key = (num_prompts * num_rows, length, max_tokens)
        decoder = self._decoders.setdefault(key, Decoder(self._model, *key)) if key not in self._decoders else self._decoders[key]
        log_probabilities = decoder.start(prompts, num_rows)
        if method == "beam":
            ids = _search_beam(decoder, log_probabilities, end_id, max_tokens, num_rows)
        else:
            ids = _generate_rows(decoder, log_probabilities, end_id, max_tokens, is_sampled=method == "sample")
        for experts in self._model.experts:
            experts.use_weights()
        self._model.train(was_training)
        return ids

    def discard_decoders(self) -> None:
        """Free the memory of the decoders."""
        self._decoders.clear()


def _generate_rows(decoder: Decoder, log_probabilities: Tensor, end_id: int, max_tokens: int, *, is_sampled: bool) -> Tensor:
    ids_R = torch.full((len(log_probabilities), max_tokens), end_id, device=log_probabilities.device)
    is_done_R = torch.zeros(len(ids_R), dtype=torch.bool, device=ids_R.device)
    for step in range(max_tokens):
        chosen_R = torch.multinomial(log_probabilities.exp(), 1)[:, 0] if is_sampled else log_probabilities.argmax(-1)
        tokens_R = chosen_R.masked_fill(is_done_R, end_id)
        ids_R[:, step] = tokens_R
        is_done_R |= tokens_R == end_id
        if step == max_tokens - 1 or (step % 4 == 3 and bool(is_done_R.all())):
            break
        log_probabilities = decoder.step(tokens_R)
    return ids_R


def _search_beam(decoder: Decoder, log_probabilities: Tensor, end_id: int, max_tokens: int, width: int) -> Tensor:
    num_rows, num_tokens = log_probabilities.shape
    device = log_probabilities.device
    first_B1 = torch.arange(0, num_rows, width, device=device)[:, None]
    scores_R = torch.full((num_rows,), -torch.inf, device=device)
    scores_R[::width] = 0.0  # the rows of a prompt are equal at first: only one is extended
    lengths_R, is_done_R = torch.zeros(num_rows, device=device), torch.zeros(num_rows, dtype=torch.bool, device=device)
    ids_R = torch.full((num_rows, max_tokens), end_id, device=device)
    end_only_V = torch.full((num_tokens,), -torch.inf, device=device)
    end_only_V[end_id] = 0.0
    for step in range(max_tokens):
        log_probabilities = torch.where(is_done_R[:, None], end_only_V, log_probabilities)
        totals = (scores_R[:, None] + log_probabilities).view(len(first_B1), -1)
        scores, chosen = totals.topk(width, dim=1)
        rows_R, tokens_R = (first_B1 + chosen // num_tokens).flatten(), (chosen % num_tokens).flatten()
        scores_R, ids_R = scores.flatten(), ids_R[rows_R]
        ids_R[:, step] = tokens_R
        lengths_R = lengths_R[rows_R] + (~is_done_R[rows_R]).float()
        is_done_R = is_done_R[rows_R] | (tokens_R == end_id)
        if step == max_tokens - 1 or bool(is_done_R.all()):
            break
        decoder.reorder(rows_R)
        log_probabilities = decoder.step(tokens_R)
    best_B = (scores_R / lengths_R.clamp(min=1)).view(-1, width).argmax(1)
    return ids_R.view(-1, width, max_tokens)[torch.arange(len(best_B), device=device), best_B]
