"""The interface between the engine and a network: tokens and block tables in, logits out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from mm.numerics import Float32

if TYPE_CHECKING:
    from collections.abc import Sequence as Sequences

    from mm.generation.scheduler import Chunk

Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class StepBatch:
    """One step: the chunks of S sequences, T tokens in all, one after another.

    Token t has position `positions_T[t]` in its sequence, and its key and value are written to
    position `slots_T[t]` of the cache, which is `block * block_size + offset`. It attends to the
    positions of its sequence up to its own, whose blocks are `block_tables_SN[s]` in order.
    """

    token_ids_T: Int32
    positions_T: Int32
    slots_T: Int32
    query_starts_S1: Int32
    """Tokens `query_starts_S1[s]` up to `query_starts_S1[s + 1]` belong to sequence s."""
    context_lens_S: Int32
    """Tokens of each sequence in the cache when this step is done."""
    block_tables_SN: Int32
    """Padded with -1."""
    logits_rows_L: Int32
    """The tokens t whose logits are returned: the last one of each complete sequence."""
    media_rows_M: Int32
    """The tokens t whose embedding is a row of `media_embeddings_MD`, in this order."""
    media_embeddings_MD: Float32 | None
    """None without media."""
    expert_bias_SEA: Float32 | None
    """Bias of the routers of E MoE layers with A experts for each sequence; None if all are 0."""


class Runner(Protocol):
    """A network with its paged key-value cache."""

    def run(self, batch: StepBatch) -> Float32:
        """Write the keys and values of the batch, and return logits (L, vocabulary).

        A second call with the same batch returns the same logits.
        """
        ...


def build_batch(chunks: Sequences[Chunk], block_size: int) -> StepBatch:
    """The arrays of a step. `chunks` must not be empty."""
    token_ids, positions, slots, media_rows, embeddings = [], [], [], [], []
    lengths = np.array([chunk.num_tokens for chunk in chunks])
    query_starts = np.concatenate([[0], np.cumsum(lengths)])
    block_tables = np.full((len(chunks), max(len(chunk.sequence.block_table) for chunk in chunks)), -1, np.int32)
    for i, chunk in enumerate(chunks):
        sequence = chunk.sequence
        start, end = sequence.num_computed_tokens, sequence.num_computed_tokens + chunk.num_tokens
        block_tables[i, : len(sequence.block_table)] = sequence.block_table
        token_ids.append(sequence.token_ids[start:end])
        positions.append(np.arange(start, end))
        slots.append(block_tables[i, positions[-1] // block_size] * block_size + positions[-1] % block_size)
        for span in sequence.request.media:
            first, last = max(start, span.start), min(end, span.end)
            if first < last:
                media_rows.append(np.arange(first, last) - start + query_starts[i])
                embeddings.append(span.embeddings[first - span.start : last - span.start])
    is_last = np.array([chunk.is_last for chunk in chunks])
    return StepBatch(
        token_ids_T=np.concatenate(token_ids).astype(np.int32),
        positions_T=np.concatenate(positions).astype(np.int32),
        slots_T=np.concatenate(slots).astype(np.int32),
        query_starts_S1=query_starts.astype(np.int32),
        context_lens_S=np.array([chunk.sequence.num_computed_tokens + chunk.num_tokens for chunk in chunks], np.int32),
        block_tables_SN=block_tables,
        logits_rows_L=(query_starts[1:][is_last] - 1).astype(np.int32),
        media_rows_M=np.concatenate(media_rows).astype(np.int32) if media_rows else np.zeros(0, np.int32),
        media_embeddings_MD=np.concatenate(embeddings) if embeddings else None,
        expert_bias_SEA=_stack_expert_bias([chunk.sequence.request.expert_bias for chunk in chunks]),
    )


def _stack_expert_bias(biases: Sequences[Float32 | None]) -> Float32 | None:
    first = next((bias for bias in biases if bias is not None), None)
    if first is None:
        return None
    zeros = np.zeros_like(first)
    return np.stack([zeros if bias is None else bias for bias in biases])
