"""The space of the library, and its reindexing into another one."""

from __future__ import annotations

from mm.client.flows.jobs import OnProgress
from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send, Sleep
from mm.errors import NotFound
from mm.schemas import LibrarySpace, MeasureRequest, Move, MoveRequest, ResumeRequest, SpaceOptions

POLL_SECONDS = 1.0


def space() -> Flow[LibrarySpace]:
    """Get the space that is searched, the data in other spaces, and the latest reindexing."""
    return parse_body((yield from Send("GET", "/v1/space")), LibrarySpace)


def space_options(*, network: bool = False) -> Flow[SpaceOptions]:
    """List the larger spaces that the machine of the service could run: recall, needs and time.

    With `network`, the service asks the hub of models whether it responds.
    """
    return parse_body((yield from Send("GET", "/v1/space/options", params={"network": str(network).lower()})), SpaceOptions)


def measure_space(to: str) -> Flow[SpaceOptions]:
    """Measure a space that is on the disk of the service on items of the library.

    Raises `NotFound`, `Conflict` for a library without images.
    """
    request = MeasureRequest(to=to)
    return parse_body((yield from Send("POST", "/v1/space/measure", json=request.model_dump())), SpaceOptions)


def move_space(to: str, *, download: bool = False, wait: bool = False, on_progress: OnProgress | None = None) -> Flow[Move]:
    """Reindex the library into another space: `lite` or `openclip:MODEL/PRETRAINED`.

    With `download`, missing files of a space of `space_options` are downloaded first. With `wait`,
    return when the reindexing ends or stops. Raises `NotFound` for a space that the service does
    not have, `Conflict` while another reindexing is in progress.
    """
    request = MoveRequest(to=to, download=download)
    move = parse_body((yield from Send("POST", "/v1/space/move", json=request.model_dump())), Move)
    return (yield from wait_for_move(on_progress=on_progress)) if wait else move


def stop_move() -> Flow[Move]:
    """Stop a reindexing; `resume_move` continues it. Raises `Conflict` when none is running."""
    return parse_body((yield from Send("POST", "/v1/space/move/stop")), Move)


def resume_move(*, leave_out: bool = False) -> Flow[Move]:
    """Continue a stopped reindexing: retry the failed items or, with `leave_out`, leave them out.

    Raises `Conflict`.
    """
    request = ResumeRequest(leave_out=leave_out)
    return parse_body((yield from Send("POST", "/v1/space/move/resume", json=request.model_dump())), Move)


def undo_move() -> Flow[Move]:
    """End an unfinished reindexing, or return to the source space after a finished one.

    Raises `Conflict` when there is nothing to undo.
    """
    return parse_body((yield from Send("POST", "/v1/space/move/undo")), Move)


def wait_for_move(*, on_progress: OnProgress | None = None) -> Flow[Move]:
    """Wait until the latest reindexing is not running, and return it. Raises `NotFound` if there
    was none."""
    while True:
        move = (yield from space()).move
        if move is None:
            raise NotFound("The library has never been reindexed.")
        if on_progress is not None:
            on_progress(*_describe_progress(move))
        if move.state not in ("downloading", "running"):
            return move
        yield from Sleep(POLL_SECONDS)


def _describe_progress(move: Move) -> tuple[float, str]:
    if move.downloaded_bytes is not None and move.download_bytes is not None:
        share = move.downloaded_bytes / max(move.download_bytes, 1)
        return 0.0, f"downloaded {move.downloaded_bytes / 1e6:,.0f} of {move.download_bytes / 1e6:,.0f} MB ({share:.0%})"
    return move.moved / max(move.items, 1), f"{move.moved:,} of {move.items:,} items"


def drop_space(space_id: str) -> Flow[None]:
    """Delete the data of a space that is not in use. Raises `NotFound`, `Conflict`."""
    read_body((yield from Send("DELETE", f"/v1/space/{quote_id(space_id)}")))
