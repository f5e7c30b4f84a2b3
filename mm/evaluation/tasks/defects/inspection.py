"""Fits an inspector on a category and inspects its images; what cannot be read is left out.

Heat maps and masks are kept in files until they are counted, so that memory does not depend on the
number of images, a killed run continues, and processes share the images (`progress`). Names of
arrays end in their axes: N images, M marked ones.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.data.inspection.types import choose_images, read_item_mask
from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, MMError
from mm.evaluation.features.failures import leave_out
from mm.evaluation.features.leases import POLL_SECONDS
from mm.evaluation.runs.types import FailedItem
from mm.evaluation.tasks.defects.categories import GOOD, Category, find_kind, to_marked_image
from mm.evaluation.tasks.defects.options import DefectOptions
from mm.evaluation.tasks.defects.progress import KeptImage, KeptResults
from mm.inspection.features.backbone import Backbone
from mm.inspection.fit import fit_inspector
from mm.inspection.types import GoodImage, Inspector
from mm.media.types import RGB
from mm.metrics.inspection.pixel_counts import PixelCounts, count_pixels
from mm.metrics.inspection.regions import Mask
from mm.numerics import Float64

ReadImage = Callable[[SetItem], RGB]
_ARRAYS = ("score_N", "p_value_N", "unusual_N", "marked_M")
_PIXEL_ARRAYS = ("normal_NL", "defective_NL", "overlap_NL", "num_regions_N")
"""Of an inspected category, what is kept of it."""


@dataclass(frozen=True, slots=True, eq=False)
class InspectedCategory:
    """Results of one fitted inspector."""

    name: str
    num_good: int
    items: tuple[SetItem, ...]
    score_N: Float64
    p_value_N: Float64
    unusual_N: Float64
    """Distance of the mean brightness from the median of the good images: the baseline."""
    marked_M: npt.NDArray[np.int64]
    """Images whose marks are known: good ones, and defective ones with marked pixels."""
    pixels: PixelCounts | None
    """Of the marked images; None if no defective one is among them."""
    is_rate_reachable: bool
    """Whether there are enough groups of good images for the promised rate of false alarms."""

    @property
    def is_defective_N(self) -> npt.NDArray[np.bool_]:  # noqa: N802 (the axes of the array)
        return np.array([find_kind(item) != GOOD for item in self.items], bool)


@dataclass(slots=True)
class Failures:
    """Items that are left out; with `is_strict` the first is an error."""

    is_strict: bool
    items: list[FailedItem] = field(default_factory=list)

    def add(self, items: Sequence[SetItem], reason: str) -> None:
        """Raises `InvalidInput` if it is strict."""
        self.items += [leave_out(item, reason, strict=self.is_strict) for item in items]


@dataclass(frozen=True, slots=True)
class Inspection:
    """How the images of all categories are inspected."""

    options: DefectOptions
    backbone: Backbone
    read: ReadImage
    failures: Failures
    on_item: Callable[[bool], None]
    """Called after each image, with whether an interrupted run or another process inspected it."""
    on_tick: Callable[[], None]
    """Called often; may raise to stop the work."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """An inspector, the median brightness of its good images, and their number."""

    inspector: Inspector
    brightness: float
    num_good: int


def choose_good(category: Category, options: DefectOptions) -> list[SetItem]:
    """Good images to fit on. Raises `InvalidInput` for fewer than the options demand."""
    if not options.num_good or not category.good:
        return list(category.good)
    if options.num_good > len(category.good):
        raise InvalidInput(f"The category '{category.label}' has {len(category.good)} good images, not {options.num_good}.")
    of_path = {item.path: item for item in category.good}
    chosen = choose_images([to_marked_image(item) for item in category.good], options.num_good, options.settings.seed)
    return [of_path[image.path] for image in chosen]


def inspect_category(
    category: Category, good: Sequence[SetItem], inspection: Inspection, results: KeptResults, *, is_counted: bool = True
) -> InspectedCategory | None:
    """Fit on the good images and inspect the others, beside processes that share the results.

    None if nothing can be fitted, or good and defective images are not left, and where another
    process counts, without `is_counted`. Raises `StorageFull`, and as `Failures.add`.
    """
    num_failures = len(inspection.failures.items)
    reported: set[str] = set()
    if results.is_finished:
        return _restore(category, results, inspection, reported)
    fitted = _fit(category, good, inspection)
    if fitted is None:
        return None
    kept = _inspect_images(category, fitted.inspector, inspection, results, reported)
    while is_counted:
        with results.lease_count() as is_free:
            if results.is_finished:  # meanwhile, by another process
                del inspection.failures.items[num_failures:]
                return _restore(category, results, inspection, reported)
            if is_free:
                return _count(category, fitted, kept, results, inspection.failures, num_failures)
        inspection.on_tick()
        time.sleep(POLL_SECONDS)
    return None


def _inspect_images(
    category: Category, inspector: Inspector, inspection: Inspection, results: KeptResults, reported: set[str]
) -> dict[str, KeptImage]:
    """All images that can be inspected, by id; some where another process finishes the category."""
    kept: dict[str, KeptImage] = {}
    failures = inspection.failures
    num_failures = len(failures.items)
    waiting: Sequence[SetItem] = category.inspected
    while waiting:
        busy = []
        for item in waiting:
            found = results.get(item)
            was_kept = found is not None
            if found is None:
                with results.lease(item) as is_free:
                    if not is_free:
                        busy.append(item)
                        continue
                    found = results.get(item)  # another process may have inspected it before the lease
                    was_kept = found is not None
                    if found is None and results.is_finished:
                        return kept
                    found = found or _inspect_image(item, inspector, inspection, results)
            if found is not None:
                kept[item.id] = found
            reported.add(item.id)
            inspection.on_item(was_kept)
        waiting = busy
        if waiting:
            inspection.on_tick()
            time.sleep(POLL_SECONDS)
    place_of = {item.id: place for place, item in enumerate(category.inspected)}
    failures.items[num_failures:] = sorted(failures.items[num_failures:], key=lambda failed: place_of[failed.id])
    return kept


def _inspect_image(item: SetItem, inspector: Inspector, inspection: Inspection, results: KeptResults) -> KeptImage | None:
    """Inspect and keep an image; None for one that fails."""
    try:
        pixels = inspection.read(item)
        mask = read_mask(item, pixels.shape[:2])
        result = inspector.inspect(pixels)
    except MMError as error:
        inspection.failures.add([item], str(error))
        return None
    kept = KeptImage(result.score, result.p_value, float(pixels.mean()), mask is not None)
    results.add(item, kept, result.heat_HW, mask)
    return kept


def _count(
    category: Category, fitted: _Fitted, kept: dict[str, KeptImage], results: KeptResults, failures: Failures, num_failures: int
) -> InspectedCategory | None:
    """Count the pixels of the inspected images, and keep the category in place of its images."""
    items = [item for item in category.inspected if item.id in kept]
    images = [kept[item.id] for item in items]
    kinds = {find_kind(item) == GOOD for item in items}
    if len(kinds) < 2:
        lacking = "defective" if True in kinds else "good"
        failures.add(items, f"The category '{category.label}' has no {lacking} image that can be inspected.")
        return None
    marked = [index for index, image in enumerate(images) if image.is_marked]
    has_marks = any(find_kind(items[index]) != GOOD for index in marked)
    inspected = InspectedCategory(
        category.name, fitted.num_good, tuple(items), np.array([image.score for image in images]),
        np.array([image.p_value for image in images]), np.array([abs(image.brightness - fitted.brightness) for image in images]),
        np.array(marked, np.int64), count_pixels(*results.maps([items[index] for index in marked])) if has_marks else None,
        fitted.inspector.threshold.is_reachable,
    )  # fmt: skip
    results.finish(_pack(inspected, failures.items[num_failures:]))
    return inspected


def _pack(inspected: InspectedCategory, failed: Sequence[FailedItem]) -> dict[str, npt.NDArray[Any]]:
    """An inspected category, and what was left out of it, as arrays."""
    described = {
        "num_good": inspected.num_good, "is_rate_reachable": inspected.is_rate_reachable,
        "items": [item.id for item in inspected.items], "failed": [[item.id, item.reason] for item in failed],
    }  # fmt: skip
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(inspected, name) for name in _ARRAYS}
    if inspected.pixels is not None:
        arrays |= {name: getattr(inspected.pixels, name) for name in _PIXEL_ARRAYS}
    return {**arrays, "described": np.frombuffer(json.dumps(described).encode(), np.uint8)}


def _restore(category: Category, results: KeptResults, inspection: Inspection, reported: set[str]) -> InspectedCategory:
    """The inverse of `_pack`, of a finished category."""
    arrays = results.read_finished()
    described = json.loads(arrays["described"].tobytes())
    of_id = {item.id: item for item in category.inspected}
    named = {item.id: item for item in (*category.good, *category.inspected)}
    for item_id, reason in described["failed"]:
        inspection.failures.add([named[item_id]], reason)
    for item_id in of_id:
        if item_id not in reported:
            inspection.on_item(True)
    pixels = PixelCounts(*(arrays[name] for name in _PIXEL_ARRAYS)) if "normal_NL" in arrays else None
    return InspectedCategory(
        category.name, described["num_good"], tuple(of_id[item_id] for item_id in described["items"]),
        arrays["score_N"], arrays["p_value_N"], arrays["unusual_N"], arrays["marked_M"], pixels, described["is_rate_reachable"],
    )  # fmt: skip


def _fit(category: Category, chosen: Sequence[SetItem], inspection: Inspection) -> _Fitted | None:
    """An inspector of the category; None where none can be fitted, which fails all its images."""
    failures, read = inspection.failures, inspection.read
    readable: dict[Path, SetItem] = {}
    brightness = []
    for item in chosen:
        try:
            brightness.append(float(read(item).mean()))
        except MMError as error:
            failures.add([item], f"The good image cannot be fitted on: {error}")
        else:
            readable[item.path or Path()] = item
        inspection.on_tick()
    if not readable:
        failures.add(category.inspected, f"There is no good image of the category '{category.label}' to fit an inspector on.")
        return None
    good = [GoodImage(path, item.group) for path, item in readable.items()]
    try:
        inspector = fit_inspector(
            good, "evaluation", inspection.backbone, inspection.options.settings, lambda path: read(readable[path]),
            lambda line: inspection.on_tick(),
        )  # fmt: skip
    except MMError as error:
        failures.add(category.inspected, f"No inspector can be fitted for the category '{category.label}': {error}")
        return None
    return _Fitted(inspector, float(np.median(brightness)), len(good))


def read_mask(item: SetItem, shape: tuple[int, ...]) -> Mask | None:
    """All marked pixels of an image of this (height, width); None if a defect has no mark.

    Of a good image the mask is empty. Raises `InvalidInput` for a mask of another size.
    """
    union = np.zeros(shape, bool)
    for path in item.masks:
        mask = read_item_mask(path)
        if mask.shape != shape:
            sizes = [f"{size[1]} x {size[0]} pixels" for size in (mask.shape, shape)]
            raise InvalidInput(f"The mask {path.name} has {sizes[0]}, its image {sizes[1]}; both must be of one size.")
        union |= mask
    return union if union.any() or find_kind(item) == GOOD else None


def make_reader(read_file: Callable[[Path], RGB]) -> ReadImage:
    """Read an item; where colours mean nothing, as grey (H, W, 3)."""

    def read(item: SetItem) -> RGB:
        pixels = read_file(item.path or Path())
        if not item.is_grey:
            return pixels
        grey_HW = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)  # as Pillow converts to `L`
        return np.repeat(grey_HW[..., None], 3, axis=2)

    return read
