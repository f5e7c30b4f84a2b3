"""Scores whose largest value belongs to the nearest vector of a bank, by one product of matrices.

|q - b|^2 = |q|^2 - 2 (q b - |b|^2 / 2), so the nearest vector has the largest q b - |b|^2 / 2.
Products of 8-bit integers are several times as fast as those of float32 on processors with
instructions for them. ONNX Runtime computes both: the BLAS of NumPy and FAISS does not use the
widest instructions of every processor. Names of arrays end in their axes: B vectors of the bank, N
queries, C channels, K columns of a product.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mm.numerics import Float32, Float64
from mm.runtimes.types import Array, Graph

LEVELS = 120
"""Largest 8-bit value of a vector of the bank; queries may be a little larger, up to 127."""
LARGEST = 127
ZERO = 128
"""Value of an unsigned 8-bit number that stands for 0."""
QUERIES, VECTORS, ZERO_POINT, SCORES = "queries", "vectors", "zero_point", "scores"
"""Inputs and output of the graphs."""

Scores = npt.NDArray[np.int32] | Float32
Mask = npt.NDArray[np.bool_]


class Similarity(Protocol):
    """Compares queries with all vectors of a bank."""

    lowest: int | float
    """Less than any score."""

    def score(self, vectors_NC: Float32) -> tuple[Scores, Mask]:
        """Scores (N, B), and the queries (N,) whose scores do not hold."""
        ...


class FloatSimilarity:
    """Products of float32, which hold for every query."""

    lowest = -math.inf

    def __init__(self, vectors_BC: Float32) -> None:
        self._mean_C = vectors_BC.mean(0)
        # Around their mean: large numbers that cancel out would cost precision.
        centred_BC = vectors_BC - self._mean_C
        halves_B1 = np.square(centred_BC).sum(1, keepdims=True) / 2
        self._table_KB = np.ascontiguousarray(np.concatenate([centred_BC, -halves_B1], 1).T)
        self._graph = _load_product_graph(is_integer=False)

    def score(self, vectors_NC: Float32) -> tuple[Scores, Mask]:
        queries_NK = np.ones((len(vectors_NC), len(self._table_KB)), np.float32)
        np.subtract(vectors_NC, self._mean_C, out=queries_NK[:, :-1])
        scores_NB = self._graph.run({QUERIES: queries_NK, VECTORS: self._table_KB})[SCORES]
        return np.asarray(scores_NB, np.float32), np.zeros(len(vectors_NC), np.bool_)


class ByteSimilarity:
    """Products of 8-bit integers, with one step for all channels.

    They do not hold for queries with values outside the range of the bank.
    """

    lowest = np.iinfo(np.int32).min

    def __init__(self, vectors_BC: Float32) -> None:
        self._mean_C = vectors_BC.mean(0)
        self.step = compute_step(vectors_BC)
        levels_BC = np.rint((vectors_BC - self._mean_C) / self.step).astype(np.int8)
        halves_B = np.square(levels_BC.astype(np.float64)).sum(1) / 2
        digits_BE = encode_offsets(halves_B - halves_B.min())
        self._table_KB = np.ascontiguousarray(np.concatenate([levels_BC, -digits_BE], 1).T)
        self._num_digits = digits_BE.shape[1]
        self._graph = _load_product_graph(is_integer=True)

    def score(self, vectors_NC: Float32) -> tuple[Scores, Mask]:
        levels_NC = vectors_NC - self._mean_C
        levels_NC /= self.step
        np.rint(levels_NC, out=levels_NC)
        is_outside_N = (np.abs(levels_NC) > LARGEST).any(1)
        queries_NK = np.full((len(vectors_NC), len(self._table_KB)), ZERO + LARGEST, np.uint8)
        queries_NK[:, : -self._num_digits] = np.clip(levels_NC, -LARGEST, LARGEST) + ZERO
        queries_NK[:, -1] = ZERO + 1
        inputs: dict[str, Array] = {QUERIES: queries_NK, VECTORS: self._table_KB, ZERO_POINT: np.array(ZERO, np.uint8)}
        return np.asarray(self._graph.run(inputs)[SCORES], np.int32), is_outside_N


def compute_step(vectors_BC: Float32) -> float:
    """Difference of two levels of `ByteSimilarity`, in the unit of the vectors."""
    largest = float(np.abs(vectors_BC - vectors_BC.mean(0)).max())
    return max(largest, 1e-6) / LEVELS


def encode_offsets(offsets_B: Float64) -> npt.NDArray[np.int8]:
    """Digits (B, E) of numbers from 0: 127 times the sum of all but the last, plus the last.

    So a product of 8-bit numbers subtracts them from the other products, without a second pass over
    the scores.
    """
    wholes_B = np.rint(offsets_B).astype(np.int64)
    coarse_B = wholes_B // LARGEST
    num_coarse = max(1, -(-int(coarse_B.max()) // LARGEST))
    digits = [np.clip(coarse_B - LARGEST * place, 0, LARGEST) for place in range(num_coarse)]
    return np.stack([*digits, wholes_B % LARGEST], 1).astype(np.int8)


def _load_product_graph(*, is_integer: bool) -> Graph:
    """A session of the graph.

    The runtime is imported only here: the parent of worker processes does not load it.
    """
    from mm.runtimes.onnxruntime_cpu import OnnxRuntimeGraph

    return OnnxRuntimeGraph(build_product_graph(is_integer=is_integer), threads=1, keeps_memory=True)


def build_product_graph(*, is_integer: bool) -> bytes:
    """The serialised graph: `queries` (N, K) and `vectors` (K, B) -> `scores` (N, B).

    Of float32, or of unsigned and signed 8-bit numbers with a `zero_point` of the queries.
    """
    from onnx import TensorProto, helper

    from mm.models.onnx_builder import OnnxBuilder

    kinds = (TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32) if is_integer else (TensorProto.FLOAT,) * 3
    shapes = (["N", "K"], ["K", "B"], ["N", "B"])
    queries, vectors, scores = map(helper.make_tensor_value_info, (QUERIES, VECTORS, SCORES), kinds, shapes)
    graph = OnnxBuilder({})
    if not is_integer:
        graph.add("MatMul", [QUERIES, VECTORS], SCORES)
        return graph.build("products", [queries, vectors], [scores])
    graph.add("MatMulInteger", [QUERIES, VECTORS, ZERO_POINT], SCORES)
    zero_point = helper.make_tensor_value_info(ZERO_POINT, TensorProto.UINT8, [])
    return graph.build("products", [queries, vectors, zero_point], [scores])
