"""Groups of experts that tasks use, and the bias of the router that prefers a group.

A group is the measured use of the experts by one task, not a set: an expert that the task uses more
than the average task does is preferred, one that it uses less is avoided. The bias is bounded by
`STRENGTH`, so that a preference changes which of similar experts are selected. Axes: M MoE layers,
E real experts, A real experts, then null experts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import mm
from mm.errors import Corrupt, InvalidInput
from mm.files import write_atomic
from mm.models.language.config import LanguageConfig

Float = npt.NDArray[np.float32]

SHIPPED_GROUPS = Path(mm.__file__).parent / "weights" / "language" / "expert_groups.json"
"""The groups of the trained weights that are part of the project."""
STRENGTH = 0.1
"""Largest absolute entry of the bias; the scores that it is added to are from 0 to 1."""

_FULL_RATIO = np.float32(4)  # used so many times as often as by the average task: the largest entry
_MIN_SHARE = 0.1  # added to the shares, in those of evenly used experts: rarely used ones are uncertain


@dataclass(frozen=True, slots=True, eq=False)
class ExpertGroups:
    """How tasks use the experts of one model."""

    additions_sha256: str
    """Of the trained weights that were measured."""
    shares_ME: Mapping[str, Float]
    """By task: the share of each expert in the assignments of each layer."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, sorted."""
        return tuple(sorted(self.shares_ME))

    def make_bias(self, config: LanguageConfig, preference: Sequence[str]) -> Float:
        """The bias (M, A) of the sum of groups; a name with a minus before it avoids its group.

        Raises `InvalidInput` for an unknown name, which lists the known ones, and for a model with
        other layers or experts.
        """
        bias_MA = np.zeros((config.num_moe_layers, config.num_routed), np.float32)
        for name in preference:
            group = name.removeprefix("-")
            if group not in self.shares_ME:
                raise InvalidInput(f"There is no expert group {group!r:.40}. Groups are: {', '.join(self.names)}.")
            direction_ME = self._compute_direction(group)
            if direction_ME.shape != (config.num_moe_layers, config.num_experts):
                raise InvalidInput(f"The expert groups are of a model of another shape, {direction_ME.shape}.")
            bias_MA[:, : config.num_experts] += (-1 if name.startswith("-") else 1) * direction_ME
        return np.clip(bias_MA, -1, 1) * np.float32(STRENGTH)

    def _compute_direction(self, group: str) -> Float:
        """From -1 to 1 (M, E): logarithm of the use by the task beside that by the average task."""
        shares = {name: shares + _MIN_SHARE / shares.shape[1] for name, shares in self.shares_ME.items()}
        average_ME = np.mean(list(shares.values()), axis=0)
        direction: Float = np.log(shares[group] / average_ME) / np.log(_FULL_RATIO)
        return np.clip(direction, -1, 1).astype(np.float32)


def write_groups(path: Path, groups: ExpertGroups) -> None:
    """Write groups as JSON, shares with 5 decimals."""
    shares = {name: np.round(groups.shares_ME[name].astype(np.float64), 5).tolist() for name in groups.names}
    write_atomic(path, json.dumps({"additions_sha256": groups.additions_sha256, "shares": shares}).encode())


def read_groups(path: Path, additions_sha256: str) -> ExpertGroups:
    """The groups of a file. Raises `Corrupt` for another file and for those of other weights."""
    try:
        stored = json.loads(path.read_bytes())
        shares = {str(name): np.array(rows, np.float32) for name, rows in stored["shares"].items()}
        groups = ExpertGroups(str(stored["additions_sha256"]), shares)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(f"The expert groups cannot be read from {path}: {error}.") from error
    shapes = {share.shape for share in shares.values()}
    if len(shapes) != 1 or any(share.ndim != 2 or not (share >= 0).all() for share in shares.values()):
        raise Corrupt(f"{path} does not hold the use of the same experts by each task.")
    if groups.additions_sha256 != additions_sha256:
        raise Corrupt(
            f"{path} holds the expert groups of other trained weights: run `mm eval expert-preference --save {path.name}`."
        )
    return groups
