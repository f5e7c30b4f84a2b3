"""The product of vectors and a matrix in 8 bits, in Triton.

The reference is the product with `int8_format.dequantize`.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from kernels.quantized.int8_format import Int8Matrix

MAX_BATCH = 64


@triton.jit
def _multiply(x, codes, scales, out, N, M, K: tl.constexpr, M_P2: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
    rows, vectors = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, M_P2)
    acc = tl.zeros((M_P2, ROWS), tl.float32)
    for start in range(0, K, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        value = tl.load(
            x + vectors[:, None] * K + columns[None, :], mask=(vectors < M)[:, None] & (columns < K)[None, :], other=0.0
        )
        source = codes + rows.to(tl.int64)[None, :] * K + columns[:, None]
        code = tl.load(source, mask=(rows < N)[None, :] & (columns < K)[:, None], other=0)
        acc = tl.dot(value, code.to(value.dtype), acc, input_precision="ieee")
    acc *= tl.load(scales + rows, mask=rows < N, other=0.0)[None, :]
    tl.store(
        out + vectors[:, None] * N + rows[None, :],
        acc.to(out.dtype.element_ty),
        mask=(vectors < M)[:, None] & (rows < N)[None, :],
    )


def multiply(x_MK: torch.Tensor, matrix: Int8Matrix, rows: int = 32, columns: int = 256) -> torch.Tensor:
    """Products (M, N) of up to `MAX_BATCH` vectors with the rows of the matrix."""
    num_rows, num_columns = matrix.shape
    out = torch.empty((len(x_MK), num_rows), dtype=x_MK.dtype, device=x_MK.device)
    _multiply[(triton.cdiv(num_rows, rows),)](
        x_MK, matrix.codes_NK, matrix.scales_N, out, num_rows, len(x_MK),
        K=num_columns, M_P2=max(16, triton.next_power_of_2(len(x_MK))),
        ROWS=rows, COLUMNS=min(columns, triton.next_power_of_2(num_columns)), num_warps=4, num_stages=4,
    )  # fmt: skip
    return out
