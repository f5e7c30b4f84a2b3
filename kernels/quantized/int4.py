"""The product of vectors and a matrix in 4 bits, in Triton.

`multiply_vectors` is for one vector or few: it is limited by reading the matrix, if it unpacks with
few instructions. The vector is rounded to 16 bits, with a unit for each block of 32 elements, and
divided into high and low bytes. The masked codes of four columns are the bytes of a word, so that
an instruction (`dp4a`) adds their products with four bytes of the vector, exactly. Programs stay,
with the vector in registers, and read rows in turn. `multiply_batch` unpacks to half precision for
matrix instructions, for up to some dozen vectors. The reference is the product with
`int4_format.dequantize`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
import triton
import triton.language as tl

from kernels.quantized.int4_format import MINIMUM_UNIT, Int4Matrix

MAX_VECTORS = 2
"""Up to here reading the matrix again, which is in the cache, costs less than unpacking it."""
MAX_BATCH = 64


@dataclass(frozen=True, slots=True)
class Tile:
    """Launch parameters of `multiply_vectors`."""

    rows: int
    """Of a step of a program."""
    blocks: int
    """Blocks of 32 columns of a step; with all of a row, the vector is prepared once."""
    warps: int
    programs: int
    """Of a multiprocessor; each computes several steps."""


@dataclass(frozen=True, slots=True)
class BatchTile:
    """Launch parameters of `multiply_batch`."""

    rows: int = 32
    blocks: int = 16
    """Blocks of 32 columns of a step of the loop."""
    warps: int = 4
    stages: int = 3
    """Of the pipeline."""


@triton.jit
def _dot_bytes(codes, values, acc, IS_SIGNED: tl.constexpr, IS_GPU: tl.constexpr):  # type: ignore[no-untyped-def]
    """`acc` plus the products of the four unsigned bytes of `codes` and those of `values`."""
    if IS_GPU:
        if IS_SIGNED:
            return tl.inline_asm_elementwise(
                "dp4a.u32.s32 $0, $1, $2, $3;", "=r,r,r,r", [codes, values, acc], dtype=tl.int32, is_pure=True, pack=1
            )
        else:
            return tl.inline_asm_elementwise(
                "dp4a.u32.u32 $0, $1, $2, $3;", "=r,r,r,r", [codes, values, acc], dtype=tl.int32, is_pure=True, pack=1
            )
    for byte in tl.static_range(4):
        value = (values >> (8 * byte)) & 255
        if IS_SIGNED:
            value = (value ^ 128) - 128
        acc += ((codes >> (8 * byte)) & 255) * value
    return acc


@triton.jit
def _pack_bytes(a, b, c, d, SHIFT: tl.constexpr):  # type: ignore[no-untyped-def]
    """The byte of each number that begins at bit SHIFT, 0 or 8."""
    a, b, c, d = a >> SHIFT, b >> SHIFT, c >> SHIFT, d >> SHIFT
    return (a & 255) | ((b & 255) << 8) | ((c & 255) << 16) | ((d & 255) << 24)


@triton.jit
def _prepare(x, first_block, NUM_BLOCKS: tl.constexpr, BLOCKS: tl.constexpr):  # type: ignore[no-untyped-def]
    """BLOCKS blocks of the vector in 16 bits.

    For each word of codes: the high bytes of the elements of its even and of its odd codes, and the
    low ones; for each block its unit and its sum.
    """
    MAGIC: tl.constexpr = 12582912.0
    lanes = first_block * 4 + tl.arange(0, BLOCKS * 4)
    source = x + lanes // 4 * 32 + lanes % 4
    mask = lanes < NUM_BLOCKS * 4
    x0 = tl.load(source, mask=mask, other=0.0).to(tl.float32)
    x1 = tl.load(source + 4, mask=mask, other=0.0).to(tl.float32)
    x2 = tl.load(source + 8, mask=mask, other=0.0).to(tl.float32)
    x3 = tl.load(source + 12, mask=mask, other=0.0).to(tl.float32)
    x4 = tl.load(source + 16, mask=mask, other=0.0).to(tl.float32)
    x5 = tl.load(source + 20, mask=mask, other=0.0).to(tl.float32)
    x6 = tl.load(source + 24, mask=mask, other=0.0).to(tl.float32)
    x7 = tl.load(source + 28, mask=mask, other=0.0).to(tl.float32)
    highest = tl.maximum(tl.maximum(tl.abs(x0), tl.abs(x1)), tl.maximum(tl.abs(x2), tl.abs(x3)))
    highest = tl.maximum(highest, tl.maximum(tl.maximum(tl.abs(x4), tl.abs(x5)), tl.maximum(tl.abs(x6), tl.abs(x7))))
    units = tl.maximum(tl.max(tl.reshape(highest, (BLOCKS, 4)), axis=1), 1e-30) / 32767.0
    inverse = tl.reshape(tl.broadcast_to((1.0 / units)[:, None], (BLOCKS, 4)), (BLOCKS * 4,))
    # Adding 1.5 * 2 ** 23 rounds to an integer, which is in the low bits of the sum.
    x0, x1, x2, x3 = x0 * inverse + MAGIC, x1 * inverse + MAGIC, x2 * inverse + MAGIC, x3 * inverse + MAGIC
    x4, x5, x6, x7 = x4 * inverse + MAGIC, x5 * inverse + MAGIC, x6 * inverse + MAGIC, x7 * inverse + MAGIC
    of_words = ((x0 - MAGIC + (x1 - MAGIC)) + (x2 - MAGIC + (x3 - MAGIC))) + (
        (x4 - MAGIC + (x5 - MAGIC)) + (x6 - MAGIC + (x7 - MAGIC))
    )
    sums = units * tl.sum(tl.reshape(of_words, (BLOCKS, 4)), axis=1)
    x0, x1 = x0.to(tl.int32, bitcast=True), x1.to(tl.int32, bitcast=True)
    x2, x3 = x2.to(tl.int32, bitcast=True), x3.to(tl.int32, bitcast=True)
    x4, x5 = x4.to(tl.int32, bitcast=True), x5.to(tl.int32, bitcast=True)
    x6, x7 = x6.to(tl.int32, bitcast=True), x7.to(tl.int32, bitcast=True)
    even_high, odd_high = _pack_bytes(x0, x2, x4, x6, 8), _pack_bytes(x1, x3, x5, x7, 8)
    even_low, odd_low = _pack_bytes(x0, x2, x4, x6, 0), _pack_bytes(x1, x3, x5, x7, 0)
    return even_high, odd_high, even_low, odd_low, units, sums


@triton.jit
def _multiply_words(  # type: ignore[no-untyped-def]
    word, ranges, even_high, odd_high, even_low, odd_low, units, sums,
    ROWS: tl.constexpr, BLOCKS: tl.constexpr, MINIMUM_UNIT: tl.constexpr, IS_GPU: tl.constexpr,
):  # fmt: skip
    """Products (ROWS, BLOCKS) of blocks and the vector, without the factors of the rows."""
    even, odd = word & 0x0F0F0F0F, (word >> 4) & 0x0F0F0F0F
    zero = tl.zeros_like(word)
    shape: tl.constexpr = word.shape
    high = _dot_bytes(even, tl.broadcast_to(even_high[None, :], shape), zero, True, IS_GPU)
    high = _dot_bytes(odd, tl.broadcast_to(odd_high[None, :], shape), high, True, IS_GPU)
    low = _dot_bytes(even, tl.broadcast_to(even_low[None, :], shape), zero, False, IS_GPU)
    low = _dot_bytes(odd, tl.broadcast_to(odd_low[None, :], shape), low, False, IS_GPU)
    dots = tl.sum(tl.reshape(high * 256 + low, (ROWS, BLOCKS, 4)), axis=2).to(tl.float32)
    scale, minimum = (ranges & 255).to(tl.float32), (ranges >> 8).to(tl.float32)
    return scale * (dots * units[None, :]) + minimum * (sums * MINIMUM_UNIT)[None, :]


@triton.jit
def _load_words(words, ranges, rows, first_block, N, NUM_BLOCKS: tl.constexpr, BLOCKS: tl.constexpr):  # type: ignore[no-untyped-def]
    lanes, blocks = first_block * 4 + tl.arange(0, BLOCKS * 4), first_block + tl.arange(0, BLOCKS)
    is_row = (rows < N)[:, None]
    row = rows.to(tl.int64)[:, None]
    word = tl.load(words + row * (NUM_BLOCKS * 4) + lanes[None, :], mask=is_row & (lanes < NUM_BLOCKS * 4)[None, :], other=0)
    # One element for each thread, that of the words of this block: no exchange is needed.
    at = tl.multiple_of(row * NUM_BLOCKS + blocks[None, :], [1, 1])
    return word, tl.load(ranges + at, mask=is_row & (blocks < NUM_BLOCKS)[None, :], other=0)


@triton.jit
def _multiply_vectors(  # type: ignore[no-untyped-def]
    x, words, ranges, factors, out, N, NUM_BLOCKS: tl.constexpr, MINIMUM_UNIT: tl.constexpr,
    ROWS: tl.constexpr, BLOCKS: tl.constexpr, IS_GPU: tl.constexpr,
):  # fmt: skip
    program, count = tl.program_id(0), tl.num_programs(0)
    x += tl.program_id(1) * NUM_BLOCKS * 32
    out += tl.program_id(1) * N
    rows = program * ROWS + tl.arange(0, ROWS)
    word, of_blocks = _load_words(words, ranges, rows, 0, N, NUM_BLOCKS, BLOCKS)
    if IS_GPU:  # launched, and reading the matrix, while the kernel that writes the vector runs
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
    if BLOCKS >= NUM_BLOCKS:  # the vector stays in registers
        even_high, odd_high, even_low, odd_low, units, sums = _prepare(x, 0, NUM_BLOCKS, BLOCKS)
        for tile in range(program, tl.cdiv(N, ROWS), count):
            rows = tile * ROWS + tl.arange(0, ROWS)
            # Those of the next step are read before these are used.
            next_word, next_of_blocks = _load_words(words, ranges, rows + count * ROWS, 0, N, NUM_BLOCKS, BLOCKS)
            products = _multiply_words(
                word, of_blocks, even_high, odd_high, even_low, odd_low, units, sums, ROWS, BLOCKS, MINIMUM_UNIT, IS_GPU
            )
            factor = tl.load(factors + rows, mask=rows < N, other=0.0)
            tl.store(out + rows, (tl.sum(products, axis=1) * factor).to(out.dtype.element_ty), mask=rows < N)
            word, of_blocks = next_word, next_of_blocks
    else:
        for tile in range(program, tl.cdiv(N, ROWS), count):
            rows = tile * ROWS + tl.arange(0, ROWS)
            acc = tl.zeros((ROWS, BLOCKS), tl.float32)
            for start in range(0, NUM_BLOCKS, BLOCKS):
                even_high, odd_high, even_low, odd_low, units, sums = _prepare(x, start, NUM_BLOCKS, BLOCKS)
                word, of_blocks = _load_words(words, ranges, rows, start, N, NUM_BLOCKS, BLOCKS)
                acc += _multiply_words(
                    word, of_blocks, even_high, odd_high, even_low, odd_low, units, sums, ROWS, BLOCKS, MINIMUM_UNIT, IS_GPU
                )
            factor = tl.load(factors + rows, mask=rows < N, other=0.0)
            tl.store(out + rows, (tl.sum(acc, axis=1) * factor).to(out.dtype.element_ty), mask=rows < N)


@triton.jit
def _multiply_batch(  # type: ignore[no-untyped-def]
    x, words, ranges, factors, out, N, M, NUM_BLOCKS: tl.constexpr, MINIMUM_UNIT: tl.constexpr,
    M_P2: tl.constexpr, ROWS: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    vectors = tl.arange(0, M_P2)
    lanes = tl.arange(0, BLOCKS * 4)
    factor = tl.load(factors + rows, mask=rows < N, other=0.0)[None, :]
    acc = tl.zeros((M_P2, ROWS), tl.float32)
    for start in range(0, NUM_BLOCKS, BLOCKS):
        blocks = start + lanes // 4
        is_block = blocks < NUM_BLOCKS
        at = rows.to(tl.int64)[None, :] * NUM_BLOCKS + blocks[:, None]
        mask = (rows < N)[None, :] & is_block[:, None]
        word = tl.load(words + at * 4 + (lanes % 4)[:, None], mask=mask, other=0)
        of_blocks = tl.load(ranges + at, mask=mask, other=0)
        scale, minimum = (of_blocks & 255).to(tl.float32) * factor, (of_blocks >> 8).to(tl.float32) * (MINIMUM_UNIT * factor)
        columns = blocks * 32 + lanes % 4
        for place in tl.static_range(8):
            code = ((word >> (4 * place)) & 15).to(tl.float32)
            weight = (code * scale + minimum).to(x.dtype.element_ty)
            source = x + vectors[:, None] * NUM_BLOCKS * 32 + columns[None, :] + 4 * place
            value = tl.load(source, mask=(vectors < M)[:, None] & is_block[None, :], other=0.0)
            acc = tl.dot(value, weight, acc, input_precision="ieee")
    target = out + vectors[:, None] * N + rows[None, :]
    tl.store(target, acc.to(out.dtype.element_ty), mask=(vectors < M)[:, None] & (rows < N)[None, :])


@cache
def _count_multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


def multiply_vectors(x_MK: torch.Tensor, matrix: Int4Matrix, tile: Tile | None = None) -> torch.Tensor:
    """Products (M, N) of vectors with the rows of the matrix, which is read for each vector."""
    num_rows, num_columns = matrix.shape
    tile = tile or _choose_tile(num_columns)
    is_gpu = x_MK.device.type == "cuda"
    out = torch.empty((len(x_MK), num_rows), dtype=x_MK.dtype, device=x_MK.device)
    blocks = min(tile.blocks, triton.next_power_of_2(num_columns // 32))
    num_programs = min(triton.cdiv(num_rows, tile.rows), tile.programs * _count_multiprocessors(x_MK.device))
    _multiply_vectors[(num_programs, len(x_MK))](
        x_MK, matrix.words_NBW, matrix.ranges_NB, matrix.factors_N, out, num_rows,
        NUM_BLOCKS=num_columns // 32, MINIMUM_UNIT=MINIMUM_UNIT, ROWS=tile.rows, BLOCKS=blocks,
        IS_GPU=is_gpu, num_warps=tile.warps, **({"launch_pdl": True} if is_gpu else {}),
    )  # fmt: skip
    return out


def _choose_tile(num_columns: int) -> Tile:
    """The fastest of a sweep on an H200 (`mm.bench.serving.sweeps`), for the sizes that it had."""
    if num_columns <= 1024:
        return Tile(4, 32, 1, 4)
    if num_columns <= 2048:
        return Tile(4, 64, 2, 4)
    return Tile(8, 128, 8, 3) if num_columns <= 4096 else Tile(4, 512, 8, 2)


def multiply_batch(x_MK: torch.Tensor, matrix: Int4Matrix, tile: BatchTile | None = None) -> torch.Tensor:
    """The same for up to `MAX_BATCH` vectors. The unpacked values have the type of the vectors."""
    num_rows, num_columns = matrix.shape
    tile = tile or (BatchTile() if len(x_MK) <= 16 else BatchTile(32, 8, 4, 2))
    out = torch.empty((len(x_MK), num_rows), dtype=x_MK.dtype, device=x_MK.device)
    _multiply_batch[(triton.cdiv(num_rows, tile.rows),)](
        x_MK, matrix.words_NBW, matrix.ranges_NB, matrix.factors_N, out, num_rows, len(x_MK),
        NUM_BLOCKS=num_columns // 32, MINIMUM_UNIT=MINIMUM_UNIT, M_P2=max(16, triton.next_power_of_2(len(x_MK))),
        ROWS=tile.rows, BLOCKS=tile.blocks, num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return out
