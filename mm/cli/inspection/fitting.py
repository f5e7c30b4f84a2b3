"""Fits an inspector on image files and stores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mm.cli.progress import ProgressCallback
from mm.inspection.features.framing import Framing
from mm.inspection.features.load import load_backbone
from mm.inspection.fit import fit_inspector
from mm.inspection.good_list import write_good_list
from mm.inspection.selection.choose import choose_settings
from mm.inspection.settings import FitSettings
from mm.inspection.store import InspectorStore
from mm.media import MediaReader

if TYPE_CHECKING:
    from pathlib import Path

    from mm.inspection.features.backbone import Backbone
    from mm.inspection.good_pixels import ReadImage
    from mm.inspection.inspector import FittedInspector
    from mm.inspection.types import GoodImage
    from mm.media.types import RGB
    from mm.settings import Settings

CHOICES = (("imagenet", 256), ("imagenet", 384), ("lite", 256), ("lite", 384))
"""Backbones and longer sides that `--choose` compares."""


STEPS_PER_IMAGE = 2
"""Passes of a fit over the images: patches, and held-out scores."""


class Fitting:
    """Fits and stores an inspector; the images are decoded in the sandbox."""

    def __init__(self, settings: Settings, report: ProgressCallback) -> None:
        self._settings, self._report = settings, report

    def fit(self, name: str, images: Sequence[GoodImage], options: FitSettings, *, choose: bool) -> FittedInspector:
        """Fit, and store the next version of `name` with the list of its images.

        Raises as `fit_inspector` and the reader; nothing is stored then.
        """
        with MediaReader.from_settings(self._settings) as reader:

            def read(path: Path) -> RGB:
                return reader.image(path, str(path))

            if choose:
                options = self._choose(images, options, read)
            count = _Counter(STEPS_PER_IMAGE * len(images), self._report)
            inspector = fit_inspector(images, name, self._load(options.backbone), options, read, count.add)
        stored = InspectorStore(self._settings.root).add(inspector)
        write_good_list(self._settings.root, name, stored.version, images)
        return stored

    def _choose(self, images: Sequence[GoodImage], options: FitSettings, read: ReadImage) -> FitSettings:
        candidates = [replace(options, backbone=backbone, framing=Framing(longest=side)) for backbone, side in CHOICES]
        unique = list(dict.fromkeys([options, *candidates]))
        count = _Counter(len(unique), self._report)
        trials = choose_settings(images, unique, self._load, read, count.add)
        return trials[0].settings

    def _load(self, name: str) -> Backbone:
        return load_backbone(name, self._settings.root / "cache", threads=self._settings.threads)


class _Counter:
    """Turns the lines of progress into the share of the work that is done."""

    def __init__(self, total: int, report: ProgressCallback) -> None:
        self._total, self._report, self._count = total, report, 0

    def add(self, line: str) -> None:
        self._count += 1
        self._report(min(self._count / self._total, 1.0), line)
