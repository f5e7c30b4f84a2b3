"""The FastAPI application: routes, errors, the parts it opens at start and closes at the end."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

import mm
from api import openapi, problems
from api.doors import Doors
from api.guard import Guard, require_keys
from api.headers import SecurityHeaders
from api.metrics import Metrics
from api.observe import Observe
from api.origin import SameOrigin
from api.routes import docs, embeddings, health, jobs, media, models, page, search, segments, space, tags, uploads
from api.service import open_service
from api.tus import TusVersion
from mm.errors import MMError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mm.settings import Settings

SUMMARY = "Put media in, ask in words, with a picture, a sound or a clip, and get the moments back."


def create_app(settings: Settings) -> FastAPI:
    """The application; nothing is opened before it starts."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            try:
                require_keys(settings)
                app.state.doors = Doors(settings)
                app.state.service = stack.enter_context(open_service(settings, metrics))
            except MMError as error:
                app.state.failure = error  # the server itself only says that the start failed
                raise
            yield

    app = FastAPI(
        title="mm",
        summary=SUMMARY,
        version=mm.__version__,
        lifespan=lifespan,
        redoc_url=None,
        docs_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    for routes in (media, uploads, segments, tags, jobs, search, embeddings, models, space, health, page, docs):
        app.include_router(routes.router)
    app.mount("/static", page.files)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(TusVersion)
    app.add_middleware(SameOrigin)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observe, metrics=metrics)  # added last, so outermost: refusals are counted and get an id too
    problems.install(app)
    openapi.install(app)
    return app
