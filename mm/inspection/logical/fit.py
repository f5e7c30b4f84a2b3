"""Fits a logical inspector on good images of a scene and the regions that a person named in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mm.errors import InvalidInput
from mm.inspection.bank.coreset import select_coreset
from mm.inspection.bank.patch_bank import Folds, PatchBank
from mm.inspection.features.backbone import Backbone
from mm.inspection.good_pixels import MIN_CONTRAST, ReadImage, read_good_image
from mm.inspection.logical.counting import fit_limit, list_matches
from mm.inspection.logical.inspector import LogicalInspector, cut_example
from mm.inspection.logical.presence import RegionBank, RegionPatches, choose_step, extract_region
from mm.inspection.logical.regions import NamedRegion, check_regions
from mm.inspection.logical.settings import LogicalSettings
from mm.inspection.registration.register import register
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.thresholds.folds import assign_folds
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float64

OnProgress = Callable[[str], None]


def fit_logical(
    images: Sequence[GoodImage],
    name: str,
    regions: Sequence[NamedRegion],
    backbone: Backbone | None,
    settings: LogicalSettings | None = None,
    read_image: ReadImage | None = None,
    on_progress: OnProgress = lambda line: None,
) -> LogicalInspector:
    """Fit version 1 of an inspector. Regions are in coordinates of the first image.

    `backbone` may be None where every region has a count. Raises `InvalidInput` without images, for
    one that has a single colour, another size where there is no registration, or cannot be aligned;
    for a region outside the first image, and for one whose copies cannot be counted.
    """
    settings, regions = settings or LogicalSettings(), tuple(regions)
    check_regions(regions)
    if not images:
        raise InvalidInput("A logical inspector needs at least one image of a good part; eight or more are usual.")
    compared = [region for region in regions if region.count is None]
    if compared and (backbone is None or backbone.name != settings.backbone):
        raise InvalidInput(f"Regions of presence need the backbone '{settings.backbone}'.")
    aligned = [_read(images, 0, settings, read_image, None)]
    reference_HWC = aligned[0]
    for region in regions:
        region.require_inside((reference_HWC.shape[0], reference_HWC.shape[1]))
    own: dict[str, list[RegionPatches]] = {region.name: [] for region in compared}
    copies: dict[str, list[list[RegionPatches]]] = {region.name: [] for region in compared}
    matches: dict[str, list[list[tuple[float, int, int]]]] = {region.name: [] for region in regions if region.count}
    for index in range(len(images)):
        aligned_HWC = reference_HWC if not index else _read(images, index, settings, read_image, reference_HWC)
        for region in regions:
            if region.count:
                example_HWC, inside_HW = cut_example(reference_HWC, region), region.draw(_size(reference_HWC))
                matches[region.name].append(list_matches(aligned_HWC, example_HWC, inside_HW, region.count + 1))
            elif backbone is not None:
                augmented = _extract(aligned_HWC, region, backbone, settings)
                own[region.name].append(augmented[0])
                copies[region.name].append(augmented)
        on_progress(f"regions of {index + 1} of {len(images)} images")
    fold_N = assign_folds([image.group for image in images], settings.seed)
    banks, calibration = _calibrate(own, copies, images, fold_N, settings)
    limits = {region.name: fit_limit(matches[region.name], region.count, region.name) for region in regions if region.count}
    used = backbone if compared else None
    digest = used.digest if used is not None else None
    return LogicalInspector(name, 1, settings, regions, reference_HWC, banks, limits, calibration, used, digest)


def _read(
    images: Sequence[GoodImage], index: int, settings: LogicalSettings, read_image: ReadImage | None, reference_HWC: RGB | None
) -> RGB:
    """A good image in the coordinates of the first one."""
    label = f"Good image {index + 1} of {len(images)} (group {images[index].group})"
    image_HWC = read_good_image(images[index], read_image)
    require_image(image_HWC)
    if int(image_HWC.max()) - int(image_HWC.min()) < MIN_CONTRAST:
        raise InvalidInput(f"{label} has a single colour.")
    if reference_HWC is None:
        return image_HWC
    if not settings.has_registration:
        if image_HWC.shape != reference_HWC.shape:
            raise InvalidInput(f"{label} has another size than the first one; fit with registration.")
        return image_HWC
    registration = register(image_HWC, reference_HWC)
    if not registration.is_reliable:
        raise InvalidInput(f"{label} could not be aligned with the first one. Remove it.")
    return registration.align(image_HWC, _size(reference_HWC))


def _extract(aligned_HWC: RGB, region: NamedRegion, backbone: Backbone, settings: LogicalSettings) -> list[RegionPatches]:
    """Patches of a region, and those of its darker and lighter copies."""
    lit = [np.clip(np.rint(aligned_HWC * np.float32(gain)), 0, 255).astype(np.uint8) for gain in settings.brightness]
    return [extract_region(copy_HWC, region, backbone, settings.longest) for copy_HWC in (aligned_HWC, *lit)]


def _calibrate(
    own: dict[str, list[RegionPatches]],
    copies: dict[str, list[list[RegionPatches]]],
    images: Sequence[GoodImage],
    fold_N: Folds,
    settings: LogicalSettings,
) -> tuple[dict[str, RegionBank], Calibration]:
    """The bank of each region, and the largest score of a region of each held-out image."""
    num_folds = int(fold_N.max()) + 1
    banks: dict[str, RegionBank] = {}
    largest_N: Float64 = np.zeros(len(images))
    for name, augmented in copies.items():
        step = choose_step(own[name])
        bank = _fill_bank(augmented, step, fold_N, max(1, settings.bank_size // num_folds), settings.seed)
        unscaled = RegionBank(bank, step, 1.0)
        if num_folds == 1:
            banks[name] = unscaled
            continue
        score_N = np.array([unscaled.score(patches)[fold] for patches, fold in zip(own[name], fold_N, strict=True)])
        scale = max(float(np.median(score_N)), 1e-6)  # images that are equal have a distance of 0
        banks[name] = RegionBank(bank, step, scale)
        largest_N = np.maximum(largest_N, score_N / scale)
    if num_folds == 1 or not banks:
        return banks, Calibration(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
    group_N = np.unique([image.group for image in images], return_inverse=True)[1].astype(np.int64)
    return banks, Calibration(largest_N, group_N, fold_N)


def _fill_bank(augmented: list[list[RegionPatches]], step: float, fold_N: Folds, per_fold: int, seed: int) -> PatchBank:
    """The coreset of each fold, chosen without the others so that it does not depend on them."""
    parts, folds = [], []
    for fold in range(int(fold_N.max()) + 1):
        pool = [patches for image, own_fold in zip(augmented, fold_N, strict=True) if own_fold == fold for patches in image]
        pool_NC = np.concatenate([patches.join(step) for patches in pool])
        chosen_KC = pool_NC[select_coreset(pool_NC, per_fold, seed + fold)].astype(np.float16)
        parts.append(chosen_KC)
        folds.append(np.full(len(chosen_KC), fold, np.int64))
    return PatchBank(np.concatenate(parts), np.concatenate(folds))


def _size(image_HWC: RGB) -> tuple[int, int]:
    return image_HWC.shape[0], image_HWC.shape[1]
