"""A runner for checkpoints of other model families, in torch, on a GPU or a CPU.

Names of tensors end in their axes: S sequences, N positions of the longest context, L new tokens of
the longest chunk, T tokens of all sequences, H query heads, G key-value heads, D head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from mm.generation.runner import StepBatch
    from mm.models.language.families.network import FamilyNetwork
    from mm.numerics import Float32


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where the tokens of a step are, shared by all layers."""

    slots_T: Tensor
    context_slots_SN: Tensor
    rows_T: Tensor
    """Sequence of each token."""
    columns_T: Tensor
    """Its number among the new tokens of its sequence."""
    positions_SL: Tensor
    """-1 for padding."""


class FamilyRunner:
    """Implements `mm.generation.runner.Runner` for all sequences of a step at once."""

    def __init__(self, network: FamilyNetwork, num_blocks: int, block_size: int) -> None:
        self._network, self._block_size = network, block_size
        config = network.config
        shape = (config.num_hidden_layers, num_blocks * block_size, config.num_key_value_heads, config.head_dim)
        self._keys = torch.zeros(shape, dtype=network.dtype, device=network.device)
        self._values = torch.zeros_like(self._keys)

    @torch.inference_mode()
    def run(self, batch: StepBatch) -> Float32:
        """Logits (L, vocabulary) of the tokens `batch.logits_rows_L`."""
        device = self._network.device
        embeddings = self._network.embed_tokens(torch.from_numpy(batch.token_ids_T).long().to(device))
        if batch.media_embeddings_MD is not None:
            embeddings[torch.from_numpy(batch.media_rows_M).long().to(device)] = torch.from_numpy(batch.media_embeddings_MD).to(
                device
            )
        places = self._locate(batch)
        positions_T = torch.from_numpy(batch.positions_T).to(device)

        def attend(layer: int, queries_THD: Tensor, keys_TGD: Tensor, values_TGD: Tensor) -> Tensor:
            return self._attend(layer, queries_THD, keys_TGD, values_TGD, places)

        hidden = self._network.run(embeddings, positions_T, attend)
        rows = torch.from_numpy(batch.logits_rows_L).long().to(device)
        logits: Float32 = self._network.compute_logits(hidden[rows]).cpu().numpy()
        return logits

    def _locate(self, batch: StepBatch) -> _Places:
        lengths = np.diff(batch.query_starts_S1)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        columns = np.arange(len(rows)) - batch.query_starts_S1[:-1][rows]
        positions = np.full((len(lengths), int(lengths.max())), -1, np.int64)
        positions[rows, columns] = batch.positions_T
        places = np.arange(int(batch.context_lens_S.max()))
        slots = batch.block_tables_SN[:, places // self._block_size] * self._block_size + places % self._block_size
        device = self._network.device
        arrays = (batch.slots_T, np.maximum(slots, 0), rows, columns, positions)
        tensors = (torch.from_numpy(np.asarray(array, np.int64)).to(device) for array in arrays)
        slots_T, context_slots_SN, rows_T, columns_T, positions_SL = tensors
        return _Places(slots_T, context_slots_SN, rows_T, columns_T, positions_SL)

    def _attend(self, layer: int, queries_THD: Tensor, keys_TGD: Tensor, values_TGD: Tensor, places: _Places) -> Tensor:
        config = self._network.config
        self._keys[layer, places.slots_T], self._values[layer, places.slots_T] = keys_TGD, values_TGD
        keys_SGND = self._keys[layer, places.context_slots_SN].transpose(1, 2)
        values_SGND = self._values[layer, places.context_slots_SN].transpose(1, 2)
        queries_SLHD = queries_THD.new_zeros((*places.positions_SL.shape, *queries_THD.shape[1:]))
        queries_SLHD[places.rows_T, places.columns_T] = queries_THD
        attended = functional.scaled_dot_product_attention(
            queries_SLHD.transpose(1, 2),
            keys_SGND,
            values_SGND,
            attn_mask=self._mask(places, config.window(layer))[:, None],
            scale=config.attention_scale,
            enable_gqa=True,
        )
        return attended.transpose(1, 2)[places.rows_T, places.columns_T]

    def _mask(self, places: _Places, window: int) -> Tensor:
        """True (S, L, N) where a new token attends; rows of padding attend to position 0."""
        keys_N = torch.arange(places.context_slots_SN.shape[1], device=self._network.device)
        queries_SL1 = places.positions_SL.clamp(min=0)[:, :, None]
        mask = keys_N <= queries_SL1
        return mask & (keys_N > queries_SL1 - window) if window else mask
