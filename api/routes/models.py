"""The loaded space and the language model, in the format of OpenAI's list of models."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.limits.resources import LimitsDep
from api.openapi.operations import responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from mm.errors import NotFound, Unavailable
from mm.generation.chat.local import LocalChat
from mm.models.language.checkpoint.file import CARD
from mm.models.language.smollm2 import BUILTIN
from mm.schemas import ModelInfo, ModelList

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="List the models", responses=responses(Unavailable))
async def list_models(request: Request, service: ServiceDep, limits: LimitsDep) -> ModelList:
    """The space that is searched, and the language model, unless it is disabled."""
    await service.towers.wait_async()
    space = await limits.catalog.run(get_client_id(request.scope), _describe, service)
    return ModelList(data=[space, *_list_language_models(service)])


@router.get("/{model_id}", summary="Get a model", responses=responses(NotFound, Unavailable))
async def get_model(model_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> ModelInfo:
    """A space by name and version, as in `lite@1`, or by name alone; a language model by name."""
    language_models = _list_language_models(service)
    for model in language_models:
        if model_id == model.id:
            return model
    served = service.space.id
    if model_id not in {str(served), served.name}:
        known = ", ".join([str(served), *(model.id for model in language_models)])
        raise NotFound(f"There is no model {model_id!r}; this service has {known}.")
    await service.towers.wait_async()
    return await limits.catalog.run(get_client_id(request.scope), _describe, service)


def _list_language_models(service: Service) -> list[ModelInfo]:
    if not service.chat_models.is_enabled:
        return []
    model = service.chat_models.default
    has_card = isinstance(model, LocalChat) and model.name == BUILTIN and CARD.is_file()
    return [ModelInfo(id=model.name or "default", kind="language", card=CARD.read_text("utf-8") if has_card else "")]


def _describe(service: Service) -> ModelInfo:
    served = service.spaces.current
    space = served.space
    towers = {"text": space.text.describe(), "image": space.image.describe(), "speech": space.speech.describe()}
    towers["sound"] = space.sound.describe()
    if space.query_text is not space.text:
        towers["sentences"] = space.query_text.describe()
    return ModelInfo(id=str(space.id), dim=space.dim, towers=towers, runtime=space.runtime, card=space.card)
