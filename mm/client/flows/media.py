"""Items: upload, import, list, get, retry, delete; their files, thumbnails, segments and tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from mm.client.files import measure_file, resolve_source
from mm.client.flows.jobs import OnProgress, job, wait_for
from mm.client.paths import item_path
from mm.client.responses import parse_body, read_body
from mm.client.resumable import LARGE_BYTES, send_resumable
from mm.client.steps import Body, Flow, Send, Source
from mm.errors import Conflict, InvalidInput
from mm.schemas import (
    CameraCount,
    CameraList,
    DayCount,
    ImportRequest,
    ImportResponse,
    Item,
    ItemPage,
    ItemSort,
    ItemStatus,
    Kind,
    PlaceCount,
    PlaceList,
    SegmentPage,
    TagCount,
    TagList,
    Timeline,
    Upload,
)

Params: TypeAlias = dict[str, str | int | Sequence[str]]
UPLOADING = "uploading"
"""Stage of `OnProgress` while the file is being sent."""


def add(
    source: Source,
    *,
    name: str | None = None,
    tags: Sequence[str] = (),
    wait: bool = False,
    on_progress: OnProgress | None = None,
    upload: str | None = None,
    on_upload: Callable[[str], None] | None = None,
) -> Flow[Upload]:
    """Upload a file, streamed from disk; bytes need a `name`. With `wait`, return when the item is
    searchable.

    A large file resumes after a broken connection. `on_upload` receives the path of its upload;
    passed as `upload` to a later call with the same file, only the rest is sent.

    Raises `UnsupportedMedia`, `MediaError` or `TooLarge` when the file is refused; with `wait`,
    `Conflict` when its processing fails.
    """
    file, name = resolve_source(source, name)
    size = len(file) if isinstance(file, bytes) else measure_file(file)

    def report(num_bytes: int) -> None:
        if on_progress is not None:
            on_progress(num_bytes / max(size, 1), UPLOADING)

    if size >= LARGE_BYTES or upload is not None:
        response = yield from send_resumable(file, size, name, tags, report, upload, on_upload)
        item_id, job_id = response.headers["mm-item"], response.headers.get("mm-job", "")
        created = response.headers.get("mm-created") == "true"
        result = Upload(item=(yield from item(item_id)), job=(yield from job(job_id)), created=created)
    else:
        params = {"name": name, "tag": list(tags)}
        result = parse_body((yield from Send("POST", "/v1/media", params=params, body=Body(file, size, report))), Upload)
    return (yield from _wait_until_ready(result, on_progress)) if wait else result


def import_folder(folder: str, *, tags: Sequence[str] = ()) -> Flow[ImportResponse]:
    """Import a folder of the server, given by its path below MM_IMPORT_ROOT.

    Refused files are listed in the response. Raises `Forbidden`, `NotFound`.
    """
    request = ImportRequest(folder=folder, tags=list(tags))
    return parse_body((yield from Send("POST", "/v1/media/import", json=request.model_dump())), ImportResponse)


def item(item_id: str) -> Flow[Item]:
    """Get an item. Raises `NotFound`."""
    return parse_body((yield from Send("GET", item_path(item_id))), Item)


def items(
    *,
    kinds: Sequence[Kind] = (),
    tags: Sequence[str] = (),
    status: ItemStatus | None = None,
    favourite: bool | None = None,
    limit: int = 50,
    cursor: str | None = None,
    offset: int | None = None,
    sort: ItemSort = "newest",
    name: str | None = None,
    taken_after: datetime | None = None,
    taken_before: datetime | None = None,
    camera: str | None = None,
    has_place: bool | None = None,
    place: str | None = None,
    language: str | None = None,
    album: str | None = None,
) -> Flow[ItemPage]:
    """List one page of items, newest first, that have any of `kinds` and all of `tags`.

    With `favourite`, only favourites or only others.

    Pass `next` of a page as `cursor` to get the following one. With `offset`, the page starts after
    that many items and has a `total`, and `sort`, a substring of the `name`, and filters by
    metadata are allowed: the time on the clock where an item was taken, without an offset, a
    substring of the `camera`, whether the place is known, words of the name of the `place`, a
    `language` that is spoken, and the id of an `album`.
    """
    params: Params = {"kind": list(kinds), "tag": list(tags), "limit": limit}
    params |= _captured_params(status, favourite, name, taken_after, taken_before, camera, has_place, place, language, album)
    if cursor is not None:
        params["cursor"] = cursor
    if offset is not None:
        params |= {"offset": offset, "sort": sort}
    return parse_body((yield from Send("GET", "/v1/media", params=params)), ItemPage)


def timeline(
    *,
    kinds: Sequence[Kind] = (),
    tags: Sequence[str] = (),
    status: ItemStatus | None = None,
    favourite: bool | None = None,
    name: str | None = None,
    taken_after: datetime | None = None,
    taken_before: datetime | None = None,
    camera: str | None = None,
    has_place: bool | None = None,
    place: str | None = None,
    language: str | None = None,
    album: str | None = None,
) -> Flow[list[DayCount]]:
    """List the days on which items were taken, latest first, with their number of items.

    An item whose time is unknown is on the day of its upload (UTC). Filters as for `items`, whose
    order `taken` is the same.
    """
    params: Params = {"kind": list(kinds), "tag": list(tags)}
    params |= _captured_params(status, favourite, name, taken_after, taken_before, camera, has_place, place, language, album)
    return parse_body((yield from Send("GET", "/v1/timeline", params=params)), Timeline).days


def cameras(*, limit: int = 200) -> Flow[list[CameraCount]]:
    """List the cameras of the library, most frequent first."""
    return parse_body((yield from Send("GET", "/v1/cameras", params={"limit": limit})), CameraList).data


def places(*, limit: int = 200) -> Flow[list[PlaceCount]]:
    """List the places where items were taken, most frequent first."""
    return parse_body((yield from Send("GET", "/v1/places", params={"limit": limit})), PlaceList).data


def segments(item_id: str, *, after: float | None = None, limit: int = 200) -> Flow[SegmentPage]:
    """List the segments of an item in order of time, with the recognized speech.

    Pass `next` of a page as `after` to get the following one. Raises `NotFound`.
    """
    params: dict[str, float] = {"limit": limit} if after is None else {"limit": limit, "after": after}
    return parse_body((yield from Send("GET", f"{item_path(item_id)}/segments", params=params)), SegmentPage)


def tags(*, limit: int = 200) -> Flow[list[TagCount]]:
    """List the tags in use, most frequent first."""
    return parse_body((yield from Send("GET", "/v1/tags", params={"limit": limit})), TagList).data


def retry(item_id: str, *, wait: bool = False, on_progress: OnProgress | None = None) -> Flow[Upload]:
    """Process a failed, quarantined or cancelled item again, from its stored file.

    With `wait`, return when the item is searchable. Raises `NotFound`, and `Conflict` when the item
    is ready or, with `wait`, when its processing fails again.
    """
    result = parse_body((yield from Send("POST", f"{item_path(item_id)}/retry")), Upload)
    return (yield from _wait_until_ready(result, on_progress)) if wait else result


def delete(item_id: str) -> Flow[None]:
    """Move an item to the trash, where it is kept for MM_TRASH_DAYS. Raises `NotFound`."""
    read_body((yield from Send("DELETE", item_path(item_id))))


def content(item_id: str, *, start: int = 0, end: int | None = None) -> Flow[bytes]:
    """Get the stored file, from byte `start` to before byte `end`. Raises `NotFound`."""
    if start < 0 or (end is not None and end <= start):
        raise InvalidInput(f"The range of bytes {start} to {end} is empty or negative.")
    is_whole = start == 0 and end is None
    headers = {} if is_whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
    return read_body((yield from Send("GET", f"{item_path(item_id)}/content", headers=headers)))


def thumbnail(item_id: str, *, time: float = 0.0, size: int = 320) -> Flow[bytes]:
    """Get a WebP thumbnail at `time` in seconds, its longest side about `size` pixels.

    Raises `NotFound`.
    """
    return read_body((yield from Send("GET", f"{item_path(item_id)}/thumbnail", params={"t": time, "size": size})))


def _wait_until_ready(upload: Upload, on_progress: OnProgress | None) -> Flow[Upload]:
    """Wait for the job of an upload. Raises `Conflict` with the reason when it fails."""
    finished = yield from wait_for(upload.job.id, on_progress=on_progress)
    if finished.state != "done":
        raise Conflict(f"{upload.item.name} is {finished.state}: {finished.error or 'the service reports no reason.'}")
    return Upload(item=(yield from item(upload.item.id)), job=finished, created=upload.created)


def _captured_params(
    status: ItemStatus | None,
    favourite: bool | None,
    name: str | None,
    taken_after: datetime | None,
    taken_before: datetime | None,
    camera: str | None,
    has_place: bool | None,
    place: str | None,
    language: str | None,
    album: str | None,
) -> Params:
    """The query parameters of these filters, without those that are unset."""
    values = {
        "status": status,
        "favourite": None if favourite is None else str(favourite).lower(),
        "name": name,
        "taken_after": None if taken_after is None else taken_after.isoformat(),
        "taken_before": None if taken_before is None else taken_before.isoformat(),
        "camera": camera,
        "has_place": None if has_place is None else str(has_place).lower(),
        "place": place,
        "language": language,
        "album": album,
    }
    return {key: value for key, value in values.items() if value is not None}
