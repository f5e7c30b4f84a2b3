"""Fits an inspector on a category and inspects its images; what cannot be read is left out.

Heat maps and masks are kept in files until they are counted, so that memory does not depend on the
number of images, and a killed run continues (`progress`). Names of arrays end in their axes: N
images, M marked ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.data.inspection.types import choose_images, read_item_mask
from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, MMError
from mm.evaluation.runs.types import FailedItem
from mm.evaluation.tasks.defects.categories import GOOD, Category, find_kind, to_marked_image
from mm.evaluation.tasks.defects.options import DefectOptions
from mm.evaluation.tasks.defects.progress import Keeper, KeptImage
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
        if items and self.is_strict:
            raise InvalidInput(f"{items[0].id}: {reason} Without `--strict` such files are counted and left out.")
        self.items += [FailedItem(id=item.id, reason=reason) for item in items]


def inspect_category(
    category: Category, options: DefectOptions, backbone: Backbone, read: ReadImage, keeper: Keeper, failures: Failures,
    on_item: Callable[[bool], None], on_tick: Callable[[], None],
) -> InspectedCategory | None:  # fmt: skip
    """Fit and inspect; None if nothing can be fitted, or good and defective images are not left.

    `on_item` is called after each inspected image, with whether an interrupted run had inspected
    it, and `on_tick` often; it may raise to stop the work. Raises `InvalidInput` for fewer good
    images than the options demand, `StorageFull`, and as `Failures.add`.
    """
    chosen = _choose(category, options)
    results = keeper.open(chosen, category.inspected)
    if (finished := results.read_finished()) is not None:
        return _restore(category, finished, failures, on_item)
    earlier = len(failures.items)
    fitted = _fit(category, chosen, options, backbone, read, failures, on_tick)
    if fitted is None:
        return None
    inspector, brightness, num_good = fitted
    items: list[SetItem] = []
    images: list[KeptImage] = []
    for item in category.inspected:
        kept = results.get(item)
        was_kept = kept is not None
        if kept is None:
            try:
                pixels = read(item)
                mask = read_mask(item, pixels.shape[:2])
                result = inspector.inspect(pixels)
            except MMError as error:
                failures.add([item], str(error))
            else:
                kept = KeptImage(result.score, result.p_value, float(pixels.mean()), mask is not None)
                results.add(item, kept, result.heat_HW, mask)
        if kept is not None:
            items.append(item)
            images.append(kept)
        on_item(was_kept)
    kinds = {find_kind(item) == GOOD for item in items}
    if len(kinds) < 2:
        lacking = "defective" if True in kinds else "good"
        failures.add(items, f"The category '{category.label}' has no {lacking} image that can be inspected.")
        return None
    marked = [index for index, kept in enumerate(images) if kept.is_marked]
    has_marks = any(find_kind(items[index]) != GOOD for index in marked)
    inspected = InspectedCategory(
        category.name, num_good, tuple(items), np.array([kept.score for kept in images]),
        np.array([kept.p_value for kept in images]), np.array([abs(kept.brightness - brightness) for kept in images]),
        np.array(marked, np.int64), count_pixels(*results.maps([items[index] for index in marked])) if has_marks else None,
        inspector.threshold.is_reachable,
    )  # fmt: skip
    results.finish(_pack(inspected, failures.items[earlier:]))
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


def _restore(
    category: Category, arrays: dict[str, npt.NDArray[Any]], failures: Failures, on_item: Callable[[bool], None]
) -> InspectedCategory:
    """The inverse of `_pack`."""
    described = json.loads(arrays["described"].tobytes())
    of_id = {item.id: item for item in category.inspected}
    named = {item.id: item for item in (*category.good, *category.inspected)}
    for item_id, reason in described["failed"]:
        failures.add([named[item_id]], reason)
    for _ in category.inspected:
        on_item(True)
    pixels = PixelCounts(*(arrays[name] for name in _PIXEL_ARRAYS)) if "normal_NL" in arrays else None
    return InspectedCategory(
        category.name, described["num_good"], tuple(of_id[item_id] for item_id in described["items"]),
        arrays["score_N"], arrays["p_value_N"], arrays["unusual_N"], arrays["marked_M"], pixels, described["is_rate_reachable"],
    )  # fmt: skip


def _fit(
    category: Category, chosen: Sequence[SetItem], options: DefectOptions, backbone: Backbone, read: ReadImage,
    failures: Failures, on_tick: Callable[[], None],
) -> tuple[Inspector, float, int] | None:  # fmt: skip
    """The inspector, the median brightness of its good images, and their number."""
    readable: dict[Path, SetItem] = {}
    brightness = []
    for item in chosen:
        try:
            brightness.append(float(read(item).mean()))
        except MMError as error:
            failures.add([item], f"The good image cannot be fitted on: {error}")
        else:
            readable[item.path or Path()] = item
        on_tick()
    if not readable:
        failures.add(category.inspected, f"There is no good image of the category '{category.label}' to fit an inspector on.")
        return None
    good = [GoodImage(path, item.group) for path, item in readable.items()]
    try:
        inspector = fit_inspector(
            good, "evaluation", backbone, options.settings, lambda path: read(readable[path]), lambda line: on_tick()
        )
    except MMError as error:
        failures.add(category.inspected, f"No inspector can be fitted for the category '{category.label}': {error}")
        return None
    return inspector, float(np.median(brightness)), len(good)


def _choose(category: Category, options: DefectOptions) -> list[SetItem]:
    if not options.num_good or not category.good:
        return list(category.good)
    if options.num_good > len(category.good):
        raise InvalidInput(f"The category '{category.label}' has {len(category.good)} good images, not {options.num_good}.")
    of_path = {item.path: item for item in category.good}
    chosen = choose_images([to_marked_image(item) for item in category.good], options.num_good, options.settings.seed)
    return [of_path[image.path] for image in chosen]


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
