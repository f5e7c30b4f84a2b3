"""Describes features of images: how near to their captions they are, and how two towers differ.

Names of tensors end in their axes: N images, C channels, D dimensions, M captions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from mm.data.captioned_images import CaptionedImage, read_captioned_images
from mm.data.sentences import embed_sentences
from mm.metrics.retrieval import recall_of_vectors
from mm.training.language.data_sets.image_features import ImageFeatures
from mm.training.language.data_sets.prepare import Prepared

MAX_IMAGES = 1_000
"""Images among which captions are searched: recalls of train and dev have equally many."""
Numbers = dict[str, float]


def describe_features(prepared: Prepared, data: Path, cache: Path) -> dict[str, Numbers]:
    """Describe the features that are learned from, those of dev, and those of dev by other towers.

    Recalls are in percent. A tower that saw the captions of an image finds the image better than
    those of dev. Differences of maps are in standard deviations of a channel, as the noise of the
    training. Sentence vectors are cached in the folder `cache`.
    """
    learned, dev = prepared.train.captions.features, prepared.dev.data.captions.features
    if learned is None or dev is None:
        raise ValueError("Only features of images can be described.")
    numbers = {
        "learned": _measure_recall(learned, read_captioned_images(data, "train"), cache / "train.npz"),
        "dev": _measure_recall(dev, read_captioned_images(data, "dev"), cache / "dev.npz"),
    }
    for name, other in prepared.other_dev.items():
        of_tower = _measure_recall(other, read_captioned_images(data, "dev"), cache / "dev.npz")
        numbers[f"dev, image tower {name}"] = of_tower | compare_features(dev, other)
    return numbers


def compare_features(features: ImageFeatures, other: ImageFeatures) -> Numbers:
    """How far two towers' features of the same whole images are apart."""
    maps_C, others_C = (each.maps_VNPC[0].flatten(0, 1).float() for each in (features, other))
    deviations = ((maps_C - others_C) / maps_C.std(0).clamp_min(1e-6)).square().mean().sqrt()
    cosines_N = functional.cosine_similarity(features.vectors_VND[0].float(), other.vectors_VND[0].float())
    return {"difference of maps": float(deviations), "cosine of vectors": float(cosines_N.mean())}


def _measure_recall(features: ImageFeatures, rows: Sequence[CaptionedImage], cache: Path) -> Numbers:
    """R@1 and R@5 of captions among at most `MAX_IMAGES` whole images, evenly chosen."""
    count_T = max(len(row.captions) for row in rows)
    sentences = [row.captions[index % len(row.captions)] for row in rows for index in range(count_T)]
    captions_NTD = embed_sentences(sentences, cache).reshape(len(rows), count_T, -1)
    chosen_N = np.linspace(0, len(rows) - 1, min(MAX_IMAGES, len(rows))).round().astype(int)
    vectors_ND = functional.normalize(features.vectors_VND[0, torch.from_numpy(chosen_N)].float(), dim=1).cpu().numpy()
    captions_MD = captions_NTD[chosen_N].reshape(len(chosen_N) * count_T, -1)
    retrieval = recall_of_vectors(vectors_ND, captions_MD, np.repeat(np.arange(len(chosen_N)), count_T))
    return {"text to image, R@1": retrieval.text_to_image[1], "text to image, R@5": retrieval.text_to_image[5]}
