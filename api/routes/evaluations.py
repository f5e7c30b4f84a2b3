"""Evaluations of data sets: jobs, and the runs that are kept."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.evaluations import jobs, runs
from api.http.bodies import read_json
from api.http.headers import content_disposition
from api.http.ranges import serve_file
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.openapi.operations import JSON, json_body, links, responses
from api.request_context import get_client_id
from api.routes.media import FILE_RESPONSES, UNTRUSTED_HEADERS, WEBP
from api.service import ServiceDep
from api.uploads.folder import list_folders
from mm.errors import Conflict, Corrupt, Forbidden, MediaError, NotFound, TooLarge, TooMany, Unavailable, UnsupportedMedia
from mm.evaluation.report.write import write_report
from mm.evaluation.runs.store import RunStore
from mm.schemas import (
    Evaluation,
    EvaluationCheck,
    EvaluationFolderList,
    EvaluationList,
    EvaluationRequest,
    EvaluationSetList,
    Run,
    RunComparison,
    RunExamples,
    RunItemPage,
    RunList,
)

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

BODY_BYTES = 64 << 10
EXAMPLE: JSON = {"set": "flickr8k", "folder": "flickr8k", "split": "dev"}
LINKS: JSON = {"links": links("evaluation_id", "$response.body#/id", "get_evaluation")}
HTML: JSON = {"content": {"text/html": {}}}
REPORT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'",
}


@router.post(
    "",
    summary="Evaluate a data set",
    status_code=202,
    responses={202: LINKS, **responses(Forbidden, NotFound, Conflict, TooLarge, TooMany, Unavailable)},
    openapi_extra=json_body(EvaluationRequest, folder=EXAMPLE),
)
async def create_evaluation(request: Request, service: ServiceDep, limits: LimitsDep) -> Evaluation:
    """A folder of the server below MM_IMPORT_ROOT. Several workers encode one set together; an
    interrupted evaluation continues. Its job is `/v1/jobs/{id}`."""
    body = await read_json(request, EvaluationRequest, BODY_BYTES)
    client = get_client_id(request.scope)
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    return await limits.imports.run(client, jobs.add_evaluation, service, body)


@router.post(
    "/check",
    summary="Check the folder of a data set",
    responses=responses(Forbidden, NotFound, TooLarge),
    openapi_extra=json_body(EvaluationRequest, folder=EXAMPLE),
)
async def check_evaluation(request: Request, service: ServiceDep, limits: LimitsDep) -> EvaluationCheck:
    """What is missing or wrong, before anything is evaluated."""
    body = await read_json(request, EvaluationRequest, BODY_BYTES)
    return await limits.imports.run(get_client_id(request.scope), jobs.check_folder, service, body)


@router.get("", summary="List the latest evaluations", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_evaluations(service: ServiceDep, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> EvaluationList:
    """Newest first, without their runs."""
    return jobs.list_evaluations(service, limit)


@router.get("/sets", summary="List the data sets", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_evaluation_sets() -> EvaluationSetList:
    """Data sets that this server has a reader for, with their splits and tasks."""
    return jobs.list_data_sets()


@router.get("/folders", summary="List the folders of the server", responses=responses(Forbidden, NotFound))
async def list_evaluation_folders(
    service: ServiceDep,
    limits: LimitsDep,
    folder: Annotated[str, Query(alias="in", max_length=1024, description="A folder relative to MM_IMPORT_ROOT.")] = "",
) -> EvaluationFolderList:
    """Folders that can hold a data set, one level at a time."""
    folders, is_complete = await limits.disk.run(list_folders, service.settings.import_root, folder)
    return EvaluationFolderList(folders=folders, is_complete=is_complete)


@router.get("/runs", summary="List the runs", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_runs(
    service: ServiceDep,
    set_name: Annotated[str | None, Query(alias="set", max_length=64, description="Only runs of this data set.")] = None,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> RunList:
    """Newest first, without items; also those of `mm eval` in the same home folder."""
    return runs.page_runs(RunStore(service.settings.root), set_name, limit, cursor)


@router.get(
    "/runs/{run_id}", summary="Get a run", responses=responses(NotFound, Corrupt), dependencies=[hold_while_processing("catalog")]
)
def get_run(run_id: str, service: ServiceDep) -> Run:
    """Measures, curves and signature, without items."""
    return runs.hide_folder(RunStore(service.settings.root).get(run_id, with_items=False))


@router.get(
    "/runs/{run_id}/items",
    summary="List the items of a run",
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def list_run_items(
    run_id: str,
    service: ServiceDep,
    after: Annotated[int, Query(ge=0, le=1 << 53, description="`next` of the previous page.")] = 0,
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
) -> RunItemPage:
    """Values of each query or file, in the order of the run."""
    return runs.page_items(RunStore(service.settings.root), run_id, after, limit)


@router.get(
    "/runs/{run_id}/examples",
    summary="Get the worst and the best items of a run",
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def get_run_examples(run_id: str, service: ServiceDep, limit: Annotated[int, Query(ge=1, le=100)] = 12) -> RunExamples:
    """By the first measure that single items have, one item of each group."""
    return runs.get_examples(RunStore(service.settings.root), run_id, limit)


@router.get(
    "/runs/{run_id}/image",
    summary="Get an image of an item of a run",
    response_class=Response,
    responses={200: WEBP, **responses(NotFound, Corrupt, MediaError)},
)
async def get_run_image(
    run_id: str,
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    item: Annotated[str, Query(max_length=1024, description="Id of the item.")],
    of: Annotated[runs.Shown, Query(description="The file of the item, or of what was returned first for it.")] = "item",
    size: Annotated[int, Query(ge=1, le=1280, description="Longest side, px.")] = 640,
) -> Response:
    """WebP: of a video, the key frame before the start of the item; of audio, a waveform."""
    render = partial(runs.render_image, service, run_id, item, of, size)
    rendering = limits.thumbnails.run_cancellable(get_client_id(request.scope), render)
    data = await cancel_on_disconnect(request, rendering)
    return Response(data, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600", **UNTRUSTED_HEADERS})


@router.head("/runs/{run_id}/file", include_in_schema=False, dependencies=[hold_while_processing("catalog")])
@router.get(
    "/runs/{run_id}/file",
    summary="Get the video or the sound of an item of a run",
    response_class=Response,
    responses={
        **FILE_RESPONSES,
        **responses(NotFound, Corrupt, MediaError, UnsupportedMedia, Unavailable),
    },
    dependencies=[hold_while_sending("downloads"), hold_while_processing("catalog")],
)
def get_run_file(
    run_id: str,
    request: Request,
    service: ServiceDep,
    item: Annotated[str, Query(max_length=1024, description="Id of the item.")],
    of: Annotated[runs.Shown, Query(description="The file of the item, or of what was returned first for it.")] = "item",
) -> Response:
    """As stored, for a player. Supports one byte range, `If-Range` and `If-None-Match`. Only videos
    and sounds in the folder of the set."""
    path, etag, content_type = runs.find_playable(service, run_id, item, of)
    headers = {"Content-Type": content_type, "Content-Disposition": content_disposition(path.name), **UNTRUSTED_HEADERS}
    return serve_file(request, path, etag, headers)


@router.get(
    "/runs/{run_id}/report",
    summary="Get the report of a run",
    response_class=Response,
    responses={200: HTML, **responses(NotFound, Corrupt)},
    dependencies=[hold_while_sending("downloads"), hold_while_processing("catalog")],
)
def get_run_report(
    run_id: str,
    service: ServiceDep,
    baseline: Annotated[str | None, Query(max_length=100, description="A run to compare with, item by item.")] = None,
) -> Response:
    """One HTML file that loads nothing from a network."""
    page = write_report(RunStore(service.settings.root), run_id, service.reader, baseline)
    return Response(page, media_type="text/html", headers=REPORT_HEADERS)


@router.get(
    "/runs/{run_id}/comparison",
    summary="Compare a run with another",
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def compare_with_run(
    run_id: str, service: ServiceDep, baseline: Annotated[str, Query(max_length=100, description="The first run.")]
) -> RunComparison:
    """Item by item: this run minus the baseline, with 95 % intervals and p-values."""
    return runs.compare(RunStore(service.settings.root), baseline, run_id)


@router.delete(
    "/runs/{run_id}",
    summary="Delete a run",
    status_code=204,
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def delete_run(run_id: str, service: ServiceDep) -> None:
    """The files of the set and the encoded features stay."""
    RunStore(service.settings.root).remove(run_id)


@router.get(
    "/{evaluation_id}",
    summary="Get an evaluation",
    responses={200: LINKS, **responses(NotFound, Corrupt)},
    dependencies=[hold_while_processing("catalog")],
)
def get_evaluation(evaluation_id: str, service: ServiceDep) -> Evaluation:
    """State, progress and, when it is done, the run."""
    return jobs.get_evaluation(service, evaluation_id)
