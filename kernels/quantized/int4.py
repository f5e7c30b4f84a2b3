"""The product of vectors and a matrix in 4 bits, in Triton.

`multiply_vectors` is for one vector or few: it is limited by reading the matrix, so it unpacks with
few instructions. A code is masked where it is in its word; these bits are a denormal float32, which
a multiplication with a scaled element of the vector makes normal, exactly: no conversion, and one
shift for eight codes. `multiply_batch` unpacks to half precision for matrix instructions, for up to
some dozen vectors. The reference is the product with `int4_format.dequantize`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from kernels.quantized.int4_format import Int4Matrix

MAX_VECTORS = 2
"""Up to here reading the matrix again, which is in the cache, costs less than unpacking it."""
MAX_BATCH = 64


@dataclass(frozen=True, slots=True)
class Tile:
    """Launch parameters."""

    rows: int = 8
    blocks: int = 64
    """Blocks of 32 columns of a step of the loop."""
    warps: int = 2
    stages: int = 2
    """Of the pipeline of `multiply_batch`."""


@triton.jit
def _mask_code(word, PLACE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Code `PLACE` of each word, where it is, as a float32: a denormal, code * 2 ** (4 * p - 149).

    p is PLACE; places from 5 would reach the exponent, and are shifted to p = PLACE - 5.
    """
    bits = word if PLACE < 5 else word >> 20
    return (bits & (15 << (4 * (PLACE % 5)))).to(tl.float32, bitcast=True)


@triton.jit
def _multiply_vectors(  # type: ignore[no-untyped-def]
    x, words, scales, minima, out, N,
    NUM_BLOCKS: tl.constexpr, ROWS: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    x += tl.program_id(1) * NUM_BLOCKS * 32
    sums = tl.zeros((ROWS, BLOCKS), tl.float32)
    for start in range(0, NUM_BLOCKS, BLOCKS):
        lanes = start * 4 + tl.arange(0, BLOCKS * 4)
        is_lane = lanes < NUM_BLOCKS * 4
        base = rows.to(tl.int64)[:, None] * (NUM_BLOCKS * 4)
        word = tl.load(words + base + lanes[None, :], mask=(rows < N)[:, None] & is_lane[None, :], other=0)
        columns = lanes // 4 * 32 + lanes % 4
        dots = tl.zeros((ROWS, BLOCKS * 4), tl.float32)
        totals = tl.zeros((BLOCKS * 4,), tl.float32)
        for place in tl.static_range(8):
            value = tl.load(x + columns + 4 * place, mask=is_lane, other=0.0).to(tl.float32)
            totals += value
            scaled = value * (2.0 ** (100 - 4 * (place % 5)))
            dots += _mask_code(word, place) * scaled[None, :]
        blocks = start + tl.arange(0, BLOCKS)
        # One element for each thread, that of the words of this block: no exchange is needed.
        at = tl.multiple_of(rows.to(tl.int64)[:, None] * NUM_BLOCKS + blocks[None, :], [1, 1])
        mask = (rows < N)[:, None] & (blocks < NUM_BLOCKS)[None, :]
        scale = tl.load(scales + at, mask=mask, other=0.0).to(tl.float32)
        minimum = tl.load(minima + at, mask=mask, other=0.0).to(tl.float32)
        dot = tl.sum(tl.reshape(dots, (ROWS, BLOCKS, 4)), axis=2)
        total = tl.sum(tl.reshape(totals, (BLOCKS, 4)), axis=1)
        sums += dot * (scale * 2.0**49) + minimum * total[None, :]
    tl.store(out + tl.program_id(1) * N + rows, tl.sum(sums, axis=1).to(out.dtype.element_ty), mask=rows < N)


@triton.jit
def _multiply_batch(  # type: ignore[no-untyped-def]
    x, words, scales, minima, out, N, M,
    NUM_BLOCKS: tl.constexpr, M_P2: tl.constexpr, ROWS: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    vectors = tl.arange(0, M_P2)
    lanes = tl.arange(0, BLOCKS * 4)
    acc = tl.zeros((M_P2, ROWS), tl.float32)
    for start in range(0, NUM_BLOCKS, BLOCKS):
        blocks = start + lanes // 4
        is_block = blocks < NUM_BLOCKS
        at = rows.to(tl.int64)[None, :] * NUM_BLOCKS + blocks[:, None]
        mask = (rows < N)[None, :] & is_block[:, None]
        word = tl.load(words + at * 4 + (lanes % 4)[:, None], mask=mask, other=0)
        scale = tl.load(scales + at, mask=mask, other=0.0).to(tl.float32)
        minimum = tl.load(minima + at, mask=mask, other=0.0).to(tl.float32)
        columns = blocks * 32 + lanes % 4
        for place in tl.static_range(8):
            code = ((word >> (4 * place)) & 15).to(tl.float32)
            weight = (code * scale + minimum).to(x.dtype.element_ty)
            source = x + vectors[:, None] * NUM_BLOCKS * 32 + columns[None, :] + 4 * place
            value = tl.load(source, mask=(vectors < M)[:, None] & is_block[None, :], other=0.0)
            acc = tl.dot(value, weight, acc, input_precision="ieee")
    target = out + vectors[:, None] * N + rows[None, :]
    tl.store(target, acc.to(out.dtype.element_ty), mask=(vectors < M)[:, None] & (rows < N)[None, :])


def multiply_vectors(x_MK: torch.Tensor, matrix: Int4Matrix, tile: Tile | None = None) -> torch.Tensor:
    """Products (M, N) of vectors with the rows of the matrix, which is read for each vector.

    Elements of the vectors must be smaller than 2 ** 27.
    """
    num_rows, num_columns = matrix.shape
    tile = tile or Tile(rows=4 if num_columns > 8192 else 8)  # found by `mm bench serving` on an H200
    out = torch.empty((len(x_MK), num_rows), dtype=x_MK.dtype, device=x_MK.device)
    blocks = min(tile.blocks, triton.next_power_of_2(num_columns // 32))
    _multiply_vectors[(triton.cdiv(num_rows, tile.rows), len(x_MK))](
        x_MK, matrix.words_NBW, matrix.scales_NB, matrix.minima_NB, out, num_rows,
        NUM_BLOCKS=num_columns // 32, ROWS=tile.rows, BLOCKS=blocks, num_warps=tile.warps,
    )  # fmt: skip
    return out


def multiply_batch(x_MK: torch.Tensor, matrix: Int4Matrix, tile: Tile | None = None) -> torch.Tensor:
    """The same for up to `MAX_BATCH` vectors. The unpacked values have the type of the vectors."""
    num_rows, num_columns = matrix.shape
    tile = tile or (Tile(32, 16, 4, 3) if len(x_MK) <= 16 else Tile(32, 8, 4, 2))
    out = torch.empty((len(x_MK), num_rows), dtype=x_MK.dtype, device=x_MK.device)
    _multiply_batch[(triton.cdiv(num_rows, tile.rows),)](
        x_MK, matrix.words_NBW, matrix.scales_NB, matrix.minima_NB, out, num_rows, len(x_MK),
        NUM_BLOCKS=num_columns // 32, M_P2=max(16, triton.next_power_of_2(len(x_MK))), ROWS=tile.rows, BLOCKS=tile.blocks,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return out
