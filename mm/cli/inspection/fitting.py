"""Fits an inspector on image files and stores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from mm.cli.progress import ProgressCallback
from mm.errors import InvalidInput
from mm.inspection.features.framing import Framing
from mm.inspection.features.load import load_backbone
from mm.inspection.fit import fit_inspector
from mm.inspection.good_list import write_good_list
from mm.inspection.inspector import FittedInspector
from mm.inspection.logical.fit import fit_logical
from mm.inspection.logical.regions import parse_regions
from mm.inspection.logical.settings import LogicalSettings
from mm.inspection.selection.choose import choose_settings
from mm.inspection.settings import FitSettings
from mm.inspection.store import InspectorStore
from mm.inspection.template.fit import fit_template
from mm.inspection.template.settings import TemplateSettings
from mm.media import MediaReader

if TYPE_CHECKING:
    from pathlib import Path

    from mm.inspection.features.backbone import Backbone
    from mm.inspection.good_pixels import ReadImage
    from mm.inspection.inspector_file import AnyInspector
    from mm.inspection.logical.inspector import LogicalInspector
    from mm.inspection.template.inspector import TemplateInspector
    from mm.inspection.types import GoodImage
    from mm.media.types import RGB
    from mm.settings import Settings

CHOICES = (("imagenet", 256), ("imagenet", 384), ("lite", 256), ("lite", 384))
"""Backbones and longer sides that `--choose` compares."""
STEPS_PER_IMAGE = 2
"""Passes of a fit over the images: patches, and held-out scores."""
MAX_REGIONS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FitOptions:
    """The options of `mm inspect fit`; those of other modes are ignored."""

    mode: Literal["patches", "template", "logical"] = "patches"
    rate: float = 0.05
    size: int | None = 256
    """Pixels of the longer side; None for the resolution of the images."""
    has_rotations: bool = False
    has_registration: bool | None = None
    """None: not for patches, and for the other modes."""
    backbone: str = "imagenet"
    choose: bool = False
    conductor: Literal["dark", "light"] | None = None
    tolerance_px: float = 2.0
    regions: Path | None = None
    seed: int = 0
    has_fine_patches: bool = False
    has_rendered_cracks: bool = False

    def make_fit_settings(self) -> FitSettings:
        """The settings of the mode patches. Raises `InvalidInput`."""
        return FitSettings(
            backbone=self.backbone,
            framing=Framing(longest=self.size),
            has_rotations=self.has_rotations,
            has_fine_patches=self.has_fine_patches,
            has_rendered_cracks=self.has_rendered_cracks,
            has_registration=bool(self.has_registration),
            rate=self.rate,
            seed=self.seed,
        )

    def make_mode_settings(self) -> FitSettings | TemplateSettings | LogicalSettings:
        """The settings of the mode, without the regions of `logical`. Raises `InvalidInput`."""
        match self.mode:
            case "patches":
                return self.make_fit_settings()
            case "template":
                return TemplateSettings(
                    conductor=self.conductor,
                    tolerance_px=self.tolerance_px,
                    has_registration=self.has_registration is not False,
                    rate=self.rate,
                    seed=self.seed,
                )
            case "logical":
                return LogicalSettings(
                    backbone=self.backbone,
                    has_registration=self.has_registration is not False,
                    rate=self.rate,
                    seed=self.seed,
                )

    def read_regions(self) -> str:
        """The JSON text of the regions of the mode `logical`. Raises `InvalidInput`."""
        if self.regions is None:
            raise InvalidInput("The mode logical needs a file of regions.")
        if self.regions.stat().st_size > MAX_REGIONS_BYTES:
            raise InvalidInput(f"{self.regions} is larger than {MAX_REGIONS_BYTES} bytes: it is no list of regions.")
        return self.regions.read_text(encoding="utf-8", errors="replace")

    @staticmethod
    def describe(settings: FitSettings | TemplateSettings | LogicalSettings) -> str:
        """The main settings of a fit in one line."""
        aligned = ["aligned"] if settings.has_registration else []
        if isinstance(settings, TemplateSettings):
            copper = f"{settings.conductor} copper" if settings.conductor else "print"
            return ", ".join(["template", copper, f"tolerance {settings.tolerance_px:g} px", *aligned])
        if isinstance(settings, LogicalSettings):
            return ", ".join(["logical", settings.backbone, *aligned])
        framing = settings.framing
        size = f"{framing.longest} px" if framing.longest is not None else f"native resolution x {framing.factor:g}"
        directions = ["four directions"] if settings.has_rotations else []
        score = "rendered cracks" if settings.has_rendered_cracks else f"largest {settings.share:.1%} of the patches"
        return ", ".join([settings.backbone, size, score, *directions, *aligned])


class Fitting:
    """Fits and stores an inspector; the images are decoded in the sandbox."""

    def __init__(self, settings: Settings, report: ProgressCallback) -> None:
        self._settings, self._report = settings, report

    def fit(self, name: str, images: Sequence[GoodImage], options: FitOptions) -> AnyInspector:
        """Fit, and store the next version of `name` with the list of its images.

        Raises as the function of the mode and the reader; nothing is stored then.
        """
        with MediaReader.from_settings(self._settings) as reader:

            def read(path: Path) -> RGB:
                return reader.image(path, str(path))

            store = InspectorStore(self._settings.root)
            stored: AnyInspector
            match options.mode:
                case "patches":
                    stored = store.add(self._fit_patches(name, images, options, read))
                case "template":
                    stored = store.add(self._fit_template(name, images, options, read))
                case "logical":
                    stored = store.add(self._fit_logical(name, images, options, read))
        write_good_list(self._settings.root, name, stored.version, images)
        return stored

    def _fit_patches(self, name: str, images: Sequence[GoodImage], options: FitOptions, read: ReadImage) -> FittedInspector:
        settings = options.make_fit_settings()
        if options.choose:
            settings = self._choose(images, settings, read)
        count = _Counter(STEPS_PER_IMAGE * len(images), self._report)
        return fit_inspector(images, name, self._load(settings.backbone), settings, read, count.add)

    def _fit_template(self, name: str, images: Sequence[GoodImage], options: FitOptions, read: ReadImage) -> TemplateInspector:
        settings = options.make_mode_settings()
        assert isinstance(settings, TemplateSettings)
        return fit_template(images, name, settings, read, _Counter(STEPS_PER_IMAGE * len(images), self._report).add)

    def _fit_logical(self, name: str, images: Sequence[GoodImage], options: FitOptions, read: ReadImage) -> LogicalInspector:
        regions = parse_regions(options.read_regions())
        settings = options.make_mode_settings()
        assert isinstance(settings, LogicalSettings)
        needs_backbone = any(region.count is None for region in regions)
        backbone = self._load(options.backbone) if needs_backbone else None
        return fit_logical(images, name, regions, backbone, settings, read, _Counter(len(images), self._report).add)

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
