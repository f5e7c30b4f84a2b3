"""Marks of the command line: what they are of, and teaching an inspector from all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mm.cli.inspector_choice import open_inspector
from mm.errors import InvalidInput, NotFound
from mm.inspection.good_list import read_good_list
from mm.inspection.inspector_file import require_patches
from mm.inspection.marks.promote import promote
from mm.inspection.marks.store import MarkStore
from mm.inspection.marks.teach import teach
from mm.inspection.marks.types import Mark, MarkVerdict, Polygon
from mm.inspection.report.outcomes import name_frame
from mm.inspection.runs import Run, open_run
from mm.inspection.store import InspectorStore
from mm.media import MediaReader

if TYPE_CHECKING:
    from mm.cli.progress import ProgressCallback
    from mm.media.types import RGB
    from mm.schemas import InspectionRecord, InspectionVerdict
    from mm.settings import Settings

FRAME = "@"
"""Separates the path of a video from the seconds of a frame in the image of a mark."""


@dataclass(frozen=True, slots=True)
class MarkedImage:
    """The image of a mark, its size (height, width), and what a version said of it."""

    image: str
    size: tuple[int, int]
    inspected: InspectionVerdict
    version: int


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A mark in force, as `mm inspect mark --list` prints it."""

    id: str
    verdict: str
    kind: str
    inspected: str
    num_outlines: int
    image: str
    document: Mapping[str, object]
    """The whole mark as values of JSON."""


@dataclass(frozen=True, slots=True)
class Taught:
    """The version that teaching stored, and the comparison in sentences."""

    version: int
    is_current: bool
    statement: str


class Marking:
    """Marks the images of a run, or of an inspector without a run."""

    def __init__(self, target: str, settings: Settings) -> None:
        """`target` is the id or the folder of a run, or the name of an inspector.

        Raises `NotFound` when it is none of them.
        """
        self._settings = settings
        self._run = _find_run(target, settings)
        self.inspector = target if self._run is None else self._run.info.inspector
        try:
            InspectorStore(settings.root).get(self.inspector)
        except (NotFound, InvalidInput) as error:
            raise NotFound(f"There is no run and no inspector {target}; `mm inspect list` shows them.") from error

    def add(
        self, image: str, verdict: MarkVerdict, polygons: Sequence[Polygon], kind: str | None, group: str | None, author: str
    ) -> str:
        """Store a mark and return its id. Raises as `Mark` and as the reader of the image."""
        marked = self._find(image)
        mark = Mark(
            marked.image,
            verdict,
            tuple(polygons),
            size=marked.size,
            kind=kind,
            group=group,
            inspected=marked.inspected,
            version=marked.version,
            author=author,
        )
        return MarkStore(self._settings.root).add(self.inspector, mark)

    def undo(self, mark_id: str, author: str) -> tuple[str, str]:
        """Withdraw a mark; return its verdict and image. Raises `NotFound`."""
        mark = MarkStore(self._settings.root).undo(self.inspector, mark_id, author)
        return mark.verdict, mark.image

    def list_marks(self) -> list[MarkRow]:
        """The marks in force of the inspector."""
        return [
            MarkRow(
                mark.mark_id, mark.verdict, mark.kind or "", mark.inspected or "", len(mark.polygons), mark.image,
                {"id": mark.mark_id, **mark.to_json()},
            )
            for mark in MarkStore(self._settings.root).list_marks(self.inspector)
        ]  # fmt: skip

    def teach(self, report: ProgressCallback) -> Taught:
        """Teach the current version from all marks; the new version is used if it is better.

        Raises as `teach` and `read_good_list`.
        """
        settings = self._settings
        inspector = require_patches(open_inspector(self.inspector, settings))
        good = read_good_list(settings.root, self.inspector, inspector.version)
        marks = MarkStore(settings.root).list_marks(self.inspector)
        with MediaReader.from_settings(settings) as reader:
            candidate = teach(
                inspector,
                good,
                marks,
                lambda image: open_marked(image, reader),
                lambda path: reader.image(path, str(path)),
                on_progress=lambda line: report(0.0, line),
            )
        promotion = promote(InspectorStore(settings.root), candidate)
        return Taught(promotion.inspector.version, promotion.is_current, promotion.statement)

    def _find(self, image: str) -> MarkedImage:
        if self._run is not None:
            record = find_record(self._run, image)
            path = self._run.find_path(record).resolve()
            return MarkedImage(name_image(path, record.start), (record.height, record.width), record.verdict, record.version)
        path = Path(image).resolve()
        with MediaReader.from_settings(self._settings) as reader:
            pixels_HWC = reader.image(path, image)
        inspector = open_inspector(self.inspector, self._settings)
        verdict = inspector.inspect(pixels_HWC).verdict
        return MarkedImage(name_image(path, None), (pixels_HWC.shape[0], pixels_HWC.shape[1]), verdict, inspector.version)


def find_record(run: Run, image: str) -> InspectionRecord:
    """The record of a run by its image, by the name of its file, or, of a video, `IMAGE@SECONDS`.

    Raises `NotFound` without one, and `InvalidInput` when several have that name.
    """
    found = [record for record in run.records if image in _list_names(record)]
    exact = [record for record in found if image == name_frame(record)]
    if len(exact or found) > 1:
        names = ", ".join(name_frame(record) for record in found[:3])
        raise InvalidInput(f"{image} is the name of {len(found)} images of the run: {names}. Name one of them.")
    if not found:
        raise NotFound(f"The run {run.info.id} has no image {image}.")
    return (exact or found)[0]


def name_image(image: str | Path, start: float | None) -> str:
    """The name of an image, or of a frame of a video at `start` seconds, in marks."""
    return str(image) if start is None else f"{image}{FRAME}{start:g}"


def open_marked(image: str, reader: MediaReader) -> RGB:
    """The image of a mark, or the frame of a video. Raises `NotFound`, and as the reader."""
    path, _, seconds = image.rpartition(FRAME)
    if not Path(image).is_file() and Path(path).is_file():
        return reader.frame_at(Path(path), image, float(seconds))
    return reader.image(Path(image), image)


def parse_polygon(text: str) -> Polygon:
    """Corners `X,Y X,Y X,Y` in pixels. Raises `InvalidInput`."""
    try:
        corners = [corner.split(",") for corner in text.split()]
        return tuple((float(x), float(y)) for x, y in corners)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no polygon; write its corners in pixels, as in '10,10 80,10 80,40'.") from error


def _list_names(record: InspectionRecord) -> tuple[str, ...]:
    image = record.image
    return (image, Path(image).name, name_frame(record), name_image(Path(image).name, record.start))


def _find_run(target: str, settings: Settings) -> Run | None:
    try:
        return open_run(settings.root, target)
    except NotFound:
        return None
