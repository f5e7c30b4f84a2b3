"""Reads inspections of a service as runs, for reports and exports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from mm.cli.inspection.settings_table import flatten_settings
from mm.errors import InvalidInput, NotFound
from mm.files import write_atomic
from mm.inspection.heat_maps import decode_heat_map
from mm.inspection.report.outcomes import name_frame
from mm.inspection.runs import RunFailure, RunInfo

if TYPE_CHECKING:
    from mm.client import Client
    from mm.inspection.report.outcomes import MarkVerdict
    from mm.media.reader import MediaReader
    from mm.media.types import RGB
    from mm.numerics import Float32
    from mm.schemas import InspectionFailure, InspectionRecord, InspectionResult, InspectionRun, ThresholdRecord

PAGE = 200


class ServiceRun:
    """An inspection of a service, with the methods of `mm.inspection.runs.Run`.

    Images are downloaded when they are opened, into `folder`.
    """

    def __init__(self, client: Client, run_id: str, folder: Path) -> None:
        """Read the results. Raises `NotFound`, and `InvalidInput` when there are none."""
        self._client, self._folder = client, folder
        try:
            run = client.inspections.get(run_id)
        except NotFound as error:
            raise NotFound(f"There is no run {run_id}; `mm inspect list --runs` shows the runs.") from error
        results = list(list_results(client, run.id))
        if not results:
            raise InvalidInput(f"The inspection {run.id} is {run.state} and has no results.")
        names = name_items(results)
        self._results = {(names[result.item_id], result.record.start): result for result in results}
        self.records = [result.record.model_copy(update={"image": names[result.item_id]}) for result in results]
        self.marks: dict[str, MarkVerdict] = {
            name_frame(record): result.marks[-1].verdict
            for record, result in zip(self.records, results, strict=True)
            if result.marks
        }
        self.info = self._describe(run, results[0].record.threshold)

    def open_image(self, record: InspectionRecord, reader: MediaReader) -> RGB:
        """The image of a record, or its frame. Raises as the client and the reader."""
        result = self._find(record)
        path = self._folder / result.item_id
        if not path.is_file():
            write_atomic(path, self._client.content(result.item_id), durable=False)
        if result.frame_time is None:
            return reader.image(path, record.image)
        return reader.frame_at(path, record.image, result.frame_time)

    def open_heat(self, record: InspectionRecord) -> Float32:
        """The heat map of a record. Raises as the client, `Corrupt`."""
        result = self._find(record)
        return decode_heat_map(self._client.inspections.heat_map(result.inspection_id, result.id))

    def _find(self, record: InspectionRecord) -> InspectionResult:
        return self._results[record.image, record.start]

    def _describe(self, run: InspectionRun, threshold: ThresholdRecord) -> RunInfo:
        try:
            versions = {version.version: version for version in self._client.inspectors.versions(run.inspector)}
        except NotFound:  # deleted meanwhile
            versions = {}
        version = versions.get(run.version)
        if version is not None and version.threshold is not None and run.rate == version.threshold.rate_requested:
            threshold = version.threshold  # with what marks add
        return RunInfo(
            id=run.id,
            inspector=run.inspector,
            version=run.version,
            created=run.created_at,
            scale=run.scale,
            settings={} if version is None else flatten_settings(version.settings),
            threshold=threshold,
            failures=[RunFailure(image=failure.item, error=failure.error) for failure in list_failures(self._client, run.id)],
            is_complete=run.state == "done",
        )


@contextmanager
def open_service_run(client: Client, run_id: str) -> Iterator[ServiceRun]:
    """A run whose downloads are deleted after the block. Raises as `ServiceRun`."""
    with TemporaryDirectory(prefix="mm-run-") as folder:
        yield ServiceRun(client, run_id, Path(folder))


def list_results(
    client: Client, run_id: str, verdict: Literal["pass", "fail", "undecided"] | None = None
) -> Iterator[InspectionResult]:
    """All results of an inspection, by ascending p-value."""
    cursor: str | None = None
    while True:
        page = client.inspections.results(run_id, verdict=verdict, cursor=cursor, limit=PAGE)
        yield from page.results
        if (cursor := page.next) is None:
            return


def list_failures(client: Client, run_id: str) -> Iterator[InspectionFailure]:
    """What an inspection could not read."""
    cursor: str | None = None
    while True:
        page = client.inspections.failures(run_id, cursor=cursor)
        yield from page.failures
        if (cursor := page.next) is None:
            return


def name_items(results: list[InspectionResult]) -> dict[str, str]:
    """The name of each item; with its id in front where several items have the name."""
    items = {result.item_id: result.item_name for result in results}
    names = list(items.values())
    return {item: name if names.count(name) == 1 else f"{item}/{name}" for item, name in items.items()}
