"""A language model and captioned images that are small enough to train on in a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.media_prefix.config import MediaPrefixConfig
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.models.language.weights import list_weight_shapes
from mm.training.language.data_sets.prepare import Prepared, Sources, prepare
from mm.training.language.data_sets.sets import write_text_captions
from mm.training.language.data_sets.towers import FeatureTower, Towers
from mm.training.language.model import Base
from mm.training.language.recipe import LanguageRecipe, StageName, StageRecipe
from tests.data.language.made_captions import make_images

CPU = torch.device("cpu")
DENSE = LanguageConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=32, vocab_size=49152
)
EXPERTS = {
    "num_experts": 8,
    "num_null_experts": 2,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 8,
    "first_k_dense_replace": 1,
}
MOE = LanguageConfig.from_metadata({**DENSE.to_metadata(), **EXPERTS})
SIZE = 32
"""Side of the images, in pixels."""
STAGES: dict[StageName, StageRecipe] = {
    "text": StageRecipe(steps=2, batch=4, rate=1.0, quantize_from=1.0),
    "captions": StageRecipe(steps=3, batch=4, rate=1.0, quantize_from=0.6),
    "answers": StageRecipe(steps=4, batch=4, rate=1.0),
    "scst": StageRecipe(steps=2, batch=2, rate=0.1),
}


@cache
def load_tokenizer() -> LanguageTokenizer:
    """The tokenizer of SmolLM2."""
    return LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2())))


@cache
def make_base() -> Base:
    """A dense model with random weights."""
    random = np.random.default_rng(0)
    weights = {
        name: np.ones(shape, np.float32)
        if name.endswith("norm.weight")
        else (0.5 * shape[-1] ** -0.5 * random.standard_normal(shape)).astype(np.float32)
        for name, shape in list_weight_shapes(DENSE).items()
    }
    return Base(weights, load_tokenizer(), "0" * 64)


def write_images(folder: Path, counts: Mapping[str, int]) -> Path:
    """Write captioned images of random blocks by split."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    rows = []
    for split, count in counts.items():
        for image in make_images(split, count):
            name = f"{image.path.stem}.png"
            blocks = random.integers(0, 255, (4, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(blocks).save(folder / "images" / name)
            rows.append({"image": name, "captions": image.captions, "split": split})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_texts(path: Path) -> Path:
    """Write captions without images."""
    references = [image.captions for image in make_images("test", 12)]
    write_text_captions(path, references, torch.randn(12, 384, generator=torch.Generator().manual_seed(0)))
    return path


def make_recipe(data: Path, out: Path, **changes: object) -> LanguageRecipe:
    """A recipe of all stages with a few steps each."""
    prefix = MediaPrefixConfig(hidden_size=32, map_hidden_size=32, vector_hidden_size=32, time_hidden_size=32)
    values: dict[str, object] = {
        "texts": data / "texts.safetensors", "config": MOE, "prefix": prefix, "stages": STAGES,
        "num_views": 3, "attention_rank": 4, "num_evidence": 24, "num_samples": 3, "save_every": 1,
    }  # fmt: skip
    return LanguageRecipe(data, out, **{**values, **changes})  # type: ignore[arg-type]


def make_tower(seed: int) -> FeatureTower:
    """A random image tower. Without random biases its maps would be zero in half precision."""
    torch.manual_seed(seed)
    encoder = ImageEncoder()
    for name, parameter in encoder.named_parameters():
        if name.endswith("norm.bias"):
            torch.nn.init.normal_(parameter)
    return FeatureTower(encoder, SIZE, str(seed) * 64)


def prepare_tiny(recipe: LanguageRecipe, cache_folder: Path) -> Prepared:
    """The data of a recipe, encoded by a random image tower."""
    return prepare(recipe, cache_folder, Sources(load_tokenizer(), Towers(make_tower(0)), CPU, 1))
