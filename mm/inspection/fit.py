"""Fits an inspector on images of good parts.

Two passes over the images: the first samples patches for the bank, of large images from some of
their tiles (`FitSettings.bank_tiles`), the second computes the scores of the images with their own
fold left out, from all tiles, as those of further images. Memory depends on the size of the bank
and of one image, not on the number of images. A head for thin defects
(`FitSettings.has_rendered_cracks`) needs another pass, and two numbers of each patch in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.bank.coreset import select_coreset
from mm.inspection.bank.patch_bank import Folds, PatchBank
from mm.inspection.calibrate import HeldOutResults
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.exposure import measure_exposure, varies
from mm.inspection.features.framing import extract_tiles, list_tile_sizes
from mm.inspection.good_pixels import GoodPixels, ReadImage
from mm.inspection.inspector import FittedInspector, choose_patches
from mm.inspection.learning.rendered_head import learn_rendered_cracks
from mm.inspection.scoring.score import mean_of_largest
from mm.inspection.selection.separation import prefers_relative
from mm.inspection.settings import FitSettings
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.thresholds.folds import assign_folds
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.numerics import Float32

CANDIDATES = 10
"""Sampled patches for each vector of the bank, from which the coreset is chosen."""
MAX_EXPOSURES = 24
"""Good images whose exposures are compared."""
OnProgress = Callable[[str], None]


def fit_inspector(
    images: Sequence[GoodImage],
    name: str,
    backbone: Backbone,
    settings: FitSettings | None = None,
    read_image: ReadImage | None = None,
    on_progress: OnProgress = lambda line: None,
) -> FittedInspector:
    """Fit version 1 of an inspector.

    `read_image` decodes the images that are files, such as `MediaReader.image`. Raises
    `InvalidInput` without images, for one of a single colour, for one that is not uint8 RGB, and
    for files without `read_image`.
    """
    settings = settings or FitSettings()
    if not images:
        raise InvalidInput("An inspector needs at least one image of a good part; eight or more are usual.")
    if settings.backbone != backbone.name:
        raise InvalidInput(f"The settings name the backbone '{settings.backbone}', not '{backbone.name}'.")
    settings = _decide_exposure(images, settings, read_image)
    fold_N = assign_folds([image.group for image in images], settings.seed)
    goods = GoodPixels(images, settings, read_image)
    bank = _fill_bank(goods, fold_N, choose_patches(backbone, settings), settings, on_progress)
    inspector = FittedInspector(
        name=name,
        version=1,
        settings=settings,
        bank=bank,
        calibration=Calibration(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)),
        region_threshold=float("inf"),
        backbone=backbone,
        backbone_digest=backbone.digest,
        group_folds={image.group: int(fold) for image, fold in zip(images, fold_N, strict=True)},
        reference_HWC=goods.reference_HWC,
    )
    if settings.has_relative_distances is None:
        # Parts that are seen under several lights differ in texture, too.
        is_relative = bool(settings.has_exposure_correction) or prefers_relative(inspector, goods)
        on_progress(f"distances are {'relative' if is_relative else 'plain'}")
        inspector = replace(inspector, settings=replace(settings, has_relative_distances=is_relative))
    if bank.num_folds == 1:
        return inspector
    if settings.has_rendered_cracks:
        return learn_rendered_cracks(inspector, goods, on_progress)
    return _calibrate(inspector, goods, fold_N, on_progress)


def _decide_exposure(images: Sequence[GoodImage], settings: FitSettings, read_image: ReadImage | None) -> FitSettings:
    """The settings with a decision on exposure, from up to `MAX_EXPOSURES` of the good images."""
    if settings.has_exposure_correction is not None:
        return settings
    goods = GoodPixels(images, settings, read_image)
    rows = np.unique(np.linspace(0, len(images) - 1, MAX_EXPOSURES).round().astype(int))
    exposures = [measure_exposure(goods.read(int(row))) for row in rows]
    return replace(settings, has_exposure_correction=varies(exposures))


def augment(image_HWC: RGB, settings: FitSettings) -> Iterator[RGB]:
    """The image, its darker and lighter copies, and all of them in the directions allowed."""
    for gain in _list_gains(settings):
        # By a table: products of all pixels take eight times the memory of the image.
        table_L = np.clip(np.rint(np.arange(256, dtype=np.float32) * np.float32(gain)), 0, 255).astype(np.uint8)
        lit_HWC = image_HWC if gain == 1 else np.asarray(cv2.LUT(image_HWC, table_L), np.uint8)
        for turns in range(4 if settings.has_rotations else 1):
            yield np.ascontiguousarray(np.rot90(lit_HWC, turns))


def _list_gains(settings: FitSettings) -> tuple[float, ...]:
    return (1.0, *(() if settings.has_exposure_correction else settings.brightness))


def count_copies(settings: FitSettings) -> int:
    """Number of images that `augment` returns."""
    return len(_list_gains(settings)) * (4 if settings.has_rotations else 1)


def _fill_bank(goods: GoodPixels, fold_N: Folds, backbone: Backbone, settings: FitSettings, on_progress: OnProgress) -> PatchBank:
    """The coreset of each fold, chosen without the others so that it does not depend on them."""
    num_folds = int(fold_N.max()) + 1
    per_fold = max(1, settings.bank_size // num_folds)
    samples: list[list[Float32]] = [[] for _ in range(num_folds)]
    random = np.random.default_rng(settings.seed)
    for index, fold in enumerate(fold_N):
        per_image = -(-per_fold * CANDIDATES // int((fold_N == fold).sum()))
        num_copies = count_copies(settings)
        for copy, copy_HWC in enumerate(augment(goods.get_view_pixels(index), settings)):
            num_tiles = len(list_tile_sizes(*copy_HWC.shape[:2]))
            chosen = choose_tiles(num_tiles, settings.bank_tiles, num_copies, (settings.seed, index, copy))
            samples[fold].append(sample_patches(copy_HWC, backbone, -(-per_image // num_copies), random, chosen))
        on_progress(f"patches of {index + 1} of {len(goods)} images")
    vectors, folds = [], []
    for fold, parts in enumerate(samples):
        pool_NC = np.concatenate(parts)
        parts.clear()
        chosen_KC = pool_NC[select_coreset(pool_NC, per_fold, settings.seed + fold)]
        vectors.append(chosen_KC.astype(np.float16))
        folds.append(np.full(len(chosen_KC), fold, np.int64))
    return PatchBank(np.concatenate(vectors), np.concatenate(folds))


def choose_tiles(num_tiles: int, limit: int | None, num_copies: int, seed: tuple[int, ...]) -> list[int]:
    """Numbers of the tiles of one copy of an image that the bank is chosen from, ascending.

    All of them if there are at most `limit`, else a share of `limit` for each of the copies, at
    least one. The same seed chooses the same tiles.
    """
    if limit is None or num_tiles <= limit:
        return list(range(num_tiles))
    chosen = np.random.default_rng(seed).choice(num_tiles, max(1, -(-limit // num_copies)), replace=False)
    return sorted(chosen.tolist())


def sample_patches(
    scaled_HWC: RGB, backbone: Backbone, count: int, random: np.random.Generator, chosen: Sequence[int] | None = None
) -> Float32:
    """About `count` vectors (N, C) of a scaled image, at random places of its chosen tiles.

    Without `chosen` of every tile.
    """
    sizes = list_tile_sizes(*scaled_HWC.shape[:2])
    share = count / sum(sizes if chosen is None else (sizes[tile] for tile in chosen))
    samples = []
    for _, _, vectors_hwC in extract_tiles(backbone, scaled_HWC, chosen):
        vectors_NC = vectors_hwC.reshape(-1, vectors_hwC.shape[-1])
        size = min(len(vectors_NC), int(np.ceil(share * len(vectors_NC))))
        samples.append(vectors_NC[random.choice(len(vectors_NC), size, replace=False)])
    return np.concatenate(samples)


def _calibrate(inspector: FittedInspector, goods: GoodPixels, fold_N: Folds, on_progress: OnProgress) -> FittedInspector:
    """The inspector with the scores of its good images and the threshold of regions."""
    results = HeldOutResults(inspector.settings.seed)
    for index, fold in enumerate(fold_N):
        distances_N = inspector.measure_distances(goods.get_view_pixels(index))[..., fold].ravel()
        results.add(float(mean_of_largest(distances_N[:, None], inspector.settings.share)[0]), distances_N)
        on_progress(f"held-out scores of {index + 1} of {len(goods)} images")
    return results.calibrate(inspector, [image.group for image in goods.images], fold_N)
