"""Inspectors: create, examples, fit as a job, versions, make current, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.bodies import read_json
from api.inspection import inspectors, marks
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import JSON, json_body, links, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import Conflict, Corrupt, NotFound, TooLarge
from mm.schemas import (
    CurrentRequest,
    ExamplePage,
    ExampleRequest,
    FitJob,
    FitRequest,
    InspectionMarkList,
    Inspector,
    InspectorList,
    InspectorRequest,
    InspectorVersionList,
)

router = APIRouter(prefix="/v1/inspectors", tags=["inspectors"])

BODY_BYTES = 64 << 10
EXAMPLES_BYTES = 1 << 20
"""Of the ids and groups of one request."""
OF_NAME = ("get_inspector", "delete_inspector", "list_examples", "list_versions", "fit_inspector")
NAME_LINKS: JSON = {"links": links("name", "$response.body#/name", *OF_NAME)}
LIST_LINKS: JSON = {"links": links("name", "$response.body#/data/0/name", *OF_NAME)}
LOCATION: JSON = {"headers": {"Location": {"description": "Path of the job", "schema": {"type": "string"}}}}


@router.post(
    "",
    summary="Create an inspector",
    status_code=201,
    responses={201: NAME_LINKS, **responses(Conflict, TooLarge)},
    openapi_extra=json_body(InspectorRequest, disc={"name": "disc", "settings": {"rate": 0.05, "has_rotations": True}}),
)
async def create_inspector(request: Request, service: ServiceDep, limits: LimitsDep) -> Inspector:
    """It has no version before it is fitted on examples."""
    body = await read_json(request, InspectorRequest, BODY_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), inspectors.create_inspector, service, body)


@router.get(
    "",
    summary="List the inspectors",
    responses={200: LIST_LINKS, **responses(Corrupt)},
    dependencies=[hold_while_processing("catalog")],
)
def list_inspectors(service: ServiceDep) -> InspectorList:
    """By name, also those that `mm inspect fit` fitted in the same home folder."""
    return InspectorList(data=inspectors.list_inspectors(service))


@router.get(
    "/{name}",
    summary="Get an inspector",
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def get_inspector(name: str, service: ServiceDep) -> Inspector:
    """With the statement of the threshold of each version."""
    return inspectors.get_inspector(service, name)


@router.delete(
    "/{name}",
    summary="Delete an inspector",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_inspector(name: str, service: ServiceDep) -> None:
    """With its versions, examples and marks; its fits are cancelled. Results of it stay."""
    inspectors.delete_inspector(service, name)


@router.post(
    "/{name}/examples",
    summary="Add examples of good parts",
    responses=responses(NotFound, TooLarge),
    openapi_extra=json_body(ExampleRequest, one={"examples": [{"item": "88431cd9653ccd539741b555fb0a46b6", "group": "part 1"}]}),
)
async def add_examples(name: str, request: Request, service: ServiceDep, limits: LimitsDep) -> ExamplePage:
    """Images of the library. Of an image that it has, the group is changed."""
    body = await read_json(request, ExampleRequest, EXAMPLES_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), inspectors.add_examples, service, name, body)


@router.get(
    "/{name}/examples",
    summary="List the examples of an inspector",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_examples(
    name: str,
    service: ServiceDep,
    cursor: Annotated[str | None, Query(description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ExamplePage:
    """In the order in which they were added."""
    return inspectors.list_examples(service, name, cursor, limit)


@router.delete(
    "/{name}/examples/{item_id}",
    summary="Remove an example",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def remove_example(name: str, item_id: str, service: ServiceDep) -> None:
    """Versions that were fitted with it stay as they are; the item stays in the library."""
    inspectors.remove_example(service, name, item_id)


@router.post(
    "/{name}/fit",
    summary="Fit a version",
    status_code=202,
    responses={202: LOCATION, **responses(NotFound, Conflict, TooLarge)},
    openapi_extra=json_body(FitRequest, required=False, rate={"settings": {"rate": 0.01}}),
)
async def fit_inspector(name: str, request: Request, response: Response, service: ServiceDep, limits: LimitsDep) -> FitJob:
    """On the examples, as a job. 409 without examples."""
    client = get_client_id(request.scope)
    body = await read_json(request, FitRequest, BODY_BYTES, default=FitRequest())
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    result = await limits.catalog.run(client, inspectors.fit, service, name, body)
    response.headers["Location"] = f"/v1/jobs/{result.job.id}"
    return result


@router.post(
    "/{name}/teach",
    summary="Teach an inspector by its marks",
    status_code=202,
    responses={202: LOCATION, **responses(NotFound, Conflict, Corrupt)},
)
async def teach_inspector(name: str, request: Request, response: Response, service: ServiceDep, limits: LimitsDep) -> FitJob:
    """As a job. The new version becomes current only if held-out groups improve."""
    client = get_client_id(request.scope)
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    result = await limits.catalog.run(client, inspectors.teach, service, name)
    response.headers["Location"] = f"/v1/jobs/{result.job.id}"
    return result


@router.get(
    "/{name}/marks",
    summary="List the marks of an inspector",
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def list_inspector_marks(name: str, service: ServiceDep) -> InspectionMarkList:
    """Marks in force, also those of files that `mm inspect mark` marked."""
    return InspectionMarkList(data=marks.list_inspector_marks(service, name))


@router.delete(
    "/{name}/marks/{mark_id}",
    summary="Undo a mark of an inspector",
    status_code=204,
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def undo_inspector_mark(name: str, mark_id: str, service: ServiceDep) -> None:
    """Versions that it taught stay as they are."""
    marks.undo_inspector_mark(service, name, mark_id)


@router.get(
    "/{name}/versions",
    summary="List the versions of an inspector",
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def list_versions(name: str, service: ServiceDep) -> InspectorVersionList:
    """In ascending order."""
    return InspectorVersionList(data=inspectors.get_inspector(service, name).versions)


@router.post(
    "/{name}/current",
    summary="Choose the version that inspections use",
    responses=responses(NotFound, TooLarge),
    openapi_extra=json_body(CurrentRequest, undo={"version": 1}),
)
async def make_current(name: str, request: Request, service: ServiceDep, limits: LimitsDep) -> Inspector:
    """A later version, or an earlier one to undo a promotion. No version is changed or deleted."""
    body = await read_json(request, CurrentRequest, BODY_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), inspectors.make_current, service, name, body.version)
