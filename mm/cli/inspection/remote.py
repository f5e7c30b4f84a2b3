"""Fits and inspects with a service: uploads the files, starts the job, and waits for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mm.embedded.terminal import clean
from mm.errors import InvalidInput, NotFound
from mm.schemas import InspectionRecord, InspectorVersion

if TYPE_CHECKING:
    from mm.cli.inspection.fitting import FitOptions
    from mm.cli.progress import Progress
    from mm.client import Client
    from mm.inspection.types import GoodImage

PAGE = 200
MAX_GROUP = 200
"""Characters of a group that the service takes; of a longer path its end is used."""


@dataclass(slots=True)
class RemoteRun:
    """An inspection of a service, with its results and the reasons of what could not be read."""

    run_id: str
    inspector: str
    version: int
    records: list[InspectionRecord] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class RemoteInspecting:
    """The commands fit and run with a service."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client, self._progress = client, progress

    def fit(self, name: str, images: Sequence[GoodImage], options: FitOptions) -> tuple[InspectorVersion, int]:
        """Upload good images, fit a version on all examples of the inspector, and wait for it.

        Returns the version and the number of examples that were there before. Raises
        `InvalidInput` for options that a service does not take, and as the client.
        """
        if options.mode != "patches" or options.choose:
            raise InvalidInput("A service fits the mode patches, without --choose. Leave out --url to fit here.")
        ids = self._upload([Path(str(image.image)) for image in images])
        groups = {ids[Path(str(image.image))]: image.group[-MAX_GROUP:] for image in images}
        settings = json.loads(json.dumps(asdict(options.make_fit_settings())))  # lists instead of tuples
        inspectors = self._client.inspectors
        try:
            earlier = inspectors.get(name).num_examples
        except NotFound:
            inspectors.create(name, settings=settings)
            earlier = 0
        total = inspectors.add_examples(name, groups).total
        with self._progress.task(clean(name)) as report:
            inspectors.fit(name, settings=settings, wait=True, on_progress=report)
        return inspectors.versions(name)[-1], min(earlier, total - len(groups)) if total > len(groups) else 0

    def run(
        self, name: str, files: Sequence[Path], *, version: int | None, scale: str | None, rate: float | None, fps: float
    ) -> RemoteRun:
        """Upload files, inspect them, and wait. Records have the paths of the files as images."""
        ids = self._upload(files)
        paths = {item: str(path) for path, item in ids.items()}
        inspections = self._client.inspections
        with self._progress.task(clean(name)) as report:
            run = inspections.start(
                name, list(paths), version=version, scale=scale, rate=rate, fps=fps, wait=True, on_progress=report
            )
        found = RemoteRun(run.id, run.inspector, run.version)
        cursor: str | None = None
        while True:
            page = inspections.results(run.id, cursor=cursor, limit=PAGE)
            found.records += [
                result.record.model_copy(update={"image": paths.get(result.item_id, result.item_name)}) for result in page.results
            ]
            if (cursor := page.next) is None:
                break
        found.errors = self._list_errors(run.id, paths)
        return found

    def _list_errors(self, run_id: str, paths: dict[str, str]) -> list[str]:
        errors: list[str] = []
        cursor: str | None = None
        while True:
            page = self._client.inspections.failures(run_id, cursor=cursor)
            errors += [f"{paths.get(failure.item, failure.item)}: {failure.error}" for failure in page.failures]
            if (cursor := page.next) is None:
                return errors

    def _upload(self, files: Sequence[Path]) -> dict[Path, str]:
        """The id of the item of each file; a file that is in the library is not sent again."""
        ids = {}
        for path in files:
            with self._progress.task(clean(path.name)) as report:
                ids[path] = self._client.add(path, on_progress=report).item.id
        return ids
