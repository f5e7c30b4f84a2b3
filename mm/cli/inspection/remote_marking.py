"""Marks results of a service, and teaches its inspectors from all marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mm.cli.inspection.marking import MarkRow, Taught, name_image
from mm.cli.inspection.remote_runs import list_results
from mm.errors import InvalidInput, NotFound
from mm.inspection.marks.promote import describe_promotion
from mm.schemas import InspectionMark, InspectionResult, InspectionRun

if TYPE_CHECKING:
    from mm.cli.progress import ProgressCallback
    from mm.client import Client
    from mm.inspection.marks.types import MarkVerdict, Polygon


class RemoteMarking:
    """Marks the results of an inspection of a service, or files by an inspector of it."""

    def __init__(self, target: str, client: Client) -> None:
        """`target` is the id of an inspection or the name of an inspector. Raises `NotFound`."""
        self._client = client
        self._run: InspectionRun | None = None
        try:
            self._run = client.inspections.get(target)
            self.inspector = self._run.inspector
        except NotFound:
            try:
                self.inspector = client.inspectors.get(target).name
            except NotFound as error:
                raise NotFound(f"There is no run and no inspector {target}; `mm inspect list` shows them.") from error

    def add(
        self, image: str, verdict: MarkVerdict, polygons: Sequence[Polygon], kind: str | None, group: str | None, author: str
    ) -> str:
        """Store a mark and return its id. A file is uploaded and inspected first.

        Raises `InvalidInput` with an author: a service stores the key that marks.
        """
        self._refuse_author(author)
        result = self._find(image)
        mark = self._client.inspections.mark(result.inspection_id, result.id, verdict, polygons=polygons, kind=kind, group=group)
        return mark.id

    def undo(self, mark_id: str, author: str) -> tuple[str, str]:
        """Withdraw a mark; return its verdict and image. Raises `NotFound`, and as `add`."""
        self._refuse_author(author)
        found = [mark for mark in self._list() if mark.id == mark_id]
        self._client.inspectors.undo_mark(self.inspector, mark_id)
        return (found[0].verdict, found[0].image) if found else ("", "")

    def list_marks(self) -> list[MarkRow]:
        """The marks in force of the inspector."""
        return [
            MarkRow(
                mark.id, mark.verdict, mark.kind or "", mark.inspected or "", len(mark.polygons), mark.image,
                mark.model_dump(mode="json"),
            )
            for mark in self._list()
        ]  # fmt: skip

    def teach(self, report: ProgressCallback) -> Taught:
        """Teach by all marks in force, and wait. Raises `Conflict` with the reason of a failure."""
        job = self._client.inspectors.teach(self.inspector, wait=True, on_progress=report).job
        (version,) = [found for found in self._client.inspectors.versions(self.inspector) if found.job_id == job.id]
        comparison = str((version.comparison or {}).get("statement", ""))
        statement = describe_promotion(comparison, self.inspector, version.version, is_current=version.is_current)
        return Taught(version.version, version.is_current, statement)

    def _list(self) -> list[InspectionMark]:
        return self._client.inspectors.marks(self.inspector)

    def _find(self, image: str) -> InspectionResult:
        if self._run is not None:
            return find_result(list(list_results(self._client, self._run.id)), image, self._run.id)
        path = Path(image)
        if not path.is_file():
            raise NotFound(f"{image} is no file; name the id of an inspection to mark an image of it.")
        item = self._client.add(path).item
        run = self._client.inspections.start(self.inspector, [item.id], wait=True)
        results = list(list_results(self._client, run.id))
        if len(results) != 1:
            raise InvalidInput(f"{image} has {len(results)} results in the inspection {run.id}: name it, and one of its frames.")
        return results[0]

    def _refuse_author(self, author: str) -> None:
        if author:
            raise InvalidInput("A service stores which key marks: leave out --author.")


def find_result(results: Sequence[InspectionResult], image: str, run_id: str) -> InspectionResult:
    """The result of an image by the name or id of its item, or of a video `IMAGE@SECONDS`.

    The path of a file that was uploaded is its name. Raises `NotFound` and `InvalidInput`.
    """
    found = [result for result in results if {image, Path(image).name} & _list_names(result)]
    exact = [result for result in found if image in {result.item_id, name_image(result.item_id, result.record.start)}]
    if len(exact or found) > 1:
        names = ", ".join(name_image(result.item_id, result.record.start) for result in found[:3])
        raise InvalidInput(f"{image} is the name of {len(found)} images of the run: {names}. Name one of them.")
    if not found:
        raise NotFound(f"The run {run_id} has no image {image}.")
    return (exact or found)[0]


def _list_names(result: InspectionResult) -> set[str]:
    start = result.record.start
    return {result.item_id, result.item_name, name_image(result.item_id, start), name_image(result.item_name, start)}
