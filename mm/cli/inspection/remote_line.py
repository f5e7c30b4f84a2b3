"""Creates or continues a line of a service, and shows its verdicts as they occur."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from mm.cli.line_strip import open_strip
from mm.embedded.terminal import clean
from mm.errors import Conflict, InvalidInput, NotFound
from mm.inspection.types import Threshold
from mm.line.open import CAMERA_SCHEMES
from mm.line.store import make_config
from mm.line.types import LineCounts, PartRecord
from mm.schemas import LineInfo, LineRequest, LineSource

if TYPE_CHECKING:
    from mm.cli.line_strip import Strip
    from mm.cli.progress import ProgressCallback
    from mm.client import Client
    from mm.schemas import ThresholdRecord

POLL_SECONDS = 0.5
PAGE = 500
FINAL = frozenset({"stopped", "ended", "failed"})


def find_remote_source(client: Client, source: str, report: ProgressCallback, options: Mapping[str, object]) -> LineSource:
    """The source of a line of a service: a camera, a video, or a folder.

    A video file of this machine is uploaded; a text that is no file is the id of an item, or else
    a folder below `MM_IMPORT_ROOT` of the service. `options` are further fields of `LineSource`.
    Raises as the client.
    """
    path = Path(source)
    if source.startswith(CAMERA_SCHEMES):
        return LineSource.model_validate({"camera": source, **options})
    if path.is_file():
        return LineSource.model_validate({"item": client.add(path, on_progress=report).item.id, **options})
    try:
        return LineSource.model_validate({"item": client.item(source).id, **options})
    except (NotFound, InvalidInput):  # a path is no id
        return LineSource.model_validate({"folder": source, **options})


def make_request(fields: Mapping[str, object]) -> LineRequest:
    """The request of a line. Raises `InvalidInput` for the first field that is invalid."""
    try:
        return LineRequest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


class RemoteWatching:
    """Watches a line of a service until it ends, or until the first Ctrl+C; it runs on then."""

    def __init__(self, client: Client, *, as_json: bool) -> None:
        self._client, self._as_json = client, as_json

    def watch(self, request: LineRequest) -> LineInfo:
        """Create the line, or start the one of this name, and show its verdicts from then on.

        Raises `Conflict` when the line of this name has another inspector or source, and
        `InvalidInput` with the reason when the line fails.
        """
        info, after = self._start(request)
        counts = LineCounts()
        threshold = self._find_threshold(info.inspector)
        try:
            with open_strip(as_json=self._as_json) as strip:
                strip.start(counts, threshold, make_config(request))
                try:
                    info = self._follow(request.name, after, strip, counts)
                finally:
                    strip.finish({sink.kind: sink.backlog for sink in info.sinks})
        except KeyboardInterrupt:
            return self._client.line(request.name)
        if info.state == "failed":
            raise InvalidInput(f"The line {info.name} failed: {info.error or 'the service reports no reason.'}")
        return info

    def _start(self, request: LineRequest) -> tuple[LineInfo, int]:
        """The line, and the number of verdicts that it had before."""
        try:
            info = self._client.line(request.name)
        except NotFound:
            return self._client.create_line(request), 0
        if info.inspector != request.inspector or not _is_same(info.source, request.source):
            raise Conflict(f"The service has a line {info.name} of another inspector or source; name another one with --line.")
        return (info if info.state not in FINAL else self._client.start_line(info.name)), info.num_parts

    def _find_threshold(self, inspector: str) -> Threshold:
        versions = self._client.inspectors.versions(inspector)
        current = next((version for version in versions if version.is_current), versions[-1])
        assert current.threshold is not None
        return parse_threshold(current.threshold)

    def _follow(self, name: str, after: int, strip: Strip, counts: LineCounts) -> LineInfo:
        while True:
            info = self._client.line(name)  # before the verdicts, so that none of an ended line is missed
            page = self._client.line_parts(name, after=after, limit=PAGE)
            counts.frames, counts.dropped, counts.lost, counts.reconnects = info.frames, info.dropped, info.lost, info.reconnects
            for part in page.parts:
                counts.verdicts[part.verdict] += 1
                after = part.sequence
                strip.add(PartRecord.from_json(part.model_dump(mode="json")))
            if page.next is None and info.state in FINAL:
                return info
            if page.next is None:
                time.sleep(POLL_SECONDS)


def parse_threshold(record: ThresholdRecord) -> Threshold:
    """The threshold of its record."""
    score = float("inf") if record.score is None else record.score
    return Threshold(
        score,
        record.rate_requested,
        record.num_good,
        record.num_groups,
        record.smallest_rate,
        record.interval,
        record.rate_observed,
    )


def describe_end(info: LineInfo) -> str:
    """What became of the line when the command ends."""
    if info.state in FINAL:
        return f"The line {info.name} has {info.state}." if info.state == "ended" else f"The line {info.name} is {info.state}."
    return f"The line {clean(info.name)} runs on at the service: POST /v1/lines/{info.name}/stop ends it."


def _is_same(stored: LineSource, requested: LineSource) -> bool:
    if requested.camera is not None:  # the service returns an address without user, password and query
        return stored.camera is not None
    return (stored.folder, stored.item) == (requested.folder, requested.item)
