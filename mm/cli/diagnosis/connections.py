"""Checks of the port, the broker and the database."""

from __future__ import annotations

import os
import socket

from mm.cli.diagnosis.results import failed, first_line, passed, run_check
from mm.embedded.address_file import find_running_service
from mm.embedded.broker import broker_binary
from mm.errors import InvalidInput
from mm.schemas import Check
from mm.settings import Settings

RESPONSE_SECONDS = 3


def check_port(settings: Settings) -> Check:
    """Whether the API can listen on its port, or does so already."""
    where = f"{settings.host} port {settings.port}"
    if (url := find_running_service(settings.root)) is not None:
        return passed("port", f"The service of this folder runs at {url}.")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        fix = "Set MM_PORT or `mm serve --port` to another port; 0 selects a free one."
        return failed("port", f"The API cannot listen on {where}: {error.strerror or error}. {fix}")
    return passed("port", f"{where} is free.")


def check_broker(settings: Settings) -> Check:
    """Whether the broker of the settings responds, or the embedded broker can be started."""
    if not settings.broker_url:

        def check_embedded() -> str:
            program = broker_binary()
            if not os.access(program, os.X_OK):
                raise InvalidInput(f"The embedded broker {program} is not executable; set MM_BROKER_URL.")
            return "The embedded broker is used."

        return run_check("broker", check_embedded)
    import redis

    try:
        with redis.Redis.from_url(
            settings.broker_url, socket_timeout=RESPONSE_SECONDS, socket_connect_timeout=RESPONSE_SECONDS
        ) as client:
            client.ping()
    except ValueError:  # its text contains the part of the URL that is invalid, possibly the password
        return failed(
            "broker", "MM_BROKER_URL is not a valid redis:// URL. In a password, write # as %23, / as %2F, ? as %3F, @ as %40."
        )
    except (redis.RedisError, OSError) as error:
        return failed("broker", f"The broker of MM_BROKER_URL does not respond: {first_line(error)}. Ingest waits until it does.")
    return passed("broker", "The broker of MM_BROKER_URL responds.")


def check_database(settings: Settings) -> Check:
    """Whether the database of the settings responds."""
    if not settings.database_url:
        return passed("database", "SQLite in the home folder is used.")
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(settings.database_url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        return failed("database", f"The database of MM_DATABASE_URL does not respond: {first_line(error)}.")
    return passed("database", "The database of MM_DATABASE_URL responds.")
