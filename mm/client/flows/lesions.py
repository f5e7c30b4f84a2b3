"""Lesion candidates in ultrasound: candidates for review, research use, not a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.files import measure_file, resolve_source
from mm.client.flows.jobs import OnProgress, wait_for
from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Body, Flow, Params, Send, Source
from mm.schemas import LesionAnalysis, LesionList, LesionRegionPage, LesionRequest


def analyse(media: Sequence[str]) -> Flow[list[LesionAnalysis]]:
    """Analyse images and videos of the library, given by their ids: one analysis for each.

    Raises `NotFound`, `InvalidInput` for audio, and `Unavailable` without a lesion network.
    """
    request = LesionRequest.model_construct(media=list(media))
    return parse_body((yield from Send("POST", "/v1/lesions", json=request.model_dump())), LesionList).analyses


def analyse_dicom(source: Source, *, on_progress: OnProgress | None = None) -> Flow[LesionAnalysis]:
    """Analyse a DICOM file, which is sent without its name and is no item of the library.

    Raises `UnsupportedMedia`, `MediaError` or `TooLarge` when it is refused.
    """
    file, _ = resolve_source(source, "file.dcm")
    size = len(file) if isinstance(file, bytes) else measure_file(file)

    def report(num_bytes: int) -> None:
        if on_progress is not None:
            on_progress(num_bytes / max(size, 1), "uploading")

    return parse_body((yield from Send("POST", "/v1/lesions/dicom", body=Body(file, size, report))), LesionAnalysis)


def get(analysis_id: str) -> Flow[LesionAnalysis]:
    """Get an analysis, with its result when it is done. Raises `NotFound`."""
    return parse_body((yield from Send("GET", analysis_path(analysis_id))), LesionAnalysis)


def list_all(*, limit: int = 50, cursor: str | None = None) -> Flow[LesionList]:
    """List analyses without their results, newest first."""
    params: Params = {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor}
    return parse_body((yield from Send("GET", "/v1/lesions", params=params)), LesionList)


def regions(analysis_id: str, *, candidate: str | None = None, after: int = 0, limit: int = 500) -> Flow[LesionRegionPage]:
    """List the regions of all candidates, or of one, by frame. Raises `NotFound`."""
    params: dict[str, str | int] = {"after": after, "limit": limit}
    if candidate is not None:
        params["candidate"] = candidate
    return parse_body((yield from Send("GET", f"{analysis_path(analysis_id)}/regions", params=params)), LesionRegionPage)


def export(analysis_id: str, name: str) -> Flow[bytes]:
    """Get an export by its name in `LesionAnalysis.exports`. Raises `NotFound`."""
    return read_body((yield from Send("GET", f"{analysis_path(analysis_id)}/exports/{quote_id(name)}")))


def delete(analysis_id: str) -> Flow[None]:
    """Delete an analysis with its exports and the DICOM file that was sent. Raises `NotFound`."""
    read_body((yield from Send("DELETE", analysis_path(analysis_id))))


def wait(analysis_id: str, *, on_progress: OnProgress | None = None) -> Flow[LesionAnalysis]:
    """Wait until an analysis is in a final state, and return it. Raises `NotFound`."""
    yield from wait_for(analysis_id, on_progress=on_progress)
    return (yield from get(analysis_id))


def analysis_path(analysis_id: str) -> str:
    """Path of an analysis. Raises `InvalidInput` for what cannot be an id."""
    return f"/v1/lesions/{quote_id(analysis_id)}"
