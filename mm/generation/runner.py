"""The interface between the engine and a network: tokens and block tables in, logits out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mm.numerics import Float32, Float64

if TYPE_CHECKING:
    from collections.abc import Sequence as Sequences

    from mm.generation.scheduler import Chunk
    from mm.generation.sequence import Sequence

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


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


@dataclass(frozen=True, slots=True, eq=False)
class RowSampling:
    """How the tokens of L rows of logits are selected: the arguments of `sampler.sample_tokens`."""

    temperatures_L: Float64
    top_ks_L: Int64
    top_ps_L: Float64
    uniforms_L: Float64
    """The random number of each row, from [0, 1)."""


@runtime_checkable
class SamplingRunner(Runner, Protocol):
    """A runner that selects tokens on its device: the logits of a large batch are not copied."""

    def run_and_sample(self, batch: StepBatch, sampling: RowSampling, rows_with_logits_R: Int32) -> tuple[Int64, Float32]:
        """Like `run`. Returns the tokens (L,), -1 where the highest logit is not finite, and logits
        (R, vocabulary) of some of the L rows."""
        ...


def build_batch(chunks: Sequences[Chunk], block_size: int) -> StepBatch:
    """The arrays of a step. `chunks` must not be empty."""
    sequences = [chunk.sequence for chunk in chunks]
    starts = np.array([sequence.num_computed_tokens for sequence in sequences])
    lengths = np.array([chunk.num_tokens for chunk in chunks])
    query_starts = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(np.arange(len(chunks)), lengths)
    positions = np.arange(query_starts[-1]) + (starts - query_starts[:-1])[rows]
    block_tables = _stack_block_tables(sequences)
    token_ids = chain.from_iterable(
        sequence.token_ids[start : start + length]
        for sequence, start, length in zip(sequences, starts.tolist(), lengths.tolist(), strict=True)
    )
    media_rows, embeddings = [], []
    for i, sequence in enumerate(sequences):
        for span in sequence.request.media:
            first, last = max(starts[i], span.start), min(starts[i] + lengths[i], span.end)
            if first < last:
                media_rows.append(np.arange(first, last) - starts[i] + query_starts[i])
                embeddings.append(span.embeddings[first - span.start : last - span.start])
    is_last = np.array([chunk.is_last for chunk in chunks])
    return StepBatch(
        token_ids_T=np.fromiter(token_ids, np.int32, len(positions)),
        positions_T=positions.astype(np.int32),
        slots_T=(block_tables[rows, positions // block_size] * block_size + positions % block_size).astype(np.int32),
        query_starts_S1=query_starts.astype(np.int32),
        context_lens_S=(starts + lengths).astype(np.int32),
        block_tables_SN=block_tables,
        logits_rows_L=(query_starts[1:][is_last] - 1).astype(np.int32),
        media_rows_M=np.concatenate(media_rows).astype(np.int32) if media_rows else np.zeros(0, np.int32),
        media_embeddings_MD=np.concatenate(embeddings) if embeddings else None,
        expert_bias_SEA=_stack_expert_bias([sequence.request.expert_bias for sequence in sequences]),
    )


def _stack_block_tables(sequences: Sequences[Sequence]) -> Int32:
    lengths = np.array([len(sequence.block_table) for sequence in sequences])
    blocks = chain.from_iterable(sequence.block_table for sequence in sequences)
    tables = np.full((len(sequences), lengths.max()), -1, np.int32)
    tables[np.arange(lengths.max()) < lengths[:, None]] = np.fromiter(blocks, np.int32, lengths.sum())
    return tables


def _stack_expert_bias(biases: Sequences[Float32 | None]) -> Float32 | None:
    first = next((bias for bias in biases if bias is not None), None)
    if first is None:
        return None
    zeros = np.zeros_like(first)
    return np.stack([zeros if bias is None else bias for bias in biases])
