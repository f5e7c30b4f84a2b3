"""Fits and inspects with a service: uploads the files, starts the job, and waits for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mm.cli.inspection.remote_runs import list_failures, list_results
from mm.embedded.terminal import clean
from mm.errors import Conflict, InvalidInput, NotFound
from mm.inspection.logical.regions import parse_regions
from mm.schemas import InspectionRecord, InspectorVersion

if TYPE_CHECKING:
    from mm.cli.inspection.fitting import FitOptions
    from mm.cli.progress import Progress
    from mm.client import Client
    from mm.inspection.types import GoodImage

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
        `InvalidInput` for options that a service does not take, `Conflict` for an inspector of
        another mode, and as the client.
        """
        if options.choose:
            raise InvalidInput("A service fits without --choose. Leave out --url to fit here.")
        settings = json.loads(json.dumps(asdict(options.make_mode_settings())))  # lists instead of tuples
        if options.mode == "logical":
            settings["regions"] = _check_regions(options.read_regions())
        ids = self._upload([Path(str(image.image)) for image in images])
        groups = {ids[Path(str(image.image))]: image.group[-MAX_GROUP:] for image in images}
        inspectors = self._client.inspectors
        try:
            inspector = inspectors.get(name)
            if inspector.mode != options.mode:
                raise Conflict(f"The inspector {name} is of the mode {inspector.mode}; choose another name.")
            earlier = inspector.num_examples
        except NotFound:
            inspectors.create(name, mode=options.mode, settings=settings)
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
        found.records = [
            result.record.model_copy(update={"image": paths.get(result.item_id, result.item_name)})
            for result in list_results(self._client, run.id)
        ]
        found.errors = [f"{paths.get(each.item, each.item)}: {each.error}" for each in list_failures(self._client, run.id)]
        return found

    def _upload(self, files: Sequence[Path]) -> dict[Path, str]:
        """The id of the item of each file; a file that is in the library is not sent again."""
        ids = {}
        for path in files:
            with self._progress.task(clean(path.name)) as report:
                ids[path] = self._client.add(path, on_progress=report).item.id
        return ids


def _check_regions(text: str) -> object:
    """The regions as JSON, as the service takes them. Raises `InvalidInput`."""
    parse_regions(text)
    return json.loads(text)
