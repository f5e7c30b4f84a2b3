"""Which tokens of a video attend to each other: tokens within a window of time, and global tokens.

Shape: B batch, L tokens, N blocks of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

BLOCK = 64
"""Tokens of a block, the unit of the index."""
_ROUNDING = 1e-6
"""Bound of the rounding error of a difference of float32 times, relative to the largest time."""
_LOCAL = 0.3
"""Share of all tokens below which a window is small, see `Windows.is_local`."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The attention pattern of a batch, shared by all layers.

    Token i attends to j if |t_i - t_j| <= `seconds`, or one of them is global. The ranges of the
    blocks let a kernel skip keys outside the window.
    """

    times_BL: torch.Tensor
    """float32 seconds, ascending from token `num_global` on."""
    lengths_B: torch.Tensor
    """int32: tokens from there on are padding, which no token attends to; their output is zero."""
    seconds: float
    num_global: int
    """Number of global tokens, which come first; their times are ignored."""
    first_BN: torch.Tensor
    """int32: the first token that a block of tokens attends to besides the global ones."""
    last_BN: torch.Tensor
    """int32: one past the last; 0 for a block of padding only."""
    full_first_BN: torch.Tensor
    """int32: from here on all tokens of the block attend to all keys, without a comparison of
    times."""
    full_last_BN: torch.Tensor
    """int32: the end of that range; at most `full_first_BN` if it is empty."""
    is_local: bool
    """Whether most blocks attend to a small part of the tokens: kernels then use small blocks."""

    def attention_mask(self) -> torch.Tensor:
        """Whether the token of the row attends to that of the column, (B, L, L)."""
        times = self.times_BL
        near = (times[:, :, None] - times[:, None, :]).abs() <= self.seconds
        index = torch.arange(times.shape[1], device=times.device)
        is_global = index < self.num_global
        real = index < self.lengths_B[:, None]
        return (near | is_global[:, None] | is_global) & real[:, :, None] & real[:, None, :]

    @property
    def density(self) -> float:
        """Share of all pairs of tokens that attend to each other; 1 for dense attention."""
        return float(self.attention_mask().float().mean())


def make_windows(
    times_BL: torch.Tensor, seconds: float, *, num_global: int = 0, lengths_B: torch.Tensor | None = None
) -> Windows:
    """Windows of `seconds` to each side.

    Raises `ValueError` for times that do not ascend and for lengths out of range.
    """
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
    ordered = torch.where(local, times, infinite)  # sorted: global tokens, frames, padding
    firsts = index[::BLOCK]
    lasts = (firsts + BLOCK).clamp(max=length) - 1
    earliest = _gather_times(ordered, firsts.clamp(min=min(num_global, length - 1)), lengths)
    latest = _gather_times(ordered, lasts, lengths)
    ends = lengths[:, None].long()
    # |t_i - t_j| and t_i - seconds round differently. The margin makes the range of possible keys
    # larger, and the range of certain keys smaller, than the exact ones.
    margin = _ROUNDING * (seconds + float(torch.where(local, times, 0.0).abs().max()))
    low = torch.searchsorted(ordered, _gather_times(ordered, firsts, lengths) - seconds - margin, side="left")
    high = torch.minimum(torch.searchsorted(ordered, latest + seconds + margin, side="right"), ends)
    full_low = torch.searchsorted(ordered, latest - seconds + margin, side="left")
    full_high = torch.minimum(torch.searchsorted(ordered, earliest + seconds - margin, side="right"), ends)
    has_global, only_global, is_padding = firsts < num_global, lasts < num_global, firsts >= ends
    low, high = torch.where(has_global, 0, low), torch.where(has_global, ends, high)
    low, high = torch.where(is_padding, 0, low), torch.where(is_padding, 0, high)
    full_low = torch.where(only_global, length, torch.where(is_padding, 0, full_low))
    full_high = torch.where(is_padding, ends, full_high)
    is_local = bool(((high - low).float().mean(dim=1) < _LOCAL * ends[:, 0]).all())
    low, high, full_low, full_high = (bound.int() for bound in (low, high, full_low, full_high))
    return Windows(times, lengths, seconds, num_global, low, high, full_low, full_high, is_local)


def _gather_times(ordered_BL: torch.Tensor, index_N: torch.Tensor, lengths_B: torch.Tensor) -> torch.Tensor:
    """Times of some tokens; for padding that of the last token before it."""
    last = (lengths_B[:, None].long() - 1).clamp(min=0)
    return ordered_BL.gather(1, torch.minimum(index_N.expand(len(ordered_BL), -1), last)).contiguous()
