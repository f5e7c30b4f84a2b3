"""Checks of the sandbox in which files are decoded."""

from __future__ import annotations

from mm.cli.diagnosis.results import failed, run_check
from mm.embedded.address_file import find_running_service
from mm.errors import MMError
from mm.schemas import Check
from mm.settings import Settings

WORKER_SANDBOX = "worker sandbox"
"""Name of the check in /readyz."""
RESPONSE_SECONDS = 3


def check_sandbox(settings: Settings) -> Check:
    """The sandbox layers of a decoding process, and those of the running service if they differ."""
    from mm.client import Client
    from mm.media import MediaReader

    def check() -> str:
        with MediaReader.from_settings(settings) as reader:
            return reader.active_layers().describe()

    here, url = run_check("sandbox", check), find_running_service(settings.root)
    if url is None:
        return here
    try:
        with Client(url, timeout=RESPONSE_SECONDS) as client:
            service = next((check for check in client.ready().checks if check.name == "sandbox"), here)
    except MMError as error:
        return failed("sandbox", f"{here.detail} The service at {url} does not report its layers: {error}")
    if (service.ok, service.detail) == (here.ok, here.detail):
        return here
    fix = "They differ: compare the users and the containers of both."
    return Check(name="sandbox", ok=service.ok, detail=f"In the service: {service.detail} In this command: {here.detail} {fix}")


def check_worker_sandbox(settings: Settings) -> list[Check]:
    """The sandbox layers that the running workers report; empty without a service."""
    from mm.client import Client

    url = find_running_service(settings.root)
    if url is None:
        return []
    try:
        with Client(url, timeout=RESPONSE_SECONDS) as client:
            return [check for check in client.ready().checks if check.name == WORKER_SANDBOX]
    except MMError as error:
        return [failed(WORKER_SANDBOX, f"The service at {url} does not report the layers of its workers: {error}")]
