"""Which weights decay, and at what rate each stage of the network learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from mm.models.efficientnet_lite import blocks
from mm.models.efficientnet_lite_torch import ImageEncoder


def decay_groups(
    encoder: ImageEncoder, learnt: Sequence[nn.Parameter], rate: float, weight_decay: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Parameters for an optimizer, by stage and by whether they decay: norms, biases and scales do not.

    `highest` of a group is the rate its schedule scales: `rate` for the head, times `layer_decay` for each stage below it (as
    Howard & Ruder 2018, arXiv:1801.06146, do). With a decay of 1 there is one stage.
    """
    stages: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, weight in encoder.named_parameters():
        if weight.requires_grad:
            stages.setdefault((0 if layer_decay == 1 else _below(name), weight.ndim > 1), []).append(weight)
    for weight in learnt:
        stages.setdefault((0, weight.ndim > 1), []).append(weight)
    return [
        {"params": weights, "weight_decay": weight_decay if decays else 0.0, "highest": rate * layer_decay**below}
        for (below, decays), weights in sorted(stages.items(), key=lambda entry: entry[0])
    ]


def _below(name: str) -> int:
    """How many stages a parameter lies below the head; one begins where the width changes, and the first takes in the stem."""
    table = blocks()
    begins = [0, *(i for i in range(1, len(table)) if table[i].channels_out != table[i - 1].channels_out)]
    part, _, rest = name.partition(".")
    if part == "blocks":
        block = int(rest.split(".")[0])
        return 2 + sum(begin > block for begin in begins)
    return {"stem": len(begins) + 1, "top": 1}.get(part, 0)
