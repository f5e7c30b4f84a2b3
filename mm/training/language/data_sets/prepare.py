"""What runs of the same data share, computed once: features of images and encoded questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mm.data.captioned_images import read_captioned_images
from mm.data.language.evidence.evidence_set import draw_evidence_set
from mm.data.language.sources import read_source_pool
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.language.data_sets.examples import draw_evidence
from mm.training.language.data_sets.image_features import ImageFeatures, compute_features
from mm.training.language.data_sets.sets import DevSet, TrainingData, make_training_data, read_text_captions
from mm.training.language.recipe import LanguageRecipe
from mm.training.language.sequences.batches import Request, TextExample

NUM_DEV_EVIDENCE, NUM_DEV_QUESTIONS = 600, 300
"""Questions over moments, and questions of each kind about images, that are measured on."""
MAX_TRAIN_QUESTIONS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Data of train and dev on the training device."""

    train: TrainingData
    dev: DevSet


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What data is read with."""

    tokenizer: LanguageTokenizer
    encoder: ImageEncoder
    image_size: int  # pixels; side of the input of the encoder
    device: torch.device
    num_processes: int


def prepare(recipe: LanguageRecipe, cache: Path, sources: Sources) -> Prepared:
    """Read the data of a recipe; features and questions are kept in the folder `cache`.

    Raises `InvalidInput` for unreadable data.
    """
    cache.mkdir(parents=True, exist_ok=True)
    tokenizer, device = sources.tokenizer, sources.device
    evidence: list[TextExample] = []
    if recipe.num_evidence:
        path = cache / f"evidence-{recipe.num_evidence}.safetensors"
        tensors = _load_or_compute(
            path,
            lambda: _pack(draw_evidence(tokenizer, recipe.data, "train", recipe.num_evidence, 0, sources.num_processes)),
        )
        evidence = _unpack(tensors)
    features = {split: _prepare_features(recipe, cache, split, sources) for split in ("train", "dev")}
    train = make_training_data(recipe.data, "train", tokenizer, features["train"], evidence, MAX_TRAIN_QUESTIONS, device)
    if recipe.texts is not None and "text" in recipe.stages:
        train = train.with_texts(read_text_captions(recipe.texts, tokenizer, device))
    dev = make_training_data(recipe.data, "dev", tokenizer, features["dev"], [], NUM_DEV_QUESTIONS, device)
    num_questions = NUM_DEV_EVIDENCE if recipe.num_evidence else 0
    dev_evidence = draw_evidence_set(read_source_pool(recipe.data, "dev"), "dev", num_questions, 0) if num_questions else []
    return Prepared(train, DevSet(dev, dev_evidence))


def _prepare_features(recipe: LanguageRecipe, cache: Path, split: str, sources: Sources) -> ImageFeatures:
    num_views = recipe.num_views if split == "train" else 1
    files = [image.path for image in read_captioned_images(recipe.data, split)]

    def compute() -> dict[str, Tensor]:
        grid = recipe.prefix.grid
        features = compute_features(sources.encoder, files, sources.image_size, grid, num_views, 0, sources.device)
        return {"maps": features.maps_VNPC, "vectors": features.vectors_VND}

    tensors = _load_or_compute(cache / f"features-{split}-{num_views}.safetensors", compute)
    return ImageFeatures(tensors["maps"].to(sources.device), tensors["vectors"].to(sources.device))


def _load_or_compute(path: Path, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    if not path.exists():
        partial = path.with_suffix(".partial")
        save_file({name: tensor.cpu().contiguous() for name, tensor in compute().items()}, partial)
        partial.rename(path)
    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def _pack(examples: list[TextExample]) -> dict[str, Tensor]:
    """Prompts without media, and answers, one after the other."""
    return {
        "ids": torch.tensor([token for e in examples for token in (*e.request.before, *e.answer)], dtype=torch.int32),
        "lengths": torch.tensor([(len(e.request.before), len(e.answer)) for e in examples], dtype=torch.int32),
    }


def _unpack(tensors: dict[str, Tensor]) -> list[TextExample]:
    ids, examples, start = tensors["ids"].tolist(), list[TextExample](), 0
    for num_prompt, num_answer in tensors["lengths"].tolist():
        end = start + num_prompt
        examples.append(TextExample(Request(tuple(ids[start:end])), tuple(ids[end : end + num_answer])))
        start = end + num_answer
    return examples
