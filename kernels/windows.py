"""Who attends to whom in a video: tokens near in time, and a few global ones that see and are seen
by all.

Shape: B batch, L tokens, N blocks of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

BLOCK = 64
"""Tokens in a block: what a kernel looks at together."""
_ROUNDING = 1e-6
"""Of the largest time: more than differences of float32 times are rounded by."""
_LOCAL = 0.3
"""Share of the tokens below which a window is small: there long programs go first, and blocks are
small."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Made once for all layers. Token i attends to j where |t_i - t_j| <= `seconds`, or one of them
    is global."""

    times_BL: torch.Tensor
    """float32 seconds, ascending from token `num_global` on."""
    lengths_B: torch.Tensor
    """int32; tokens from there on are padding: nobody attends to them, and their output is zero."""
    seconds: float
    num_global: int
    """The first tokens are global; what their times are does not matter."""
    first_BN: torch.Tensor
    """int32: the first token that a block of tokens attends to besides the global ones."""
    last_BN: torch.Tensor
    """int32: one behind the last; 0 for a block of padding alone."""
    full_first_BN: torch.Tensor
    """int32: from here on every token of the block attends to every one."""
    full_last_BN: torch.Tensor
    """int32: up to here; not above `full_first_BN` where there is no such stretch."""
    is_local: bool
    """Whether most blocks attend to a small part of the tokens."""

    def allowed(self) -> torch.Tensor:
        """(B, L, L) whether the row's token attends to the column's."""
        times = self.times_BL
        near = (times[:, :, None] - times[:, None, :]).abs() <= self.seconds
        index = torch.arange(times.shape[1], device=times.device)
        is_global = index < self.num_global
        real = index < self.lengths_B[:, None]
        return (near | is_global[:, None] | is_global) & real[:, :, None] & real[:, None, :]

    @property
    def density(self) -> float:
        """Share of all pairs of tokens that attend to each other; 1 is dense attention."""
        return float(self.allowed().float().mean())


def make_windows(
    times_BL: torch.Tensor, seconds: float, *, num_global: int = 0, lengths_B: torch.Tensor | None = None
) -> Windows:
    """Windows of `seconds` to both sides. Raises `ValueError` for times that do not ascend and for
    lengths out of range."""
    batch, length = times_BL.shape
    times = times_BL.float().contiguous()
    if lengths_B is None:
        lengths_B = torch.full((batch,), length, device=times.device)
    lengths = lengths_B.to(torch.int32)
    if not 0 <= num_global <= length or bool(((lengths < num_global) | (lengths > length)).any()):
        raise ValueError(f"{num_global} global tokens and lengths up to {int(lengths.max())} do not fit {length} tokens.")
    index = torch.arange(length, device=times.device)
    local = (index >= num_global) & (index < lengths[:, None])
    if bool(((times.diff(dim=1) < 0) & local[:, :-1] & local[:, 1:]).any()):
        raise ValueError("The times of the tokens do not ascend.")
    infinite = torch.where(index < num_global, -torch.inf, torch.inf)
    ordered = torch.where(local, times, infinite)  # global tokens in front, padding behind, all else in order
    firsts = index[::BLOCK]
    lasts = (firsts + BLOCK).clamp(max=length) - 1
    earliest = _clipped(ordered, firsts.clamp(min=min(num_global, length - 1)), lengths)
    latest = _clipped(ordered, lasts, lengths)
    ends = lengths[:, None].long()
    # |t_i - t_j| and t_i - seconds are rounded apart: what may be near is looked at, what surely is
    # needs no look.
    margin = _ROUNDING * (seconds + float(torch.where(local, times, 0.0).abs().max()))
    low = torch.searchsorted(ordered, _clipped(ordered, firsts, lengths) - seconds - margin, side="left")
    high = torch.minimum(torch.searchsorted(ordered, latest + seconds + margin, side="right"), ends)
    sure_low = torch.searchsorted(ordered, latest - seconds + margin, side="left")
    sure_high = torch.minimum(torch.searchsorted(ordered, earliest + seconds - margin, side="right"), ends)
    has_global, only_global, is_padding = firsts < num_global, lasts < num_global, firsts >= ends
    low, high = torch.where(has_global, 0, low), torch.where(has_global, ends, high)
    low, high = torch.where(is_padding, 0, low), torch.where(is_padding, 0, high)
    sure_low = torch.where(only_global, length, torch.where(is_padding, 0, sure_low))
    sure_high = torch.where(is_padding, ends, sure_high)
    is_local = bool(((high - low).float().mean(dim=1) < _LOCAL * ends[:, 0]).all())
    low, high, sure_low, sure_high = (bound.int() for bound in (low, high, sure_low, sure_high))
    return Windows(times, lengths, seconds, num_global, low, high, sure_low, sure_high, is_local)


def _clipped(ordered_BL: torch.Tensor, index_N: torch.Tensor, lengths_B: torch.Tensor) -> torch.Tensor:
    """Times at some tokens; of padding, that of the last real token."""
    last = (lengths_B[:, None].long() - 1).clamp(min=0)
    return ordered_BL.gather(1, torch.minimum(index_N.expand(len(ordered_BL), -1), last)).contiguous()
