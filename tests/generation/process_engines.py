"""Engines for child processes. Tokens of the prompt trigger faults."""

from __future__ import annotations

import threading

from mm.generation import Engine, EngineConfig, StepBatch
from mm.numerics import Float32
from tests.generation.hash_model import SMALL, HashRunner

CONFIG = EngineConfig(num_blocks=600, block_size=4, max_num_seqs=16, max_num_batched_tokens=64, max_model_len=2048)
STALL, FAIL = 12, 13


class FaultyRunner(HashRunner):
    """Never returns, or raises, when the prompt begins with the token of the fault."""

    def run(self, batch: StepBatch) -> Float32:
        first_tokens = batch.token_ids_T[batch.positions_T == 0]
        if STALL in first_tokens:
            threading.Event().wait()
        if FAIL in first_tokens:
            raise RuntimeError("the device failed")
        return super().run(batch)


def make_engine() -> Engine:
    return Engine(FaultyRunner(len(SMALL), CONFIG.num_blocks, CONFIG.block_size), SMALL, CONFIG)


def make_no_engine() -> Engine:
    raise FileNotFoundError("no weights")
