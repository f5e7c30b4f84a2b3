"""The MoE layer of one vector in Triton, in one launch.

At batch 1 the launches of a narrow layer take longer than reading its weights. Here all programs
run at once and meet at two counters: after the router, which every program then selects from, and
before the second matrices. The shared expert is computed while the router is; where the second
matrices fit in registers, they are read before the programs meet. See `reference.apply_layer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from kernels.experts.reference import MIN_SUM


@dataclass(frozen=True, slots=True)
class Tile:
    """Launch parameters."""

    programs: int = 2
    """Of a multiprocessor."""
    warps: int = 4
    shared_rows: int = 8
    """Rows of the first matrices of the shared expert that a program computes in a step."""
    rows: int = 4
    """The same of the routed experts."""
    down_rows: int = 4
    """Rows of the second matrices."""
    columns: int = 512
    """Columns that it reads in a step of its loop."""
    down_columns: int = 512


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """What the programs of a launch share. Launches that may overlap need different ones."""

    counters: torch.Tensor
    """Programs that arrived at each place; 0 between launches."""
    num_programs: int
    """That can run at once, for one program of a multiprocessor."""

    @classmethod
    def allocate(cls, device: torch.device) -> Workspace:
        """For launches on this device."""
        count = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
        return cls(torch.zeros(3, dtype=torch.int32, device=device), count)


@triton.jit
def _arrive(counter):  # type: ignore[no-untyped-def]
    tl.debug_barrier()  # the stores of all threads are before the one that counts
    tl.atomic_add(counter, 1, sem="release")


@triton.jit
def _wait(counter, count, IS_GPU: tl.constexpr):  # type: ignore[no-untyped-def]
    if IS_GPU:  # each thread reads the counter, without the traffic of atomic operations
        address = counter.to(tl.int64)
        seen = 0
        while seen < count:
            seen = tl.inline_asm_elementwise(
                "ld.acquire.gpu.global.u32 $0, [$1];", "=r,l", [address], dtype=tl.int32, is_pure=False, pack=1
            )
    else:
        while tl.atomic_add(counter, 0) < count:
            pass


@triton.jit
def _gate_up(x, gates, ups, rows, INNER: tl.constexpr, W: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
    gate_sum, up_sum = tl.zeros((ROWS, COLUMNS), tl.float32), tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in tl.static_range(0, W, COLUMNS):  # unrolled, so that many loads are in flight
        columns = start + tl.arange(0, COLUMNS)
        mask = (rows < INNER)[:, None] & (columns < W)[None, :]
        gate = tl.load(gates + rows[:, None] * W + columns[None, :], mask=mask, other=0.0)
        up = tl.load(ups + rows[:, None] * W + columns[None, :], mask=mask, other=0.0)
        value = tl.load(x + columns, mask=columns < W, other=0.0).to(tl.float32)
        gate_sum += gate.to(tl.float32) * value[None, :]
        up_sum += up.to(tl.float32) * value[None, :]
    gate, up = tl.sum(gate_sum, axis=1), tl.sum(up_sum, axis=1)
    return gate / (1.0 + tl.exp(-gate)) * up


@triton.jit
def _select(logits, bias, R: tl.constexpr, R_P2: tl.constexpr, K: tl.constexpr, K_P2: tl.constexpr, MIN_SUM: tl.constexpr):  # type: ignore[no-untyped-def]
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
    return selected, scores / (tl.sum(scores, axis=0) + MIN_SUM)


@triton.jit
def _layer(  # type: ignore[no-untyped-def]
    x, gate, bias, shared_gate_up, shared_down, gate_up, down, logits, shared_hidden, hidden, counters, base, out, E,
    R: tl.constexpr, R_P2: tl.constexpr, K: tl.constexpr, K_P2: tl.constexpr, MIN_SUM: tl.constexpr,
    W: tl.constexpr, W_P2: tl.constexpr, SHARED: tl.constexpr, SHARED_P2: tl.constexpr,
    INNER: tl.constexpr, ROUTED_P2: tl.constexpr,
    SHARED_ROWS: tl.constexpr, ROWS: tl.constexpr, DOWN_ROWS: tl.constexpr,
    COLUMNS: tl.constexpr, DOWN_COLUMNS: tl.constexpr, ADD: tl.constexpr, IS_PRELOADED: tl.constexpr, IS_GPU: tl.constexpr,
):  # fmt: skip
    program, count = tl.program_id(0), tl.num_programs(0)
    # Routers and routed experts are computed by the last programs, the others by the first.
    last = count - 1 - program
    for row in range(last, R, count):
        columns = tl.arange(0, W_P2)
        value = tl.load(x + columns, mask=columns < W, other=0.0).to(tl.float32)
        weight = tl.load(gate + row * W + columns, mask=columns < W, other=0.0)
        tl.store(logits + row, tl.sum(weight * value, axis=0))
    _arrive(counters)

    for tile in range(program, tl.cdiv(SHARED, SHARED_ROWS), count):
        rows = tile * SHARED_ROWS + tl.arange(0, SHARED_ROWS)
        value = _gate_up(x, shared_gate_up, shared_gate_up + SHARED * W, rows, SHARED, W, SHARED_ROWS, COLUMNS)
        tl.store(shared_hidden + rows, value.to(x.dtype.element_ty), mask=rows < SHARED)

    _wait(counters, count, IS_GPU)
    selected, weights = _select(logits, bias, R, R_P2, K, K_P2, MIN_SUM)
    places = tl.arange(0, K_P2)
    for tile in range(last, K * tl.cdiv(INNER, ROWS), count):
        place = tile // tl.cdiv(INNER, ROWS)
        expert = tl.sum(tl.where(places == place, selected, 0), axis=0).to(tl.int64)
        if expert < E:
            rows = tile % tl.cdiv(INNER, ROWS) * ROWS + tl.arange(0, ROWS)
            gates = gate_up + expert * 2 * INNER * W
            value = _gate_up(x, gates, gates + INNER * W, rows, INNER, W, ROWS, COLUMNS)
            value *= tl.sum(tl.where(places == place, weights, 0.0), axis=0)
            tl.store(hidden + place * INNER + rows, value.to(x.dtype.element_ty), mask=rows < INNER)

    if IS_PRELOADED:
        rows = program * DOWN_ROWS + tl.arange(0, DOWN_ROWS)
        shared_columns = tl.arange(0, SHARED_P2)
        shared_mask = (rows < W)[:, None] & (shared_columns < SHARED)[None, :]
        shared_weight = tl.load(shared_down + rows[:, None] * SHARED + shared_columns[None, :], mask=shared_mask, other=0.0)
        columns = tl.arange(0, ROUTED_P2)
        experts = tl.gather(selected, tl.minimum(columns // INNER, K_P2 - 1), 0).to(tl.int64)
        is_read = (columns < K * INNER) & (experts < E)
        source = down + (experts[None, :] * W + rows[:, None]) * INNER + (columns % INNER)[None, :]
        weight = tl.load(source, mask=(rows < W)[:, None] & is_read[None, :], other=0.0)
        _arrive(counters + 1)
        _wait(counters + 1, count, IS_GPU)
        value = tl.load(shared_hidden + shared_columns, mask=shared_columns < SHARED, other=0.0).to(tl.float32)
        result = tl.sum(shared_weight.to(tl.float32) * value[None, :], axis=1)
        value = tl.load(hidden + columns, mask=is_read, other=0.0).to(tl.float32)
        result += tl.sum(weight.to(tl.float32) * value[None, :], axis=1)
        if ADD:
            result += tl.load(base + rows, mask=rows < W, other=0.0).to(tl.float32)
        tl.store(out + rows, result, mask=rows < W)
    else:
        _arrive(counters + 1)
        _wait(counters + 1, count, IS_GPU)
        for tile in range(program, tl.cdiv(W, DOWN_ROWS), count):
            rows = tile * DOWN_ROWS + tl.arange(0, DOWN_ROWS)
            acc = tl.zeros((DOWN_ROWS, DOWN_COLUMNS), tl.float32)
            for start in tl.static_range(0, SHARED, DOWN_COLUMNS):
                columns = start + tl.arange(0, DOWN_COLUMNS)
                source = shared_down + rows[:, None] * SHARED + columns[None, :]
                weight = tl.load(source, mask=(rows < W)[:, None] & (columns < SHARED)[None, :], other=0.0)
                value = tl.load(shared_hidden + columns, mask=columns < SHARED, other=0.0).to(tl.float32)
                acc += weight.to(tl.float32) * value[None, :]
            for place in tl.static_range(K):
                expert = tl.sum(tl.where(places == place, selected, 0), axis=0).to(tl.int64)
                for start in tl.static_range(0, INNER, DOWN_COLUMNS):
                    columns = start + tl.arange(0, DOWN_COLUMNS)
                    is_read = (columns < INNER) & (expert < E)
                    source = down + (expert * W + rows[:, None]) * INNER + columns[None, :]
                    weight = tl.load(source, mask=(rows < W)[:, None] & is_read[None, :], other=0.0)
                    value = tl.load(hidden + place * INNER + columns, mask=is_read, other=0.0).to(tl.float32)
                    acc += weight.to(tl.float32) * value[None, :]
            result = tl.sum(acc, axis=1)
            if ADD:
                result += tl.load(base + rows, mask=rows < W, other=0.0).to(tl.float32)
            tl.store(out + rows, result, mask=rows < W)

    if tl.atomic_add(counters + 2, 1, sem="acq_rel") == count - 1:  # the last one out resets
        tl.store(counters + tl.arange(0, 4), tl.zeros((4,), tl.int32), mask=tl.arange(0, 4) < 3)


def apply_layer(
    x_1W: torch.Tensor,
    gate_RW: torch.Tensor,
    bias_R: torch.Tensor,
    gate_up_EIW: torch.Tensor,
    down_EWI: torch.Tensor,
    num_selected: int,
    workspace: Workspace,
    shared: tuple[torch.Tensor, torch.Tensor] | None = None,
    base_1W: torch.Tensor | None = None,
    tile: Tile | None = None,
) -> torch.Tensor:
    """See `reference.apply_layer`. All tensors must be contiguous; router and bias are float32."""
    num_experts, width, inner = down_EWI.shape
    num_routed, device = len(gate_RW), x_1W.device
    tile = tile or Tile()
    shared_gate_up, shared_down = shared or (gate_up_EIW, down_EWI)
    num_shared = shared[1].shape[1] if shared else 0
    is_gpu = device.type == "cuda"
    grid = tile.programs * workspace.num_programs if is_gpu else 1  # the interpreter runs one program after the other
    scratch = torch.empty(num_shared + num_selected * inner, dtype=x_1W.dtype, device=device)
    logits = torch.empty(num_routed, dtype=torch.float32, device=device)
    out = torch.empty((1, width), dtype=torch.float32, device=device)
    is_preloaded = triton.cdiv(width, tile.down_rows) <= grid and num_shared <= 2048 and num_selected * inner <= 256
    columns = min(tile.columns, triton.next_power_of_2(width))
    options = {"launch_cooperative_grid": True} if is_gpu else {}
    _layer[(grid,)](
        x_1W, gate_RW, bias_R, shared_gate_up, shared_down, gate_up_EIW, down_EWI,
        logits, scratch, scratch[num_shared:], workspace.counters, out if base_1W is None else base_1W, out, num_experts,
        R=num_routed, R_P2=triton.next_power_of_2(num_routed), K=num_selected, K_P2=triton.next_power_of_2(num_selected),
        MIN_SUM=MIN_SUM, W=width, W_P2=triton.next_power_of_2(width),
        SHARED=num_shared, SHARED_P2=triton.next_power_of_2(max(1, num_shared)),
        INNER=inner, ROUTED_P2=triton.next_power_of_2(num_selected * inner),
        SHARED_ROWS=tile.shared_rows, ROWS=tile.rows, DOWN_ROWS=tile.down_rows,
        COLUMNS=columns, DOWN_COLUMNS=min(tile.down_columns, triton.next_power_of_2(max(inner, num_shared))),
        ADD=base_1W is not None, IS_PRELOADED=is_preloaded, IS_GPU=is_gpu, num_warps=tile.warps, **options,
    )  # fmt: skip
    return out
