"""Lines of parts: create, get, list, start, stop, delete, and their verdicts."""

from __future__ import annotations

from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.schemas import LineInfo, LineList, LinePartPage, LineRequest, LineSource


def create_line(request: LineRequest) -> Flow[LineInfo]:
    """Create a line, and start it unless `request.start` is false.

    Raises `NotFound` for its inspector or source, `Conflict` when there is one of this name,
    `InvalidInput` and `Forbidden`.
    """
    return parse_body((yield from Send("POST", "/v1/lines", json=request.model_dump(mode="json"))), LineInfo)


def line_frame(source: LineSource) -> Flow[bytes]:
    """Get the first frame of a source as JPEG, to choose a region of interest in its pixels.

    Raises `InvalidInput`, `NotFound` and `Forbidden` for the source, `Unavailable` if no frame
    arrives in 10 seconds.
    """
    return read_body((yield from Send("POST", "/v1/lines/frame", json=source.model_dump(mode="json"))))


def lines() -> Flow[list[LineInfo]]:
    """List all lines, by name."""
    return parse_body((yield from Send("GET", "/v1/lines")), LineList).data


def line(name: str) -> Flow[LineInfo]:
    """Get the state of a line. Raises `NotFound`."""
    return parse_body((yield from Send("GET", line_path(name))), LineInfo)


def start_line(name: str) -> Flow[LineInfo]:
    """Start a line, which continues where it ended. Raises `NotFound`."""
    return parse_body((yield from Send("POST", f"{line_path(name)}/start")), LineInfo)


def stop_line(name: str) -> Flow[LineInfo]:
    """Stop a line. Raises `NotFound`."""
    return parse_body((yield from Send("POST", f"{line_path(name)}/stop")), LineInfo)


def delete_line(name: str) -> Flow[None]:
    """Delete a stopped line with its verdicts. Raises `NotFound`, and `Conflict` while it runs."""
    read_body((yield from Send("DELETE", line_path(name))))


def line_parts(name: str, *, after: int = 0, limit: int = 200) -> Flow[LinePartPage]:
    """List verdicts after a sequence number; a negative one counts from the last.

    Raises `NotFound`.
    """
    return parse_body((yield from Send("GET", f"{line_path(name)}/parts", params={"after": after, "limit": limit})), LinePartPage)


def line_path(name: str) -> str:
    """Path of a line. Raises `InvalidInput` for what cannot be a name."""
    return f"/v1/lines/{quote_id(name)}"
