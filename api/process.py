"""The process of the API: serves on the address of the settings until a stop signal arrives."""

from __future__ import annotations

import logging
import socket
import sys
from typing import TYPE_CHECKING

import structlog
import uvicorn

from api.app import create_app
from api.limits.open_files import allow_open_files
from api.limits.protocol import limited_protocol
from api.server import Server
from mm.errors import Conflict, MMError
from mm.private import restrict_umask
from mm.settings import load_settings

if TYPE_CHECKING:
    from mm.settings import Settings

STOP_SECONDS = 3  # for open responses at the end; an event stream would otherwise never end


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `Conflict` if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Conflict(
            f"The service cannot listen on {host} port {port}: {error.strerror or error}. "
            "Set MM_HOST or MM_PORT to another address; port 0 selects a free port."
        ) from error
    # Accepted connections inherit it. Head and body of a response are two packets: without it, the
    # second waits until the client acknowledges the first, up to 40 ms. asyncio sets it only on
    # sockets that were created with the protocol number of TCP.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def configure_logs(level: str) -> None:
    """Log each event as one line of key=value on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def serve(settings: Settings) -> None:
    """Serve until a stop signal arrives. Raises `MMError` if the service cannot start."""
    configure_logs(settings.log_level)
    listener = bind(settings.host, settings.port)
    address = listener.getsockname()[:2]
    app = create_app(settings)
    connections = app.state.connections
    connections.total = allow_open_files(settings.max_connections)
    if connections.total < settings.max_connections:
        structlog.get_logger().warning(
            "connection limit below MM_MAX_CONNECTIONS: raise the limit of open files (ulimit -Hn)", connections=connections.total
        )
    config = uvicorn.Config(
        app,
        http=limited_protocol(connections, settings),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `api.middleware.proxies` reads them, only from trusted proxies
        date_header=False,  # `Server` sets it
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    structlog.get_logger().info("listening", host=address[0], port=address[1])
    server = Server(config, settings.root / "run" / "api.json", address)
    try:
        server.run(sockets=[listener])
    except SystemExit:  # uvicorn raises it when the application does not start
        failure = getattr(app.state, "failure", None)
        if isinstance(failure, MMError):
            raise failure from None
        raise


def run() -> int:
    """Return the exit status."""
    restrict_umask()
    try:
        serve(load_settings())
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0
