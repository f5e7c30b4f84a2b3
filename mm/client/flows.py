"""The verbs, each written once. See `mm.client.steps` for what a flow is."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from mm.client.events import EventStream
from mm.client.responses import read, read_bytes
from mm.client.resumable import LARGE_BYTES, send_resumable
from mm.client.steps import Body, Flow, FormFile, Send, Sleep, Source
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import (
    AuditPage,
    EmbeddingRequest,
    EmbeddingResponse,
    Filters,
    Health,
    ImportRequest,
    ImportResponse,
    Item,
    ItemPage,
    ItemSort,
    ItemStatus,
    Job,
    JobEvent,
    JobList,
    Kind,
    LibrarySpace,
    Like,
    ModelInfo,
    ModelList,
    Move,
    MoveRequest,
    Readiness,
    ResumeRequest,
    SearchRequest,
    SearchResponse,
    SegmentPage,
    SignedIn,
    SignedInList,
    TagCount,
    TagList,
    Upload,
    Weights,
)

OnProgress = Callable[[float, str], None]
"""Hears how far the present stage is, 0 to 1, and what it is, in words."""

UPLOADING = "uploading"
LOOK_SECONDS = 1.0
"""Between two looks at a move."""


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
    """Send a file, streamed from disk; bytes need a `name`. With `wait`, return when it can be
    searched.

    A large file goes on where it was when the connection breaks. `on_upload` hears where its
    beginning is; given as `upload` to a later call with the same file, only the rest is sent.

    Raises `UnsupportedMedia`, `MediaError`, `TooLarge` when it is refused; with `wait`, `Conflict`
    when the work on it failed.
    """
    file, name = _file(source, name)
    size = len(file) if isinstance(file, bytes) else _size(file)

    def sent(count: int) -> None:
        if on_progress is not None:
            on_progress(count / max(size, 1), UPLOADING)

    if size >= LARGE_BYTES or upload is not None:
        taken = yield from send_resumable(file, size, name, tags, sent, upload, on_upload)
        item_id, job_id = taken.headers["mm-item"], taken.headers.get("mm-job", "")
        created = taken.headers.get("mm-created") == "true"
        done = Upload(item=(yield from item(item_id)), job=(yield from job(job_id)), created=created)
    else:
        query = {"name": name, "tag": list(tags)}
        done = read((yield from Send("POST", "/v1/media", params=query, body=Body(file, size, sent))), Upload)
    return (yield from _ended(done, on_progress)) if wait else done


def import_folder(folder: str, *, tags: Sequence[str] = ()) -> Flow[ImportResponse]:
    """Have the service take in a folder that it can see, by its path below MM_IMPORT_ROOT.

    Raises `Forbidden`, `NotFound`; a file that is refused is in the answer.
    """
    wanted = ImportRequest(folder=folder, tags=list(tags))
    return read((yield from Send("POST", "/v1/media/import", json=wanted.model_dump())), ImportResponse)


def item(item_id: str) -> Flow[Item]:
    """One item. Raises `NotFound`."""
    return read((yield from Send("GET", _media(item_id))), Item)


def items(
    *,
    kinds: Sequence[Kind] = (),
    tags: Sequence[str] = (),
    status: ItemStatus | None = None,
    limit: int = 50,
    cursor: str | None = None,
    offset: int | None = None,
    sort: ItemSort = "newest",
    name: str | None = None,
) -> Flow[ItemPage]:
    """One page of items, newest first: any of `kinds`, all of `tags`. `next` of a page is the
    `cursor` of the one behind it.

    With `offset`, the list begins behind that many, `sort` and a part of the `name` may be said,
    and the page has a `total`.
    """
    params: dict[str, str | int | Sequence[str]] = {"kind": list(kinds), "tag": list(tags), "limit": limit}
    if status is not None:
        params["status"] = status
    if cursor is not None:
        params["cursor"] = cursor
    if offset is not None:
        params |= {"offset": offset, "sort": sort}
    if name is not None:
        params["name"] = name
    return read((yield from Send("GET", "/v1/media", params=params)), ItemPage)


def segments(item_id: str, *, after: float | None = None, limit: int = 200) -> Flow[SegmentPage]:
    """The segments of an item in order of time, with the words said. `next` of a page is the
    `after` of the one behind it.

    Raises `NotFound`.
    """
    params: dict[str, float] = {"limit": limit} if after is None else {"limit": limit, "after": after}
    return read((yield from Send("GET", f"{_media(item_id)}/segments", params=params)), SegmentPage)


def tags(*, limit: int = 200) -> Flow[list[TagCount]]:
    """The tags in use, those of most items first."""
    return read((yield from Send("GET", "/v1/tags", params={"limit": limit})), TagList).data


def retry(item_id: str, *, wait: bool = False, on_progress: OnProgress | None = None) -> Flow[Upload]:
    """Process an item again that failed, is quarantined or was cancelled; its bytes are not sent
    again.

    With `wait`, return when it can be searched. Raises `NotFound`; `Conflict` when the item is
    ready, and with `wait` when the work on it failed again.
    """
    done = read((yield from Send("POST", f"{_media(item_id)}/retry")), Upload)
    return (yield from _ended(done, on_progress)) if wait else done


def delete(item_id: str) -> Flow[None]:
    """Delete an item with its bytes and moments. Raises `NotFound`."""
    read_bytes((yield from Send("DELETE", _media(item_id))))


def content(item_id: str, *, start: int = 0, end: int | None = None) -> Flow[bytes]:
    """The bytes as they were uploaded, from `start` up to and without `end`. Raises `NotFound`."""
    if start < 0 or (end is not None and end <= start):
        raise InvalidInput(f"Bytes {start} to {end} are no range.")
    whole = start == 0 and end is None
    headers = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
    return read_bytes((yield from Send("GET", f"{_media(item_id)}/content", headers=headers)))


def thumbnail(item_id: str, *, time: float = 0.0, size: int = 320) -> Flow[bytes]:
    """WebP of the picture at `time` in seconds, about `size` pixels at its longest side. Raises
    `NotFound`."""
    return read_bytes((yield from Send("GET", f"{_media(item_id)}/thumbnail", params={"t": time, "size": size})))


def job(job_id: str) -> Flow[Job]:
    """One job. Raises `NotFound`."""
    return read((yield from Send("GET", _job(job_id))), Job)


def jobs(*, limit: int = 50) -> Flow[list[Job]]:
    """The latest jobs, newest first."""
    return read((yield from Send("GET", "/v1/jobs", params={"limit": limit})), JobList).data


def cancel(job_id: str) -> Flow[Job]:
    """Stop a job. Raises `NotFound`, and `Conflict` when it is over."""
    return read((yield from Send("POST", f"{_job(job_id)}/cancel")), Job)


def wait_for(job_id: str, *, on_progress: OnProgress | None = None) -> Flow[Job]:
    """Return when the job is over, however it ended: see its `state`. Raises `NotFound`."""
    feed = EventStream(segment(job_id))
    try:
        while (event := (yield from feed.next())) is not None:
            if on_progress is not None:
                on_progress(event.progress, describe_event(event))
    finally:
        yield from feed.close()
    return (yield from job(job_id))


def describe_event(event: JobEvent) -> str:
    """The stage of a job, how many come before it, and how long it may take."""
    parts = [event.stage]
    if event.position is not None:
        parts.append(f"{event.position} before it")
    if event.seconds_left is not None:
        parts.append(f"about {_duration(event.seconds_left)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def search(
    text: str | None = None,
    *,
    picture: Source | None = None,
    sound: Source | None = None,
    clip: Source | None = None,
    like: Like | None = None,
    also: Sequence[str] = (),
    without: Sequence[str] = (),
    weights: Weights | None = None,
    k: int = 10,
    filters: Filters | None = None,
    floor: float | None = None,
    fold: bool = True,
) -> Flow[SearchResponse]:
    """Ask in words, with a picture, a sound, a clip, a moment of the library, or several at once;
    the best `k` moments.

    `also` are more words that a moment must fit, `without` words for what must be neither seen nor
    said in it, and `weights` say how much each part counts. Hits of the band `possible` follow the
    likely ones; no hits means that nothing matches. `floor` replaces the space's own bound of
    possible hits. Moments of other items that show the same are in a hit's `alike`; without `fold`
    they are hits of their own. Raises `InvalidInput`, `NotFound` for a moment, `UnsupportedMedia`,
    `MediaError`, `TooLarge`.
    """
    files = {"picture": picture, "sound": sound, "clip": clip}
    parts = [_part(field, source) for field, source in files.items() if source is not None]
    wanted = SearchRequest.model_construct(
        text=text,
        like=like,
        also=list(also),
        without=list(without),
        weights=weights or Weights(),
        k=k,
        filters=filters or Filters(),
        floor=floor,
        fold=fold,
    )
    if parts:
        given = {"text": text, "k": k, "floor": floor, "fold": str(fold).lower(), "filters": wanted.filters.model_dump_json()}
        given["weights"] = wanted.weights.model_dump_json()
        if like is not None:
            given["like"] = like.model_dump_json()
        form: dict[str, str | list[str]] = {name: str(value) for name, value in given.items() if value is not None}
        form |= {"also": wanted.also, "without": wanted.without}
        reply = yield from Send("POST", "/v1/search", form=form, parts=parts)
    else:
        reply = yield from Send("POST", "/v1/search", json=wanted.model_dump(mode="json"))
    return read(reply, SearchResponse)


def embed(inputs: str | Sequence[Source], *, model: str | None = None) -> Flow[EmbeddingResponse]:
    """Unit vectors of texts and pictures, in their order. A `str` is a text; a picture is a `Path`
    or bytes.

    Raises `InvalidInput`, `NotFound` for a model that is not served, `TooLarge`, `MediaError`.
    """
    texts = [inputs] if isinstance(inputs, str) else [value if isinstance(value, str) else _data_url(value) for value in inputs]
    wanted = EmbeddingRequest(input=texts, model=model)
    return read((yield from Send("POST", "/v1/embeddings", json=wanted.model_dump())), EmbeddingResponse)


def models() -> Flow[list[ModelInfo]]:
    """The spaces that the service has."""
    return read((yield from Send("GET", "/v1/models")), ModelList).data


def space() -> Flow[LibrarySpace]:
    """The space that questions are asked in, what the library has in others, and the latest
    move."""
    return read((yield from Send("GET", "/v1/space")), LibrarySpace)


def move_space(to: str, *, wait: bool = False, on_progress: OnProgress | None = None) -> Flow[Move]:
    """Move the library to another space: `lite` or `openclip:MODEL/PRETRAINED`. With `wait`, return
    when the move ends or stops.

    Raises `NotFound` for a space that the service cannot have, `Conflict` while another move is not
    over.
    """
    begun = read((yield from Send("POST", "/v1/space/move", json=MoveRequest(to=to).model_dump())), Move)
    return (yield from wait_for_move(on_progress=on_progress)) if wait else begun


def stop_move() -> Flow[Move]:
    """Let a move rest. Raises `Conflict` when none runs."""
    return read((yield from Send("POST", "/v1/space/move/stop")), Move)


def resume_move(*, leave_out: bool = False) -> Flow[Move]:
    """Let a stopped move go on: with another try for what failed, or, with `leave_out`, without it.
    Raises `Conflict`."""
    wanted = ResumeRequest(leave_out=leave_out)
    return read((yield from Send("POST", "/v1/space/move/resume", json=wanted.model_dump())), Move)


def undo_move() -> Flow[Move]:
    """End a move that is not over, or go back after one that is done. Raises `Conflict` when there
    is nothing to undo."""
    return read((yield from Send("POST", "/v1/space/move/undo")), Move)


def wait_for_move(*, on_progress: OnProgress | None = None) -> Flow[Move]:
    """Return when the latest move does not run, however it ended: see its `state`. Raises
    `NotFound` when there was none."""
    while True:
        move = (yield from space()).move
        if move is None:
            raise NotFound("The library was never moved.")
        if on_progress is not None:
            on_progress(move.moved / max(move.items, 1), f"{move.moved:,} of {move.items:,} items")
        if move.state != "running":
            return move
        yield from Sleep(LOOK_SECONDS)


def drop_space(space_id: str) -> Flow[None]:
    """Delete what the library has in a space that it is not in. Raises `NotFound`, `Conflict`."""
    read_bytes((yield from Send("DELETE", f"/v1/space/{segment(space_id)}")))


def sessions() -> Flow[list[SignedIn]]:
    """The browsers that are signed in, the latest first. Raises `Forbidden` for a key without the
    scope `admin`."""
    return read((yield from Send("GET", "/v1/sessions")), SignedInList).data


def end_session(session_id: str) -> Flow[None]:
    """Sign a browser out. Raises `NotFound`, and `Forbidden` for a key without the scope
    `admin`."""
    read_bytes((yield from Send("DELETE", f"/v1/sessions/{segment(session_id)}")))


def audit(
    *,
    action: str | None = None,
    key: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Flow[AuditPage]:
    """One page of the audit log, the last written first. `next` of a page is the `cursor` of the
    one behind it.

    `action` as in `item.delete`; `key` is the id of a key, `local`, `anonymous` or `worker`; a
    `since` without a zone is UTC. Raises `Forbidden` for a key without the scope `admin`,
    `InvalidInput` for a cursor that no page gave.
    """
    params: dict[str, str | int] = {"limit": limit}
    given = {"action": action, "key": key, "since": None if since is None else since.isoformat(), "cursor": cursor}
    params |= {name: value for name, value in given.items() if value is not None}
    return read((yield from Send("GET", "/v1/audit", params=params)), AuditPage)


def health() -> Flow[Health]:
    """That the service is alive. Raises `Unavailable` otherwise."""
    return read((yield from Send("GET", "/healthz")), Health)


def ready() -> Flow[Readiness]:
    """What works and what does not, check by check."""
    return read((yield from Send("GET", "/readyz")), Readiness, also=frozenset({503}))


def _ended(upload: Upload, on_progress: OnProgress | None) -> Flow[Upload]:
    """The same when its job is over. Raises `Conflict` with the reason when the item cannot be
    searched."""
    ended = yield from wait_for(upload.job.id, on_progress=on_progress)
    if ended.state != "done":
        raise Conflict(f"{upload.item.name} is {ended.state}: {ended.error or 'the service gives no reason.'}")
    return Upload(item=(yield from item(upload.item.id)), job=ended, created=upload.created)


def segment(text: str) -> str:
    """An id as one segment of a path. Raises `InvalidInput` for what cannot be one."""
    if not text or text in {".", ".."}:
        raise InvalidInput(f"{text!r} is no id.")
    return quote(text, safe="")


def _media(item_id: str) -> str:
    return f"/v1/media/{segment(item_id)}"


def _job(job_id: str) -> str:
    return f"/v1/jobs/{segment(job_id)}"


def _file(source: Source, name: str | None) -> tuple[Path | bytes, str]:
    if isinstance(source, bytes):
        if not name:
            raise InvalidInput("Bytes have no file name; give one as `name`.")
        return source, name
    path = Path(source)
    return path, name or path.name


def _part(field: str, source: Source) -> FormFile:
    file, name = _file(source, field if isinstance(source, bytes) else None)
    if isinstance(file, Path):
        _size(file)
    return FormFile(field, file, name)


def _size(path: Path) -> int:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise InvalidInput(f"{path} cannot be read: it is no regular file.")
        with path.open("rb") as file:  # a file that may not be read is refused before anything is sent
            return file.seek(0, 2)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def _data_url(source: Path | bytes) -> str:
    return f"data:image/any;base64,{base64.b64encode(_bytes(source)).decode()}"


def _bytes(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    _size(source)
    return source.read_bytes()
