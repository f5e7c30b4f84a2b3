"""Id, log line and metrics of every request."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.metrics import Metrics

_VALID_ID = re.compile(r"[\w.\-]{1,64}", re.ASCII)  # anything else could forge log lines
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLog:
    """ASGI middleware; sets `scope["request_id"]` and the header `X-Request-ID`."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client_id = Headers(scope=scope).get("x-request-id", "")
        request_id = client_id if _VALID_ID.fullmatch(client_id) else uuid.uuid4().hex
        scope["request_id"] = request_id
        # A pipelined request inherits the variables that the previous one bound.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 500  # unless a response starts
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])  # may be an `HTTPStatus`
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # Labels must have few values: the route's template, not the path with its ids,
        route = getattr(scope.get("route"), "path", "unmatched")
        # and known methods only, because clients may send any.
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.latency.labels(method, route).observe(seconds)
        if "refusal" in scope:
            self._metrics.refusals.labels(scope["refusal"]).inc()
        structlog.get_logger().info(
            "request", method=method, path=scope["path"], route=route, status=status, seconds=round(seconds, 4)
        )
