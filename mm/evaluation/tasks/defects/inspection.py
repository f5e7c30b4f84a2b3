"""Fits an inspector on a category and inspects its images; what cannot be read is left out.

Heat maps and masks are kept in a temporary folder until they are counted, so that memory does not
depend on the number of images. Names of arrays end in their axes: N images, M marked ones.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from mm.data.inspection.types import choose_images, read_item_mask
from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, MMError, StorageFull
from mm.evaluation.runs.types import FailedItem
from mm.evaluation.tasks.defects.categories import GOOD, Category, find_kind, to_marked_image
from mm.evaluation.tasks.defects.options import DefectOptions
from mm.inspection.features.backbone import Backbone
from mm.inspection.fit import fit_inspector
from mm.inspection.types import GoodImage, Inspector
from mm.media.types import RGB
from mm.metrics.inspection.pixel_counts import PixelCounts, count_pixels
from mm.metrics.inspection.regions import Heat, Mask
from mm.numerics import Float64

Array = TypeVar("Array", bound="npt.NDArray[Any]")
ReadImage = Callable[[SetItem], RGB]


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
    category: Category, options: DefectOptions, backbone: Backbone, read: ReadImage, folder: Path, failures: Failures,
    on_item: Callable[[], None], on_tick: Callable[[], None],
) -> InspectedCategory | None:  # fmt: skip
    """Fit and inspect; None if nothing can be fitted, or good and defective images are not left.

    `on_item` is called after each inspected image, `on_tick` often; it may raise to stop the work.
    Temporary files are written below `folder`. Raises `InvalidInput` for fewer good images than
    the options demand, `StorageFull`, and as `Failures.add`.
    """
    fitted = _fit(category, options, backbone, read, failures, on_tick)
    if fitted is None:
        return None
    inspector, brightness, num_good = fitted
    items: list[SetItem] = []
    scores, p_values, unusual, marked = [], [], [], []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="heat-maps-", dir=folder) as name:
        heats, masks = StoredArrays[Heat](Path(name), "heat"), StoredArrays[Mask](Path(name), "mask")
        for item in category.inspected:
            try:
                pixels = read(item)
                mask = read_mask(item, pixels.shape[:2])
                result = inspector.inspect(pixels)
            except MMError as error:
                failures.add([item], str(error))
            else:
                if mask is not None:
                    marked.append(len(items))
                    heats.append(result.heat_HW)
                    masks.append(mask)
                items.append(item)
                scores.append(result.score)
                p_values.append(result.p_value)
                unusual.append(abs(float(pixels.mean()) - brightness))
            on_item()
        kinds = {find_kind(item) == GOOD for item in items}
        if len(kinds) < 2:
            lacking = "defective" if True in kinds else "good"
            failures.add(items, f"The category '{category.label}' has no {lacking} image that can be inspected.")
            return None
        has_marks = any(find_kind(items[index]) != GOOD for index in marked)
        pixel_counts = count_pixels(heats, masks) if has_marks else None
    return InspectedCategory(
        category.name, num_good, tuple(items), np.array(scores), np.array(p_values), np.array(unusual),
        np.array(marked, np.int64), pixel_counts, inspector.threshold.is_reachable,
    )  # fmt: skip


def _fit(
    category: Category, options: DefectOptions, backbone: Backbone, read: ReadImage, failures: Failures,
    on_tick: Callable[[], None],
) -> tuple[Inspector, float, int] | None:  # fmt: skip
    """The inspector, the median brightness of its good images, and their number."""
    readable: dict[Path, SetItem] = {}
    brightness = []
    for item in _choose(category, options):
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


class StoredArrays(Sequence[Array], Generic[Array]):
    """Arrays in files of a folder, mapped to memory at each access."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name, self._count = folder, name, 0

    def append(self, array: Array) -> None:
        """Raises `StorageFull`."""
        try:
            np.save(self._path(self._count), array, allow_pickle=False)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise StorageFull(
                f"Heat maps cannot be written to {self._folder}: {error}. Free space, then run it again."
            ) from error
        self._count += 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | list[Array]:
        if isinstance(index, slice):
            return [self._load(number) for number in range(*index.indices(self._count))]
        return self._load(index)

    def __iter__(self) -> Iterator[Array]:
        return (self._load(number) for number in range(self._count))

    def _load(self, number: int) -> Array:
        if not 0 <= number < self._count:
            raise IndexError(number)
        array: Array = np.load(self._path(number), mmap_mode="r", allow_pickle=False)
        return array

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number}.npy"


def make_reader(read_file: Callable[[Path], RGB]) -> ReadImage:
    """Read an item; where colours mean nothing, as grey (H, W, 3)."""

    def read(item: SetItem) -> RGB:
        pixels = read_file(item.path or Path())
        if not item.is_grey:
            return pixels
        grey_HW = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)  # as Pillow converts to `L`
        return np.repeat(grey_HW[..., None], 3, axis=2)

    return read
