"""Small open_clip models with random weights, in folders as open_clip saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

_VISION = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
_TEXT = {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
WORDS = ("a", "the", "red", "green", "blue", "dog", "cat", "runs", "sleeps", "on", "in", "grass", "house")

CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {"model_cfg": {"embed_dim": 24, "vision_cfg": _VISION, "text_cfg": _TEXT}, "preprocess_cfg": {}},
    "quick": {
        "model_cfg": {"embed_dim": 24, "quick_gelu": True, "vision_cfg": _VISION, "text_cfg": _TEXT},
        "preprocess_cfg": {
            "mean": [0.2, 0.3, 0.4],
            "std": [0.5, 0.6, 0.7],
            "interpolation": "bilinear",
            "resize_mode": "longest",
        },
    },
    "siglip": {
        "model_cfg": {
            "embed_dim": 64,
            "init_logit_bias": -10,
            "custom_text": True,
            "vision_cfg": {
                "image_size": 160,
                "timm_model_name": "test_vit",
                "timm_model_pretrained": False,
                "timm_pool": "map",
                "timm_proj": "none",
            },
            "text_cfg": {
                **_TEXT,
                "vocab_size": 32,
                "hf_tokenizer_name": "a-name-on-the-hub",
                "tokenizer_kwargs": {"clean": "canonicalize"},
                "no_causal_mask": True,
                "proj_bias": True,
                "pool_type": "last",
            },
        },
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"},
    },
}


def write_model(folder: Path, name: str, seed: int = 0) -> Path:
    """One of `CONFIGS` with random weights. Returns the folder."""
    folder.mkdir(parents=True)
    config = CONFIGS[name]
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    if name == "siglip":
        _write_tokenizer(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        for parameter in model.parameters():  # zeros could hide a wrong input
            if parameter.ndim:
                parameter.data.add_(torch.randn_like(parameter) * 0.02)
    save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, weights_of(folder))
    return folder


def weights_of(folder: Path) -> Path:
    return folder / "open_clip_model.safetensors"


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>").save_pretrained(
        folder
    )
