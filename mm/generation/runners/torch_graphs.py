"""Decoding steps as CUDA graphs, one for each of a list of numbers of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from mm.generation.runners.torch_model import StepTensors
from mm.generation.runners.torch_ops import AttentionStep

if TYPE_CHECKING:
    from kernels.paged_attention.reference import PagedCache
    from mm.generation.runner import StepBatch
    from mm.generation.runners.torch_model import TorchModel

SIZES: Final = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 640, 768, 896, 1024)
NUM_ROWS: Final = 4
"""Arrays of one number for each sequence: tokens, positions, slots and context lengths."""


class DecodeGraphs:
    """Graphs for steps of at most `max_num_seqs` sequences with `num_columns` blocks each.

    A step is padded to the next larger size with sequences of no tokens: their keys and values are
    not stored, and their results are not used.
    """

    def __init__(self, model: TorchModel, caches: list[PagedCache], max_num_seqs: int, num_columns: int) -> None:
        sizes = [size for size in SIZES if size < max_num_seqs]
        self._sizes = [*sizes, max_num_seqs]
        self._model, self._caches, self._num_columns = model, caches, num_columns
        width = NUM_ROWS + num_columns
        self._host = torch.zeros(max_num_seqs * width, dtype=torch.int32, pin_memory=True)
        self._inputs = torch.zeros_like(self._host, device=model.device)
        self._query_starts = torch.arange(max_num_seqs + 1, dtype=torch.int32, device=model.device)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, torch.Tensor]] = {}
        self._pool: torch.cuda._POOL_HANDLE | None = None
        properties = torch.cuda.get_device_properties(model.device)
        self._num_processors = properties.multi_processor_count

    def fits(self, batch: StepBatch) -> bool:
        """Whether a step has one new token of each sequence, no media and no expert bias."""
        num_seqs = len(batch.context_lens_S)
        return (
            len(batch.token_ids_T) == num_seqs <= self._sizes[-1]
            and batch.block_tables_SN.shape[1] <= self._num_columns
            and batch.media_embeddings_MD is None
            and batch.expert_bias_SEA is None
        )

    def replay(self, batch: StepBatch) -> torch.Tensor:
        """Logits of all sequences of the padded step, float32. Valid until the next replay."""
        num_seqs = len(batch.context_lens_S)
        size = next(size for size in self._sizes if size >= num_seqs)
        graph, logits = self._graphs.get(size) or self._capture(size)
        self._write_inputs(batch, size)
        graph.replay()
        return logits

    def capture_all(self) -> None:
        """Capture the graphs that do not exist, the largest first: the others reuse its memory."""
        for size in reversed(self._sizes):
            if size not in self._graphs:
                self._capture(size)

    def _write_inputs(self, batch: StepBatch, size: int) -> None:
        num_seqs, num_columns = batch.block_tables_SN.shape
        length = size * (NUM_ROWS + self._num_columns)
        host = self._host.numpy()[:length]
        rows, tables = host[: NUM_ROWS * size].reshape(NUM_ROWS, size), host[NUM_ROWS * size :].reshape(size, -1)
        rows[:, num_seqs:] = np.array([0, 0, -1, 0], np.int32)[:, None]
        for row, values in zip(rows, (batch.token_ids_T, batch.positions_T, batch.slots_T, batch.context_lens_S), strict=True):
            row[:num_seqs] = values
        tables[:num_seqs, :num_columns] = batch.block_tables_SN
        self._inputs[:length].copy_(self._host[:length], non_blocking=True)

    def _capture(self, size: int) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        """The inputs of the warm-up are those of padding: nothing is stored in the cache."""
        rows = self._inputs[: NUM_ROWS * size].view(NUM_ROWS, size)
        rows[:2], rows[2], rows[3] = 0, -1, 0
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):  # compiles the kernels, and lets cuBLAS allocate its workspace
                self._compute(size)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            logits = self._compute(size)
        self._pool = graph.pool()
        self._graphs[size] = graph, logits
        return graph, logits

    def _compute(self, size: int) -> torch.Tensor:
        from kernels.paged_attention.attention import choose_num_splits

        rows = self._inputs[: NUM_ROWS * size].view(NUM_ROWS, size)
        tables = self._inputs[NUM_ROWS * size : size * (NUM_ROWS + self._num_columns)].view(size, -1)
        num_tokens = self._num_columns * self._caches[0].block_size
        num_splits = choose_num_splits(size, self._model.config.num_key_value_heads, num_tokens, self._num_processors)
        first, none = self._query_starts[:size], self._query_starts[:0]
        attention = AttentionStep(self._query_starts[: size + 1], rows[3], tables, (first, first), (none, none), num_splits)
        step = StepTensors(self._model.embed(rows[0]), rows[1], rows[2], attention, None)
        return self._model.compute_logits(self._model.forward(step, self._caches))
