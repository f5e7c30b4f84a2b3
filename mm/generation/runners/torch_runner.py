"""The runner of GPUs: the network in torch with the kernels of `kernels`, decoding as CUDA graphs.

A step without prompts is replayed as a CUDA graph for the next larger number of sequences, because
launching some 400 kernels from Python costs more than computing them. On a CPU, for tests, the same
code runs the reference implementations of the kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from kernels.paged_attention.reference import list_tiles
from mm.generation.runners.torch_graphs import DecodeGraphs
from mm.generation.runners.torch_model import Precision, StepTensors, TorchModel
from mm.generation.runners.torch_ops import PREFILL_TOKENS, AttentionStep, Ops, make_ops
from mm.generation.runners.torch_sampler import sample_tokens

if TYPE_CHECKING:
    from collections.abc import Collection

    from mm.generation.runner import Int32, Int64, RowSampling, StepBatch
    from mm.models.language.config import LanguageConfig
    from mm.models.language.weights import Weights
    from mm.numerics import Float32

CPU: Final = torch.device("cpu")


class TorchRunner:
    """A `SamplingRunner`. Belongs to one thread."""

    def __init__(
        self,
        config: LanguageConfig,
        weights: Weights,
        num_blocks: int,
        block_size: int,
        device: torch.device = CPU,
        precision: Precision = "fp16",
        max_num_seqs: int = 256,
        max_model_len: int | None = None,
        ops: Ops | None = None,
        num_expert_slots: int | None = None,
        is_prefetching: bool = False,
        precise: Collection[str] = (),
    ) -> None:
        """`max_num_seqs` and `max_model_len` are those of the engine's configuration; graphs of
        larger steps are not made, and none with `num_expert_slots`, see `expert_cache`. The rest is
        that of `TorchModel`, which raises what this raises."""
        self._model = TorchModel(
            config, weights, device, precision, ops or make_ops(device), num_expert_slots, is_prefetching, precise
        )
        self._caches = self._model.allocate_cache(num_blocks, block_size)
        self._device = device
        self._graphs = None
        if device.type == "cuda" and num_expert_slots is None:
            num_columns = -(-(max_model_len or config.max_position_embeddings) // block_size)
            self._graphs = DecodeGraphs(self._model, self._caches, max_num_seqs, num_columns)

    def run(self, batch: StepBatch) -> Float32:
        """See `Runner.run`."""
        with torch.inference_mode():
            logits: Float32 = self._compute_logits(batch).cpu().numpy()
        return logits

    def run_and_sample(self, batch: StepBatch, sampling: RowSampling, rows_with_logits_R: Int32) -> tuple[Int64, Float32]:
        """See `SamplingRunner.run_and_sample`."""
        with torch.inference_mode():
            logits_LV = self._compute_logits(batch)
            tokens = sample_tokens(logits_LV, sampling)
            if not len(rows_with_logits_R):
                return tokens.cpu().numpy(), np.zeros((0, logits_LV.shape[1]), np.float32)
            selected = logits_LV[torch.from_numpy(rows_with_logits_R.astype(np.int64)).to(self._device)]
            return tokens.cpu().numpy(), selected.cpu().numpy()

    def warm_up(self) -> None:
        """Compile the kernels and capture the graphs of all sizes, which takes seconds for each."""
        if self._graphs is not None:
            with torch.inference_mode():
                self._graphs.capture_all()

    def _compute_logits(self, batch: StepBatch) -> torch.Tensor:
        if self._graphs is not None and self._graphs.fits(batch):
            logits = self._graphs.replay(batch)
            if len(batch.logits_rows_L) == len(batch.token_ids_T):  # without a copy
                return logits[: len(batch.logits_rows_L)]
            return logits[torch.from_numpy(batch.logits_rows_L).to(self._device).long()]
        rows = torch.from_numpy(batch.logits_rows_L).to(self._device).long()
        return self._model.compute_logits(self._model.forward(self._make_step(batch), self._caches)[rows])

    def _make_step(self, batch: StepBatch) -> StepTensors:
        embeddings = self._model.embed(self._to_device(batch.token_ids_T))
        if batch.media_embeddings_MD is not None:
            rows = self._to_device(batch.media_rows_M).long()
            embeddings[rows] = torch.from_numpy(batch.media_embeddings_MD).to(self._device).float()
        expert_bias = None
        if batch.expert_bias_SEA is not None:
            lengths = torch.from_numpy(np.diff(batch.query_starts_S1).astype(np.int64))
            expert_bias = torch.from_numpy(batch.expert_bias_SEA).repeat_interleave(lengths, dim=0).to(self._device)
        return StepTensors(
            embeddings,
            self._to_device(batch.positions_T),
            self._to_device(batch.slots_T),
            self._plan_attention(batch),
            expert_bias,
        )

    def _plan_attention(self, batch: StepBatch) -> AttentionStep:
        lengths = np.diff(batch.query_starts_S1)
        decodes, prefills = (np.flatnonzero(mask).astype(np.int32) for mask in (lengths == 1, lengths > 1))
        tiles = list_tiles(batch.query_starts_S1, prefills, PREFILL_TOKENS)
        return AttentionStep(
            self._to_device(batch.query_starts_S1),
            self._to_device(batch.context_lens_S),
            self._to_device(batch.block_tables_SN),
            (self._to_device(decodes), self._to_device(batch.query_starts_S1[decodes])),
            (self._to_device(tiles[0]), self._to_device(tiles[1])),
            num_splits=1,
        )

    def _to_device(self, array: Int32) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
