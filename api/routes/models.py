"""The loaded space, in the format of OpenAI's list of models."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.limits.resources import LimitsDep
from api.openapi.operations import responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from mm.errors import NotFound, Unavailable
from mm.schemas import ModelInfo, ModelList

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="List the loaded spaces", responses=responses(Unavailable))
async def list_models(request: Request, service: ServiceDep, limits: LimitsDep) -> ModelList:
    """The space that is searched."""
    await service.towers.wait_async()
    return ModelList(data=[await limits.catalog.run(get_client_id(request.scope), _describe, service)])


@router.get("/{model_id}", summary="Get a space", responses=responses(NotFound, Unavailable))
async def get_model(model_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> ModelInfo:
    """By name and version, as in `lite@1`, or by name alone."""
    served = service.space.id
    if model_id not in {str(served), served.name}:
        raise NotFound(f"There is no model {model_id!r}; this service has {served}.")
    await service.towers.wait_async()
    return await limits.catalog.run(get_client_id(request.scope), _describe, service)


def _describe(service: Service) -> ModelInfo:
    served = service.spaces.current
    space = served.space
    towers = {"text": space.text.describe(), "image": space.image.describe(), "speech": space.speech.describe()}
    towers["sound"] = space.sound.describe()
    if space.query_text is not space.text:
        towers["sentences"] = space.query_text.describe()
    return ModelInfo(id=str(space.id), dim=space.dim, towers=towers, runtime=space.runtime, card=space.card)
