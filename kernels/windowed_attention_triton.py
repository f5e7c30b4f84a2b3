"""The Triton kernels of `windowed_attention`: one forward, two backward.

Shape: B batch, H heads, L tokens, D width of a head. `BLOCK_M` tokens are held by a program,
`BLOCK_N` are loaded in a step of its loop, `BLOCK` is the unit of the index of `Windows`.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _key_range(  # type: ignore[no-untyped-def]
    first, last, full_first, full_last, at, blocks, block,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """The range of tokens that any of `BLOCK_M` tokens attends to, and the part that all attend to.

    Both are aligned to `BLOCK_N`.
    """
    low = tl.load(first + at + block * (BLOCK_M // BLOCK))
    high, full_low = low * 0, low * 0
    full_high = high + 2147483647
    for offset in tl.static_range(BLOCK_M // BLOCK):
        index = block * (BLOCK_M // BLOCK) + offset
        high = tl.maximum(high, tl.load(last + at + index, mask=index < blocks, other=0))
        full_low = tl.maximum(full_low, tl.load(full_first + at + index, mask=index < blocks, other=0))
        full_high = tl.minimum(full_high, tl.load(full_last + at + index, mask=index < blocks, other=2147483647))
    low = low // BLOCK_N * BLOCK_N
    high = tl.cdiv(high, BLOCK_N) * BLOCK_N
    full_low = tl.minimum(tl.maximum(tl.cdiv(full_low, BLOCK_N) * BLOCK_N, low), high)
    full_high = tl.minimum(tl.maximum(full_high // BLOCK_N * BLOCK_N, full_low), high)
    return low, high, full_low, full_high


@triton.jit
def _program_ids(HEADS_FASTEST: tl.constexpr):  # type: ignore[no-untyped-def]
    """The indices of the block of tokens and of the pair of video and head.

    With `HEADS_FASTEST` the first blocks are scheduled first: with global tokens they take longest.
    """
    if HEADS_FASTEST:
        return tl.program_id(1), tl.program_id(0)
    return tl.program_id(0), tl.program_id(1)


@triton.jit
def _masked_start(step, global_end, low, full_low, full_high):  # type: ignore[no-untyped-def]
    """The first token of a step of the loop over the global tokens and both ends of a window."""
    offset = step - global_end + low
    return tl.where(step < global_end, step, tl.where(offset < full_low, offset, offset - full_low + full_high))


@triton.jit
def _attends(rows, columns, times, row_times, length, seconds, num_global):  # type: ignore[no-untyped-def]
    """The mask of the (row, column) pairs that attend to each other."""
    column_times = tl.load(times + columns, mask=columns < length, other=0.0)
    near = tl.abs(row_times[:, None] - column_times[None, :]) <= seconds
    mask = near | (rows < num_global)[:, None] | (columns < num_global)[None, :]
    return mask & (rows < length)[:, None] & (columns < length)[None, :]


@triton.jit
def _load_rows(pointer, index, length, D: tl.constexpr, MASKED: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows `index` of an (L, D) matrix, zero for padding."""
    offsets = index[:, None] * D + tl.arange(0, D)[None, :]
    if MASKED:
        return tl.load(pointer + offsets, mask=(index < length)[:, None], other=0.0)
    return tl.load(pointer + offsets)


@triton.jit
def _load_values(pointer, index, length, MASKED: tl.constexpr):  # type: ignore[no-untyped-def]
    if MASKED:
        return tl.load(pointer + index, mask=index < length, other=0.0)
    return tl.load(pointer + index)


@triton.jit
def _accumulate(  # type: ignore[no-untyped-def]
    start, query, k, v, times, rows, row_times, length, seconds, scale, num_global, row_max, row_sum, acc,
    D: tl.constexpr, BLOCK_N: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    columns = start + tl.arange(0, BLOCK_N)
    key = _load_rows(k, columns, length, D, MASKED)
    value = _load_rows(v, columns, length, D, MASKED)
    score = tl.dot(query, tl.trans(key), input_precision="ieee")
    if MASKED:
        score = tl.where(_attends(rows, columns, times, row_times, length, seconds, num_global), score, -float("inf"))
    top = tl.maximum(row_max, tl.max(score, axis=1) * scale)
    shift = tl.where(top == -float("inf"), 0.0, top) if MASKED else top
    weight = tl.exp2(score * scale - shift[:, None])
    rescale = tl.exp2(row_max - shift)
    row_sum = row_sum * rescale + tl.sum(weight, axis=1)
    acc = tl.dot(weight.to(value.dtype), value, acc * rescale[:, None], input_precision="ieee")
    return top, row_sum, acc


@triton.jit
def forward(  # type: ignore[no-untyped-def]
    q, k, v, out, lse, times, lengths, first, last, full_first, full_last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEADS_FASTEST: tl.constexpr,
):  # fmt: skip
    block, pair = _program_ids(HEADS_FASTEST)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    k, v, times = k + base, v + base, times + batch * tokens
    length = tl.load(lengths + batch)
    low, high, full_low, full_high = _key_range(
        first, last, full_first, full_last, batch * blocks, blocks, block, BLOCK, BLOCK_M, BLOCK_N
    )
    rows = block * BLOCK_M + tl.arange(0, BLOCK_M)
    row_times = tl.load(times + rows, mask=rows < length, other=0.0)
    query = _load_rows(q + base, rows, length, D, True)
    row_max = tl.full((BLOCK_M,), -float("inf"), tl.float32)
    row_sum = tl.zeros((BLOCK_M,), tl.float32)
    acc = tl.zeros((BLOCK_M, D), tl.float32)
    global_end = tl.minimum(tl.cdiv(num_global, BLOCK_N) * BLOCK_N, low)  # the end of the global keys before the window
    for step in range(0, global_end + high - low - (full_high - full_low), BLOCK_N):
        row_max, row_sum, acc = _accumulate(
            _masked_start(step, global_end, low, full_low, full_high), query, k, v, times, rows, row_times, length,
            seconds, scale, num_global, row_max, row_sum, acc, D, BLOCK_N, True,
        )  # fmt: skip
    for start in range(full_low, full_high, BLOCK_N):
        row_max, row_sum, acc = _accumulate(
            start, query, k, v, times, rows, row_times, length,
            seconds, scale, num_global, row_max, row_sum, acc, D, BLOCK_N, False,
        )  # fmt: skip
    real = rows < length
    divisor = tl.where(row_sum == 0.0, 1.0, row_sum)
    offsets = rows[:, None] * D + tl.arange(0, D)[None, :]
    acc = tl.where(real[:, None], acc / divisor[:, None], 0.0)
    tl.store(out + base + offsets, acc.to(out.dtype.element_ty), mask=(rows < tokens)[:, None])
    tl.store(lse + pair * tokens + rows, tl.where(real & (row_sum != 0.0), row_max + tl.log2(divisor), 0.0), mask=rows < tokens)


@triton.jit
def _query_gradient(  # type: ignore[no-untyped-def]
    start, query, d_out_rows, row_lse, row_delta, k, v, times, rows, row_times, length, seconds, scale, num_global, d_query,
    D: tl.constexpr, BLOCK_N: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    columns = start + tl.arange(0, BLOCK_N)
    key = _load_rows(k, columns, length, D, MASKED)
    value = _load_rows(v, columns, length, D, MASKED)
    score = tl.dot(query, tl.trans(key), input_precision="ieee")
    weight = tl.exp2(score * scale - row_lse[:, None])
    if MASKED:
        weight = tl.where(_attends(rows, columns, times, row_times, length, seconds, num_global), weight, 0.0)
    d_weight = tl.dot(d_out_rows, tl.trans(value), input_precision="ieee")
    d_score = weight * (d_weight - row_delta[:, None])
    return tl.dot(d_score.to(key.dtype), key, d_query, input_precision="ieee")


@triton.jit
def backward_queries(  # type: ignore[no-untyped-def]
    q, k, v, out, d_out, d_q, lse, delta, times, lengths, first, last, full_first, full_last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEADS_FASTEST: tl.constexpr,
):  # fmt: skip
    block, pair = _program_ids(HEADS_FASTEST)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    k, v, times = k + base, v + base, times + batch * tokens
    length = tl.load(lengths + batch)
    low, high, full_low, full_high = _key_range(
        first, last, full_first, full_last, batch * blocks, blocks, block, BLOCK, BLOCK_M, BLOCK_N
    )
    rows = block * BLOCK_M + tl.arange(0, BLOCK_M)
    row_times = tl.load(times + rows, mask=rows < length, other=0.0)
    query, d_out_rows = _load_rows(q + base, rows, length, D, True), _load_rows(d_out + base, rows, length, D, True)
    row_lse = _load_values(lse + pair * tokens, rows, length, True)
    out_rows = _load_rows(out + base, rows, length, D, True)
    row_delta = tl.sum(d_out_rows.to(tl.float32) * out_rows.to(tl.float32), axis=1)
    tl.store(delta + pair * tokens + rows, row_delta, mask=rows < tokens)  # the keys' kernel, which runs next, reads it
    d_query = tl.zeros((BLOCK_M, D), tl.float32)
    global_end = tl.minimum(tl.cdiv(num_global, BLOCK_N) * BLOCK_N, low)
    for step in range(0, global_end + high - low - (full_high - full_low), BLOCK_N):
        d_query = _query_gradient(
            _masked_start(step, global_end, low, full_low, full_high), query, d_out_rows, row_lse, row_delta, k, v, times, rows,
            row_times, length, seconds, scale, num_global, d_query, D, BLOCK_N, True,
        )  # fmt: skip
    for start in range(full_low, full_high, BLOCK_N):
        d_query = _query_gradient(
            start, query, d_out_rows, row_lse, row_delta, k, v, times, rows, row_times,
            length, seconds, scale, num_global, d_query, D, BLOCK_N, False,
        )  # fmt: skip
    offsets = rows[:, None] * D + tl.arange(0, D)[None, :]
    d_query = tl.where((rows < length)[:, None], d_query * (scale * 0.6931471805599453), 0.0)  # scores are in powers of 2
    tl.store(d_q + base + offsets, d_query.to(d_q.dtype.element_ty), mask=(rows < tokens)[:, None])


@triton.jit
def _key_gradient(  # type: ignore[no-untyped-def]
    start, key, value, q, d_out, lse, delta, times, columns, column_times, length, seconds, scale, num_global, d_key, d_value,
    D: tl.constexpr, BLOCK_N: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    rows = start + tl.arange(0, BLOCK_N)
    query = _load_rows(q, rows, length, D, MASKED)
    d_out_rows = _load_rows(d_out, rows, length, D, MASKED)
    row_lse = _load_values(lse, rows, length, MASKED)
    row_delta = _load_values(delta, rows, length, MASKED)
    score = tl.dot(key, tl.trans(query), input_precision="ieee")
    weight = tl.exp2(score * scale - row_lse[None, :])
    if MASKED:
        weight = tl.where(_attends(columns, rows, times, column_times, length, seconds, num_global), weight, 0.0)
    d_value = tl.dot(weight.to(d_out_rows.dtype), d_out_rows, d_value, input_precision="ieee")
    d_weight = tl.dot(value, tl.trans(d_out_rows), input_precision="ieee")
    d_score = weight * (d_weight - row_delta[None, :])
    d_key = tl.dot(d_score.to(query.dtype), query, d_key, input_precision="ieee")
    return d_key, d_value


@triton.jit
def backward_keys(  # type: ignore[no-untyped-def]
    q, k, v, d_out, d_k, d_v, lse, delta, times, lengths, first, last, full_first, full_last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEADS_FASTEST: tl.constexpr,
):  # fmt: skip
    # Attention is symmetric: the tokens that attend to a block are those that the block attends to.
    block, pair = _program_ids(HEADS_FASTEST)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    q, d_out, times = q + base, d_out + base, times + batch * tokens
    lse, delta = lse + pair * tokens, delta + pair * tokens
    length = tl.load(lengths + batch)
    low, high, full_low, full_high = _key_range(
        first, last, full_first, full_last, batch * blocks, blocks, block, BLOCK, BLOCK_M, BLOCK_N
    )
    columns = block * BLOCK_M + tl.arange(0, BLOCK_M)
    column_times = tl.load(times + columns, mask=columns < length, other=0.0)
    key, value = _load_rows(k + base, columns, length, D, True), _load_rows(v + base, columns, length, D, True)
    d_key, d_value = tl.zeros((BLOCK_M, D), tl.float32), tl.zeros((BLOCK_M, D), tl.float32)
    global_end = tl.minimum(tl.cdiv(num_global, BLOCK_N) * BLOCK_N, low)
    for step in range(0, global_end + high - low - (full_high - full_low), BLOCK_N):
        d_key, d_value = _key_gradient(
            _masked_start(step, global_end, low, full_low, full_high), key, value, q, d_out, lse, delta, times, columns,
            column_times, length, seconds, scale, num_global, d_key, d_value, D, BLOCK_N, True,
        )  # fmt: skip
    for start in range(full_low, full_high, BLOCK_N):
        d_key, d_value = _key_gradient(
            start, key, value, q, d_out, lse, delta, times, columns, column_times,
            length, seconds, scale, num_global, d_key, d_value, D, BLOCK_N, False,
        )  # fmt: skip
    offsets = columns[:, None] * D + tl.arange(0, D)[None, :]
    inside = (columns < tokens)[:, None]
    real = (columns < length)[:, None]
    d_key = tl.where(real, d_key * (scale * 0.6931471805599453), 0.0)
    tl.store(d_k + base + offsets, d_key.to(d_k.dtype.element_ty), mask=inside)
    tl.store(d_v + base + offsets, tl.where(real, d_value, 0.0).to(d_v.dtype.element_ty), mask=inside)
