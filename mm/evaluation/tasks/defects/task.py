"""Defects of parts: an inspector is fitted on good images of each category, and inspects others.

Measures as MVTec AD has them: image AUROC, pixel AUROC and PRO (Bergmann et al. 2019, 2020), each
the mean over the categories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mm.data.captioned_images import read_image
from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput
from mm.evaluation.features.slices import Progress
from mm.evaluation.runs.signature import describe_code
from mm.evaluation.runs.types import Outcome
from mm.evaluation.tasks.defects.categories import GOOD, find_kind, list_categories
from mm.evaluation.tasks.defects.inspection import (
    Failures,
    InspectedCategory,
    Inspection,
    choose_good,
    inspect_category,
    make_reader,
)
from mm.evaluation.tasks.defects.measures import measure_categories
from mm.evaluation.tasks.defects.options import DefectOptions
from mm.evaluation.tasks.defects.progress import Keeper
from mm.evaluation.tasks.notes import list_notes
from mm.evaluation.tasks.types import Method, TaskInput
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.load import load_backbone

GRAPHS = Path("cache") / "graphs"
"""Below the home folder."""


@dataclass(frozen=True, slots=True)
class Defects:
    """Image AUROC, pixel AUROC and PRO of the patch inspector."""

    load: Callable[[str, Path], Backbone] = load_backbone
    name = "defects"
    needs_train = True
    needs_features = False
    tokenizer = ""

    def references(self, data: EvaluationSet) -> str:
        num_defective = sum(find_kind(item) != GOOD for item in data.present)
        return f"{num_defective} defective images, {sum(len(item.masks) for item in data.present)} masks"

    def find_method(self, given: TaskInput) -> Method:
        """The inspector with its options. Raises as `measure`."""
        options = DefectOptions.parse(given.options)
        backbone = self.load(options.settings.backbone, given.settings.root / GRAPHS)
        return Method(options.describe(), {backbone.name: backbone.digest})

    def prepare(self, given: TaskInput) -> None:
        """Inspect images beside other processes. Raises as `measure`."""
        with self._inspect(given, is_measured=False):
            pass

    def measure(self, given: TaskInput) -> Outcome:
        """Measure with the options `backbone`, `fine`, `good`, `longest` and `seed`.

        Raises `InvalidInput` for another option, for a split whose images are fitted on, and where
        no category has good images to fit on and images of both sides to inspect.
        """
        with self._inspect(given, is_measured=True) as (inspected, failures):
            measured = measure_categories(inspected, given.root)
        return Outcome(
            title=_describe(inspected),
            measures=measured.measures,
            items=measured.items,
            breakdowns=measured.breakdowns,
            failed=failures.items,
            notes=[*_list_notes(inspected), *list_notes(given.data)],
        )

    @contextmanager
    def _inspect(self, given: TaskInput, *, is_measured: bool) -> Iterator[tuple[list[InspectedCategory], Failures]]:
        """Inspect what other processes have not; if it is measured, all categories that can be.

        What is kept is deleted when it was measured without an error.
        """
        options = DefectOptions.parse(given.options)
        if given.train is None:
            raise InvalidInput("An inspector needs the split train.")
        categories = list_categories(given.data, given.train)
        backbone = self.load(options.settings.backbone, given.settings.root / GRAPHS)
        read = make_reader(lambda path: given.reader.image(path, path.name) if given.reader else read_image(path))
        failures = Failures(given.strict)
        keeper = Keeper(
            given.settings.root, given.cache, f"{describe_code()}|{options.describe()}|{backbone.digest}|{given.data.name}"
        )
        total, done, reused = sum(len(category.inspected) for category in categories), 0, 0

        def tick() -> None:
            keeper.extend()
            given.on_tick()

        def count_item(was_kept: bool) -> None:
            nonlocal done, reused
            done, reused = done + 1, reused + was_kept
            tick()
            given.on_progress(Progress(done, total, reused, len(failures.items), "inspected"))

        inspection = Inspection(options, backbone, read, failures, count_item, tick)
        is_done = False
        try:
            chosen = [choose_good(category, options) for category in categories]
            # All are opened first, so that no other process deletes those that are read later.
            opened = [keeper.open(good, category.inspected) for category, good in zip(categories, chosen, strict=True)]
            inspected = [
                found
                for category, good, results in zip(categories, chosen, opened, strict=True)
                if (found := inspect_category(category, good, inspection, results, is_counted=is_measured)) is not None
            ]
            if is_measured and not inspected:
                reason = f": {failures.items[-1].reason}" if failures.items else "."
                raise InvalidInput(f"No category of {given.data.name} can be measured in the split '{given.data.split}'{reason}")
            yield inspected, failures
            is_done = is_measured
        finally:
            keeper.close(is_measured=is_done)


def _describe(inspected: list[InspectedCategory]) -> str:
    num_defective = sum(int(category.is_defective_N.sum()) for category in inspected)
    num_images = sum(len(category.items) for category in inspected)
    fitted = sum(category.num_good for category in inspected)
    of = f" of {len(inspected)} categories" if len(inspected) > 1 else ""
    return f"{num_images - num_defective:,} good and {num_defective:,} defective images{of}, fitted on {fitted:,} good ones"


def _list_notes(inspected: list[InspectedCategory]) -> list[str]:
    notes = []
    if num_unmarked := sum(len(category.items) - len(category.marked_M) for category in inspected):
        what = "they count for the measures of images, not for those of pixels."
        notes.append(f"{num_unmarked} defective images have no marked pixel: {what}")
    if few := [category.name for category in inspected if not category.is_rate_reachable]:
        of = f" of {', '.join(few)}" if any(few) else ""
        notes.append(f"The good images{of} have too few groups for the promised rate: none fails, and no defect is found at it.")
    return notes
