"""`python -m api`: serve on the address of the settings until told to stop, and write down
where."""

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

STOP_SECONDS = 3  # given to open responses at the end; a client that follows a job would hold on for ever


def bind(host: str, port: int) -> socket.socket:
    """A socket on the address. Raises `Conflict` when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Conflict(
            f"The address {host} port {port} cannot be listened on: {error.strerror or error}. "
            "MM_HOST and MM_PORT choose another; port 0 takes a free one."
        ) from error
    # Accepted connections inherit it. Head and body of an answer are two packets: without it the
    # second waits until the client acknowledges the first, which it puts off by 40 ms. asyncio only
    # sets it on sockets that were made with the number of TCP.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def configure_logs(level: str) -> None:
    """One line of key=value an event, on standard error."""
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
    """Serve until a signal comes. Raises `MMError` when it cannot start."""
    configure_logs(settings.log_level)
    listener = bind(settings.host, settings.port)
    address = listener.getsockname()[:2]
    app = create_app(settings)
    connections = app.state.connections
    connections.total = allow_open_files(settings.max_connections)
    if connections.total < settings.max_connections:
        structlog.get_logger().warning(
            "fewer connections than MM_MAX_CONNECTIONS: raise the limit on open files (ulimit -Hn)", connections=connections.total
        )
    config = uvicorn.Config(
        app,
        http=limited_protocol(connections, settings),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `api.middleware.proxies` reads them, and only from proxies that the settings name
        date_header=False,  # `Server` gives it
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    structlog.get_logger().info("listening", host=address[0], port=address[1])
    server = Server(config, settings.root / "run" / "api.json", address)
    try:
        server.run(sockets=[listener])
    except SystemExit:  # the server's way to say that the application did not start
        failure = getattr(app.state, "failure", None)
        if isinstance(failure, MMError):
            raise failure from None
        raise


def main() -> int:
    restrict_umask()
    try:
        serve(load_settings())
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
