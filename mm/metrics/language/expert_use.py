"""How evenly a Mixture of Experts uses its experts.

The load of an expert is the number of tokens that are assigned to it. For each layer and kind of
token: the coefficient of variation (CV), standard deviation divided by mean of the loads of real
experts; MaxVio, largest load divided by mean load, minus 1, over the whole set (Wang et al. 2024,
arXiv:2408.15664, MaxVio_global). Null experts (Zeng et al. 2024, arXiv:2406.13233) count only in
the number of experts per token. A low CV over all tokens with a high CV within a task shows
specialization; a low CV within each task shows none.

Sampling alone gives perfectly even experts a CV of sqrt((E - 1) / assignments), 0.011 for 128
experts and 1,000,000 assignments, and moves the interval of a CV that is near it upwards. A CV is
reported beside this floor. Names of arrays end in their axes: T tokens, L layers, K experts of a
token, E experts, G groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap_rows
from mm.metrics.report import Measure, Report

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

MIN_ASSIGNMENTS = 1_000_000
"""Assignments for each layer from which on the CV of all tokens is comparable between models."""


def coefficient_of_variation(loads_LE: npt.NDArray[np.number]) -> Float:
    """CV of each layer (L,); 0 for a layer without assignments."""
    mean_L = loads_LE.mean(-1)
    cv_L: Float = loads_LE.std(-1) / np.where(mean_L > 0, mean_L, 1.0)
    return cv_L


def max_violation(loads_LE: npt.NDArray[np.number]) -> Float:
    """MaxVio of each layer (L,), from 0 to E - 1; 0 for a layer without assignments."""
    mean_L = loads_LE.mean(-1)
    violation_L: Float = np.where(mean_L > 0, loads_LE.max(-1) / np.where(mean_L > 0, mean_L, 1.0) - 1.0, 0.0)
    return violation_L


def sampling_floor(num_assignments: float, num_experts: int) -> float:
    """Expected CV of equally likely experts after so many independent assignments."""
    return float(np.sqrt((num_experts - 1) / num_assignments)) if num_assignments else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """Loads of real experts in each group, and tokens by their number of real experts."""

    loads_GLE: Float
    tokens_GLK: Float  # K from 0 to num_experts_per_tok

    def experts_per_token(self, rows: npt.NDArray[np.integer]) -> Float:
        """Mean number of real experts of a token in each layer (L,), over these groups."""
        tokens_LK = self.tokens_GLK[rows].sum(0)
        mean_L: Float = tokens_LK @ np.arange(tokens_LK.shape[1]) / np.maximum(tokens_LK.sum(1), 1)
        return mean_L

    def sum(self, rows: npt.NDArray[np.integer]) -> Float:
        """Loads (L, E) summed over these groups, which may repeat."""
        times_G = np.bincount(rows, minlength=len(self.loads_GLE)).astype(np.float64)
        summed_LE: Float = np.tensordot(times_G, self.loads_GLE, 1)  # a product is faster than gathering rows
        return summed_LE


class ExpertUse:
    """Counts assignments, group by group. A group is what the bootstrap samples: a document."""

    def __init__(self, num_layers: int, num_experts: int, num_experts_per_tok: int) -> None:
        if min(num_layers, num_experts, num_experts_per_tok) < 1:
            raise InvalidInput("Layers, experts and experts per token must be at least 1.")
        self.num_experts = num_experts
        self._shape = num_layers, num_experts_per_tok
        self._loads: dict[tuple[str, str], Int] = defaultdict(lambda: np.zeros((num_layers, num_experts), np.int64))
        self._tokens: dict[tuple[str, str], Int] = defaultdict(lambda: np.zeros((num_layers, num_experts_per_tok + 1), np.int64))

    def add(self, group: str, kind: str, experts_TLK: npt.NDArray[np.integer]) -> None:
        """Add the experts of tokens of one kind, such as 'caption', 'prompt' or 'image'.

        Indexes of `num_experts` and above are null experts. Raises `InvalidInput` for another shape
        and for a negative index.
        """
        if experts_TLK.ndim != 3 or experts_TLK.shape[1:] != self._shape or (experts_TLK < 0).any():
            raise InvalidInput(f"Experts must be indexes of shape (tokens, {self._shape[0]}, {self._shape[1]}).")
        num_layers, num_experts_per_tok = self._shape
        is_real_TLK = experts_TLK < self.num_experts
        cell_TLK = np.arange(num_layers)[:, None] * self.num_experts + experts_TLK
        loads = np.bincount(cell_TLK[is_real_TLK], minlength=num_layers * self.num_experts)
        self._loads[group, kind] += loads.reshape(num_layers, self.num_experts)
        num_real_TL = is_real_TLK.sum(2)
        for count in range(num_experts_per_tok + 1):
            self._tokens[group, kind][:, count] += (num_real_TL == count).sum(0)

    @property
    def kinds(self) -> list[str]:
        """Kinds of tokens, sorted."""
        return sorted({kind for _, kind in self._loads})

    def loads(self, kinds: Sequence[str] | None = None) -> Loads:
        """Loads of these kinds of tokens, by default of all.

        Raises `InvalidInput` for kinds without tokens; the message names the known ones.
        """
        chosen = self.kinds if kinds is None else kinds
        if not chosen or not set(chosen) <= set(self.kinds):
            raise InvalidInput(f"No tokens of kind {kinds}; the kinds are {', '.join(self.kinds) or 'none'}.")
        groups = sorted({group for group, kind in self._loads if kind in chosen})

        def stack(counts: dict[tuple[str, str], Int]) -> Float:
            rows = [[counts[group, kind] for kind in chosen if (group, kind) in counts] for group in groups]
            return np.array([np.sum(row, axis=0) for row in rows], np.float64)

        return Loads(stack(self._loads), stack(self._tokens))


_MEASURES = (
    "CV, mean layer",
    "CV, worst layer",
    "CV of even experts",
    "MaxVio, mean layer",
    "MaxVio, worst layer",
    "experts per token, mean layer",
    "assignments per layer",
)


def expert_use_report(of: str, use: ExpertUse) -> Report:
    """Report CV, MaxVio and experts per token over all tokens and for each kind.

    Each as the mean over layers, CV and MaxVio also of the worst layer. The bootstrap samples
    groups. The title says when all tokens have fewer than `MIN_ASSIGNMENTS`. Raises `InvalidInput`
    when nothing was counted.
    """
    measures = [*_measures("all tokens", use.loads(), use.num_experts)]
    if measures[-1].interval.value < MIN_ASSIGNMENTS:
        of = f"{of} (fewer than {MIN_ASSIGNMENTS:,} assignments per layer)"
    for kind in use.kinds:
        measures += _measures(f"{kind} tokens", use.loads([kind]), use.num_experts)
    return Report(of, tuple(measures))


def _measures(name: str, loads: Loads, num_experts: int) -> list[Measure]:
    def compute(rows: Int) -> Float:
        loads_LE = loads.sum(rows)
        cv_L, violation_L, num_assignments = coefficient_of_variation(loads_LE), max_violation(loads_LE), loads_LE.sum(1).mean()
        floor = sampling_floor(num_assignments, num_experts)
        per_token = loads.experts_per_token(rows).mean()
        return np.array([cv_L.mean(), cv_L.max(), floor, violation_L.mean(), violation_L.max(), per_token, num_assignments])

    intervals = bootstrap_rows(len(loads.loads_GLE), None, compute)
    return [Measure(f"{name}: {what}", interval, is_share=False) for what, interval in zip(_MEASURES, intervals, strict=True)]
