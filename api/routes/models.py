"""The spaces that this service has."""

from __future__ import annotations

from fastapi import APIRouter

from api.openapi import responses
from api.service import Service, ServiceDep
from mm.errors import NotFound, Unavailable
from mm.schemas import ModelInfo, ModelList

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="The spaces served", responses=responses(Unavailable))
def list_models(service: ServiceDep) -> ModelList:
    """The one that questions are answered in."""
    return ModelList(data=[_describe(service)])


@router.get("/{model_id}", summary="One space", responses=responses(NotFound, Unavailable))
def get_model(model_id: str, service: ServiceDep) -> ModelInfo:
    """By name and version, as in `lite@1`, or by name alone."""
    served = service.space.id
    if model_id not in {str(served), served.name}:
        raise NotFound(f"There is no model {model_id!r} here; this service has {served}.")
    return _describe(service)


def _describe(service: Service) -> ModelInfo:
    served = service.serving.current
    served.towers.wait()
    space = served.space
    towers = {"text": space.text.describe(), "image": space.image.describe(), "speech": space.speech.describe()}
    towers["sound"] = space.sound.describe()
    if space.questions is not space.text:
        towers["sentences"] = space.questions.describe()
    return ModelInfo(id=str(space.id), dim=space.dim, towers=towers, runtime=space.runtime, card=space.card)
