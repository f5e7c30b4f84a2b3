"""What runs of the same data share, computed once: features of images and encoded questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mm.data.captioned_images import read_captioned_images
from mm.data.language.evidence.evidence_set import draw_evidence_set
from mm.data.language.evidence.examples import EvidenceExample
from mm.data.language.sources import read_source_pool
from mm.files import hash_file
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.language.data_sets.examples import draw_evidence
from mm.training.language.data_sets.image_features import ImageFeatures, compute_features
from mm.training.language.data_sets.sets import DevSet, TrainingData, make_training_data, read_text_captions
from mm.training.language.data_sets.towers import FeatureTower, Towers
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
    other_dev: Mapping[str, ImageFeatures] = field(default_factory=dict)
    """Features of dev by other image towers, by their names."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What data is read with."""

    tokenizer: LanguageTokenizer
    towers: Towers
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
        path = cache / f"evidence-{recipe.num_evidence}-{_identify_data(recipe.data)}.safetensors"
        tensors = _load_or_compute(
            path,
            lambda: _pack(draw_evidence(tokenizer, recipe.data, "train", recipe.num_evidence, 0, sources.num_processes)),
        )
        evidence = _unpack(tensors)
    towers = sources.towers
    features = _prepare_learned(recipe, cache, sources)
    num_questions = MAX_TRAIN_QUESTIONS if {"answers", "scst"} & recipe.stages.keys() else 0
    train = make_training_data(recipe.data, "train", tokenizer, features, evidence, num_questions, device)
    if recipe.texts is not None and "text" in recipe.stages:
        train = train.with_texts(read_text_captions(recipe.texts, tokenizer, device))
    dev_features = _prepare_features(recipe, cache, "dev", towers.main, sources).to(device)
    dev = make_training_data(recipe.data, "dev", tokenizer, dev_features, [], NUM_DEV_QUESTIONS, device)
    dev_evidence: list[EvidenceExample] = []
    if recipe.num_evidence:
        dev_evidence = draw_evidence_set(read_source_pool(recipe.data, "dev"), "dev", NUM_DEV_EVIDENCE, 0)
    others = {name: _prepare_features(recipe, cache, "dev", tower, sources).to(device) for name, tower in towers.others.items()}
    return Prepared(train, DevSet(dev, dev_evidence), others)


def _prepare_learned(recipe: LanguageRecipe, cache: Path, sources: Sources) -> ImageFeatures:
    """Features of train: by the main tower, or of each image by the tower that its fold selects.

    Every tower encodes all images, in the same crops, so that controls share them.
    """
    main, folds = sources.towers.main, sources.towers.folds
    if folds is None:
        return _prepare_features(recipe, cache, "train", main, sources).to(sources.device)
    tower_N = torch.from_numpy(folds.choose(_list_files(recipe, "train")))
    chosen: ImageFeatures | None = None
    for number, tower in enumerate(folds.towers):
        features, rows_N = _prepare_features(recipe, cache, "train", tower, sources), torch.nonzero(tower_N == number)[:, 0]
        chosen = chosen or ImageFeatures(torch.empty_like(features.maps_VNPC), torch.empty_like(features.vectors_VND))
        chosen.maps_VNPC[:, rows_N] = features.maps_VNPC[:, rows_N]
        chosen.vectors_VND[:, rows_N] = features.vectors_VND[:, rows_N]
    assert chosen is not None, "there are at least two folds"
    return chosen.to(sources.device)


def _prepare_features(recipe: LanguageRecipe, cache: Path, split: str, tower: FeatureTower, sources: Sources) -> ImageFeatures:
    """Features of a split on the CPU, mapped from the cache."""
    num_views, grid = recipe.num_views if split == "train" else 1, recipe.prefix.grid

    def compute() -> dict[str, Tensor]:
        files = _list_files(recipe, split)
        features = compute_features(tower.encoder, files, tower.size, grid, num_views, 0, sources.device)
        return {"maps": features.maps_VNPC, "vectors": features.vectors_VND}

    name = f"features-{split}-{num_views}-{grid}-{tower.sha256[:12]}-{_identify_data(recipe.data)}.safetensors"
    tensors = _load_or_compute(cache / name, compute)
    return ImageFeatures(tensors["maps"], tensors["vectors"])


def _list_files(recipe: LanguageRecipe, split: str) -> list[Path]:
    return [image.path for image in read_captioned_images(recipe.data, split)]


def _identify_data(folder: Path) -> str:
    return hash_file(folder / "captions.jsonl", 8)


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
