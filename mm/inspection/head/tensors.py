"""A segmentation head as tensors and values of JSON, for the file of an inspector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.inspection.head.head import SegmentationHead
from mm.inspection.head.kinds import KindClassifier
from mm.inspection.head.network import PatchNetwork
from mm.inspection.scoring.score import ScoreRule
from mm.numerics import Float32

Tensors = Mapping[str, npt.NDArray[np.generic]]

PREFIX = "head."
UNITS = ("distance_zero", "distance_unit", "logit_zero", "logit_unit")
_KIND_WEIGHTS, _KIND_BIAS, _WIDE = "kind_weights", "kind_bias", "wide"


def pack_head(head: SegmentationHead) -> tuple[dict[str, Float32], dict[str, object]]:
    """Tensors, whose names begin with `PREFIX`, and values of JSON."""
    stacked = {
        "hidden": np.stack([each.hidden_DK for each in head.members]),
        "hidden_bias": np.stack([each.hidden_bias_K for each in head.members]),
        "output": np.stack([each.output_K for each in head.members]),
        "output_bias": np.array([each.output_bias for each in head.members]),
        "weight": head.weight_F,
        "share": np.array([rule.share for rule in head.rules_F]),
        _WIDE: np.array([(rule.wide_share, *rule.zeros, *rule.units) for rule in head.rules_F]),
    }
    if head.kinds is not None:
        stacked |= {_KIND_WEIGHTS: head.kinds.weights_DQ, _KIND_BIAS: head.kinds.bias_Q}
    values: dict[str, object] = {name: getattr(head, name) for name in UNITS}
    values["kinds"] = None if head.kinds is None else list(head.kinds.names)
    return {PREFIX + name: np.ascontiguousarray(array, np.float32) for name, array in stacked.items()}, values


def unpack_head(tensors: Tensors, values: Mapping[str, Any]) -> SegmentationHead:
    """The head. Raises `KeyError`, `TypeError`, `ValueError` or `InvalidInput` for damaged ones."""
    names = ("hidden", "hidden_bias", "output", "output_bias", "weight", "share")
    hidden, hidden_bias, output, output_bias, weight_F, share_F = (_get(tensors, name) for name in names)
    members = tuple(
        PatchNetwork(hidden_DK, bias_K, output_K, float(bias))
        for hidden_DK, bias_K, output_K, bias in zip(hidden, hidden_bias, output, output_bias, strict=True)
    )
    rules_F = tuple(ScoreRule(float(share)) for share in share_F)
    if PREFIX + _WIDE in tensors:  # not of heads of earlier versions
        rules_F = tuple(
            ScoreRule(float(share), wide, (first_zero, second_zero), (first_unit, second_unit))
            for share, (wide, first_zero, second_zero, first_unit, second_unit) in zip(
                share_F, _get(tensors, _WIDE).tolist(), strict=True
            )
        )
    kinds = None
    if values["kinds"] is not None:
        kinds = KindClassifier(tuple(map(str, values["kinds"])), _get(tensors, _KIND_WEIGHTS), _get(tensors, _KIND_BIAS))
    units = {name: float(values[name]) for name in UNITS}
    return SegmentationHead(members, **units, weight_F=weight_F, rules_F=rules_F, kinds=kinds)


def _get(tensors: Tensors, name: str) -> Float32:
    return tensors[PREFIX + name].astype(np.float32)
