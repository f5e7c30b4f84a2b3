"""The MoE layer of one vector in Triton, in three launches that overlap.

At batch 1 the launches of a narrow layer take longer than reading its weights. The first computes
the router and the first matrices of the shared expert; its last router program selects the experts.
The second computes the first matrices of the selected experts, the third all second matrices and
the sum. Each is launched while the one before runs (programmatic dependent launch): it reads the
weights that it knows it needs, then waits for the results. See `reference.apply_layer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from kernels.experts.reference import MIN_SUM
from kernels.experts.tiles import Tile


@dataclass(frozen=True, slots=True)
class Tiles:
    """Launch parameters of the three."""

    route: Tile
    router_rows: int
    gate_up: Tile
    down: Tile


@triton.jit
def _begin(IS_OVERLAPPED: tl.constexpr):  # type: ignore[no-untyped-def]
    if IS_OVERLAPPED:
        tl.extra.cuda.gdc_launch_dependents()


@triton.jit
def _wait(IS_OVERLAPPED: tl.constexpr):  # type: ignore[no-untyped-def]
    """From here the results of the launches before can be read, and their memory written."""
    if IS_OVERLAPPED:
        tl.extra.cuda.gdc_wait()


@triton.jit
def _select(  # type: ignore[no-untyped-def]
    logits, bias, indices, weights,
    R: tl.constexpr, R_P2: tl.constexpr, K: tl.constexpr, K_P2: tl.constexpr, MIN_SUM: tl.constexpr,
):  # fmt: skip
    """As `select._select`, of one vector."""
    experts, places = tl.arange(0, R_P2), tl.arange(0, K_P2)
    is_expert = experts < R
    biased = 1.0 / (1.0 + tl.exp(-tl.load(logits + experts, mask=is_expert, other=0.0)))
    biased = tl.where(is_expert, biased + tl.load(bias + experts, mask=is_expert, other=0.0), -float("inf"))
    selected = tl.zeros((K_P2,), tl.int32)
    for place in tl.static_range(K):
        _, best = tl.max(biased, axis=0, return_indices=True, return_indices_tie_break_left=True)
        selected = tl.where(places == place, best, selected)
        biased = tl.where(experts == best, -float("inf"), biased)
    scores = 1.0 / (1.0 + tl.exp(-tl.load(logits + selected)))
    scores = tl.where(places < K, scores, 0.0)
    tl.store(indices + places, selected, mask=places < K)
    tl.store(weights + places, scores / (tl.sum(scores, axis=0) + MIN_SUM), mask=places < K)


@triton.jit
def _gate_up(  # type: ignore[no-untyped-def]
    x, gates, ups, rows,
    INNER: tl.constexpr, W: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, WAITS: tl.constexpr,
):  # fmt: skip
    """SiLU of the products with rows of `gates`, times those of `ups`."""
    if COLUMNS >= W:
        columns = tl.arange(0, COLUMNS)
        mask = (rows < INNER)[:, None] & (columns < W)[None, :]
        gate_weight = tl.load(gates + rows[:, None] * W + columns[None, :], mask=mask, other=0.0)
        up_weight = tl.load(ups + rows[:, None] * W + columns[None, :], mask=mask, other=0.0)
        _wait(WAITS)
        value = tl.load(x + columns, mask=columns < W, other=0.0).to(tl.float32)
        gate = tl.sum(gate_weight.to(tl.float32) * value[None, :], axis=1)
        up = tl.sum(up_weight.to(tl.float32) * value[None, :], axis=1)
        return gate / (1.0 + tl.exp(-gate)) * up
    else:
        _wait(WAITS)
        gate_sum, up_sum = tl.zeros((ROWS, COLUMNS), tl.float32), tl.zeros((ROWS, COLUMNS), tl.float32)
        for start in tl.static_range(0, W, COLUMNS):  # unrolled, so that many loads are in flight
            columns = start + tl.arange(0, COLUMNS)
            mask = (rows < INNER)[:, None] & (columns < W)[None, :]
            gate_weight = tl.load(gates + rows[:, None] * W + columns[None, :], mask=mask, other=0.0)
            up_weight = tl.load(ups + rows[:, None] * W + columns[None, :], mask=mask, other=0.0)
            value = tl.load(x + columns, mask=columns < W, other=0.0).to(tl.float32)
            gate_sum += gate_weight.to(tl.float32) * value[None, :]
            up_sum += up_weight.to(tl.float32) * value[None, :]
        gate, up = tl.sum(gate_sum, axis=1), tl.sum(up_sum, axis=1)
        return gate / (1.0 + tl.exp(-gate)) * up


@triton.jit
def _route(  # type: ignore[no-untyped-def]
    x, gate, bias, shared_gate_up, logits, indices, weights, shared_hidden, counter,
    R: tl.constexpr, R_P2: tl.constexpr, K: tl.constexpr, K_P2: tl.constexpr, MIN_SUM: tl.constexpr,
    W: tl.constexpr, W_P2: tl.constexpr, SHARED: tl.constexpr,
    ROUTER_ROWS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, IS_OVERLAPPED: tl.constexpr,
):  # fmt: skip
    _begin(IS_OVERLAPPED)
    program, count = tl.program_id(0), tl.cdiv(R, ROUTER_ROWS)
    if program < count:
        rows, columns = program * ROUTER_ROWS + tl.arange(0, ROUTER_ROWS), tl.arange(0, W_P2)
        mask = (rows < R)[:, None] & (columns < W)[None, :]
        weight = tl.load(gate + rows[:, None] * W + columns[None, :], mask=mask, other=0.0)
        _wait(IS_OVERLAPPED)
        value = tl.load(x + columns, mask=columns < W, other=0.0).to(tl.float32)
        tl.store(logits + rows, tl.sum(weight * value[None, :], axis=1), mask=rows < R)
        tl.debug_barrier()  # the stores of all threads are before the one that counts
        if tl.atomic_add(counter, 1, sem="acq_rel") == count - 1:  # the last one selects
            tl.debug_barrier()
            _select(logits, bias, indices, weights, R, R_P2, K, K_P2, MIN_SUM)
            tl.store(counter, 0)
    else:
        shared_rows = (program - count) * ROWS + tl.arange(0, ROWS)
        ups = shared_gate_up + SHARED * W
        result = _gate_up(x, shared_gate_up, ups, shared_rows, SHARED, W, ROWS, COLUMNS, IS_OVERLAPPED)
        tl.store(shared_hidden + shared_rows, result.to(x.dtype.element_ty), mask=shared_rows < SHARED)


@triton.jit
def _gate_up_selected(  # type: ignore[no-untyped-def]
    x, gate_up, indices, weights, hidden, E,
    W: tl.constexpr, INNER: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, IS_OVERLAPPED: tl.constexpr,
):  # fmt: skip
    _begin(IS_OVERLAPPED)
    place = tl.program_id(1)
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    _wait(IS_OVERLAPPED)
    expert = tl.load(indices + place).to(tl.int64)
    if expert >= E:
        return
    gates = gate_up + expert * 2 * INNER * W
    value = _gate_up(x, gates, gates + INNER * W, rows, INNER, W, ROWS, COLUMNS, False)
    value *= tl.load(weights + place)
    tl.store(hidden + place * INNER + rows, value.to(x.dtype.element_ty), mask=rows < INNER)


@triton.jit
def _down_all(  # type: ignore[no-untyped-def]
    shared_hidden, hidden, shared_down, down, indices, base, out, E,
    K: tl.constexpr, W: tl.constexpr, SHARED: tl.constexpr, SHARED_P2: tl.constexpr, INNER: tl.constexpr,
    ROUTED_P2: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    ADD: tl.constexpr, IS_NARROW: tl.constexpr, IS_OVERLAPPED: tl.constexpr,
):  # fmt: skip
    _begin(IS_OVERLAPPED)
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    if IS_NARROW:
        columns = tl.arange(0, SHARED_P2)
        mask = (rows < W)[:, None] & (columns < SHARED)[None, :]
        shared_weight = tl.load(shared_down + rows[:, None] * SHARED + columns[None, :], mask=mask, other=0.0)
        routed = tl.arange(0, ROUTED_P2)
        is_read = routed < K * INNER
        _wait(IS_OVERLAPPED)
        expert = tl.load(indices + routed // INNER, mask=is_read, other=0).to(tl.int64)
        is_read &= expert < E
        source = down + (expert[None, :] * W + rows[:, None]) * INNER + (routed % INNER)[None, :]
        weight = tl.load(source, mask=(rows < W)[:, None] & is_read[None, :], other=0.0)
        value = tl.load(shared_hidden + columns, mask=columns < SHARED, other=0.0).to(tl.float32)
        result = tl.sum(shared_weight.to(tl.float32) * value[None, :], axis=1)
        value = tl.load(hidden + routed, mask=is_read, other=0.0).to(tl.float32)
        result += tl.sum(weight.to(tl.float32) * value[None, :], axis=1)
    else:
        _wait(IS_OVERLAPPED)
        acc = tl.zeros((ROWS, COLUMNS), tl.float32)
        for start in tl.static_range(0, SHARED, COLUMNS):
            columns = start + tl.arange(0, COLUMNS)
            source = shared_down + rows[:, None] * SHARED + columns[None, :]
            weight = tl.load(source, mask=(rows < W)[:, None] & (columns < SHARED)[None, :], other=0.0)
            value = tl.load(shared_hidden + columns, mask=columns < SHARED, other=0.0).to(tl.float32)
            acc += weight.to(tl.float32) * value[None, :]
        for place in tl.static_range(K):
            expert = tl.load(indices + place).to(tl.int64)
            is_real = expert < E
            for start in tl.static_range(0, INNER, COLUMNS):
                columns = start + tl.arange(0, COLUMNS)
                is_read = (columns < INNER) & is_real
                source = down + (expert * W + rows[:, None]) * INNER + columns[None, :]
                weight = tl.load(source, mask=(rows < W)[:, None] & is_read[None, :], other=0.0)
                value = tl.load(hidden + place * INNER + columns, mask=is_read, other=0.0).to(tl.float32)
                acc += weight.to(tl.float32) * value[None, :]
        result = tl.sum(acc, axis=1)
    if ADD:
        result += tl.load(base + rows, mask=rows < W, other=0.0).to(tl.float32)
    tl.store(out + rows, result, mask=rows < W)


def apply_layer(
    x_1W: torch.Tensor,
    gate_RW: torch.Tensor,
    bias_R: torch.Tensor,
    gate_up_EIW: torch.Tensor,
    down_EWI: torch.Tensor,
    num_selected: int,
    counter: torch.Tensor,
    shared: tuple[torch.Tensor, torch.Tensor] | None = None,
    base_1W: torch.Tensor | None = None,
    tiles: Tiles | None = None,
) -> torch.Tensor:
    """See `reference.apply_layer`. All tensors must be contiguous; router and bias are float32.

    `counter` is an int32 of value 0, which is 0 again afterwards.
    """
    num_experts, width, inner = down_EWI.shape
    num_routed, device, tiles = len(gate_RW), x_1W.device, tiles or _choose_tiles(width)
    shared_gate_up, shared_down = shared or (gate_up_EIW, down_EWI)
    num_shared = shared[1].shape[1] if shared else 0
    scratch = torch.empty(num_shared + num_selected * inner, dtype=x_1W.dtype, device=device)
    hidden = scratch[num_shared:]
    logits = torch.empty(num_routed + num_selected, dtype=torch.float32, device=device)
    weights, indices = logits[num_routed:], torch.empty(num_selected, dtype=torch.int32, device=device)
    out = torch.empty((1, width), dtype=torch.float32, device=device)
    is_gpu = device.type == "cuda"
    options = {"IS_OVERLAPPED": is_gpu, **({"launch_pdl": True} if is_gpu else {})}
    next_power = triton.next_power_of_2
    num_programs = triton.cdiv(num_routed, tiles.router_rows) + triton.cdiv(num_shared, tiles.route.rows)
    _route[(num_programs,)](
        x_1W, gate_RW, bias_R, shared_gate_up, logits, indices, weights, scratch, counter,
        R=num_routed, R_P2=next_power(num_routed), K=num_selected, K_P2=next_power(num_selected), MIN_SUM=MIN_SUM,
        W=width, W_P2=next_power(width), SHARED=num_shared, ROUTER_ROWS=tiles.router_rows,
        ROWS=tiles.route.rows, COLUMNS=min(tiles.route.columns, next_power(width)), num_warps=tiles.route.warps, **options,
    )  # fmt: skip
    tile = tiles.gate_up
    _gate_up_selected[(triton.cdiv(inner, tile.rows), num_selected)](
        x_1W, gate_up_EIW, indices, weights, hidden, num_experts, W=width, INNER=inner,
        ROWS=tile.rows, COLUMNS=min(tile.columns, next_power(width)), num_warps=tile.warps, **options,
    )  # fmt: skip
    tile = tiles.down
    _down_all[(triton.cdiv(width, tile.rows),)](
        scratch, hidden, shared_down, down_EWI, indices, out if base_1W is None else base_1W, out, num_experts,
        K=num_selected, W=width, SHARED=num_shared, SHARED_P2=next_power(max(1, num_shared)), INNER=inner,
        ROUTED_P2=next_power(num_selected * inner), ROWS=tile.rows,
        COLUMNS=min(tile.columns, next_power(max(inner, num_shared))),
        ADD=base_1W is not None, IS_NARROW=num_shared <= 2048 and num_selected * inner <= 256,
        num_warps=tile.warps, **options,
    )  # fmt: skip
    return out


def _choose_tiles(width: int) -> Tiles:
    """The fastest of a sweep on an H200 (`mm.bench.serving.sweeps`), for the sizes that it had."""
    if width <= 1024:
        return Tiles(Tile(8, 512, 4), 4, Tile(1, 1024, 4), Tile(1, 512, 1))
    if width <= 2048:
        return Tiles(Tile(8, 256, 4), 1, Tile(4, 256, 2), Tile(1, 512, 4))
    return Tiles(Tile(4, 4096, 8), 2, Tile(4, 512, 4), Tile(1, 512, 4))
