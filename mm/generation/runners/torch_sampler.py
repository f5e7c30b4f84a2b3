"""`mm.generation.sampler.sample_tokens` in torch, for logits that stay on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from mm.generation.runner import RowSampling


def sample_tokens(logits_LV: torch.Tensor, sampling: RowSampling) -> torch.Tensor:
    """The next token (L,) of each row, int64; -1 where the highest logit is not finite."""
    tops = logits_LV.max(1)
    tokens = tops.indices
    rows = torch.from_numpy(sampling.temperatures_L > 0).nonzero()[:, 0]
    if len(rows):
        device = logits_LV.device
        temperatures, top_ps, uniforms = (
            torch.from_numpy(values)[rows].to(device)
            for values in (sampling.temperatures_L, sampling.top_ps_L, sampling.uniforms_L)
        )
        places = rows.to(device)
        logits = logits_LV[places].double() - tops.values[places, None].double()
        _truncate_to_top_k(logits, torch.from_numpy(sampling.top_ks_L)[rows])
        probabilities = torch.exp(logits / temperatures[:, None])
        if bool((torch.from_numpy(sampling.top_ps_L)[rows] < 1).any()):
            _truncate_to_top_p(probabilities, top_ps)
        sums = probabilities.cumsum(1)
        targets = torch.minimum(uniforms * sums[:, -1], sums[:, -1] * (1 - 2.0**-52))
        tokens = tokens.index_put((places,), (sums <= targets[:, None]).sum(1))
    return torch.where(tops.values.isfinite(), tokens, -1)


def _truncate_to_top_k(logits: torch.Tensor, top_ks: torch.Tensor) -> None:
    """Set all but the highest logits of each row to -inf, in place; 0 keeps all."""
    limited = ((top_ks > 0) & (top_ks < logits.shape[1])).nonzero()[:, 0]
    if len(limited):
        largest = int(top_ks[limited].max())
        rows = limited.to(logits.device)
        ordered = logits[rows].topk(largest, dim=1).values
        thresholds = ordered.gather(1, (top_ks[limited] - 1)[:, None].to(logits.device))
        logits[rows] = torch.where(logits[rows] >= thresholds, logits[rows], -torch.inf)


def _truncate_to_top_p(probabilities: torch.Tensor, top_ps: torch.Tensor) -> None:
    """Set the tokens outside of the smallest set with the share `top_ps` to 0, in place."""
    ordered = probabilities.sort(dim=1, descending=True).values
    sums = ordered.cumsum(1)
    num_kept = 1 + (sums < top_ps[:, None] * sums[:, -1:]).sum(1, keepdim=True)
    thresholds = ordered.gather(1, num_kept.clamp(max=ordered.shape[1]) - 1)
    thresholds[top_ps >= 1] = 0
    probabilities.masked_fill_(probabilities < thresholds, 0)
