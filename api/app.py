"""The FastAPI application: routes, middleware, and the service that it opens and closes."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

import mm
from api.auth.failure_log import FailureLog
from api.auth.key_changes import copy_key_changes
from api.auth.middleware import AuthenticationMiddleware, require_keys
from api.http import problems
from api.limits.body_timeouts import BodyTimeouts
from api.limits.connections import Connections
from api.limits.refusals import DelayedRefusals
from api.limits.resources import Limits
from api.mcp.endpoint import McpEndpoint
from api.metrics import Metrics
from api.middleware.proxies import TrustedProxies
from api.middleware.request_log import RequestLog
from api.middleware.same_origin import SameOrigin
from api.middleware.security_headers import SecurityHeaders
from api.openapi import document
from api.routes import (
    albums,
    answers,
    audit,
    captions,
    chat,
    curation,
    docs,
    embeddings,
    evaluations,
    exports,
    health,
    inspections,
    inspectors,
    jobs,
    lesions,
    lines,
    media,
    models,
    page,
    scales,
    search,
    searches,
    segments,
    session,
    space,
    summaries,
    tags,
    timeline,
    uploads,
)
from api.service import open_service
from api.uploads.tus import TusVersion
from mm.errors import MMError
from mm.keys import KeyFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from api.service import Service
    from mm.settings import Settings

SUMMARY = "Upload media; search with a text, an image, audio or a clip; get the matching time ranges."


def _record_key_changes(settings: Settings, service: Service) -> None:
    """Copy changes of keys to the audit log; on failure, the route of the log copies them later."""
    try:
        copy_key_changes(KeyFile(settings.root), service.store.catalog)
    except MMError as error:
        structlog.get_logger().warning("key changes not written to the audit log", detail=str(error))


def create_app(settings: Settings) -> FastAPI:
    """Create the application; nothing is opened before it starts."""
    metrics, limits = Metrics(), Limits(settings)
    connections = Connections(settings)
    metrics.register_limits(limits, connections)
    failures = FailureLog()
    mcp_endpoint = McpEndpoint(limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            try:
                require_keys(settings)
                stack.callback(limits.close)
                app.state.service = stack.enter_context(open_service(settings, metrics))
                _record_key_changes(settings, app.state.service)
            except MMError as error:
                app.state.failure = error  # uvicorn reports only that the startup failed
                raise
            async with mcp_endpoint.run(app.state.service):
                yield
            await failures.flush(app.state.service.store.catalog)

    app = FastAPI(
        title="mm",
        summary=SUMMARY,
        version=mm.__version__,
        lifespan=lifespan,
        redoc_url=None,
        docs_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.home = settings.root
    app.state.limits, app.state.connections = limits, connections
    for routes in (
        media,
        curation,
        albums,
        exports,
        uploads,
        segments,
        tags,
        timeline,
        jobs,
        inspectors,
        inspections,
        scales,
        search,
        searches,
        answers,
        summaries,
        captions,
        chat,
        embeddings,
        models,
        space,
        evaluations,
        lesions,
        lines,
        session,
        audit,
        health,
        page,
        docs,
    ):
        app.include_router(routes.router)
    app.mount("/static", page.files)
    app.router.routes.append(mcp_endpoint.route)
    app.state.failures = failures
    app.add_middleware(AuthenticationMiddleware, settings=settings, failures=failures)
    app.add_middleware(TusVersion)
    app.add_middleware(SameOrigin)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(BodyTimeouts, settings=settings)
    app.add_middleware(DelayedRefusals)
    # Outside all middleware that refuses requests, so that refusals have an id and are counted.
    app.add_middleware(RequestLog, metrics=metrics)
    app.add_middleware(TrustedProxies, trusted=settings.proxy_networks)
    problems.install(app)
    document.install(app)
    return app
