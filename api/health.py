"""`python -m api.health`: health check of a container, for the API on this machine.

The exit status is 0 if the API accepts uploads and answers queries. Worker and broker are not
included: they have checks of their own, and uploads are accepted without them.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import sys

from mm.errors import MMError, Unavailable
from mm.settings import load_settings

TIMEOUT = 10.0
IGNORED_CHECKS = frozenset({"worker", "broker"})
"""Readiness checks of other containers."""


def check(host: str, port: int) -> None:
    """Query the readiness of the API at an address. Raises `Unavailable` with the failed checks."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        checks = json.loads(response.read())["checks"]
        failed = [
            entry["detail"] for entry in checks if entry["required"] and not entry["ok"] and entry["name"] not in IGNORED_CHECKS
        ]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"The API at {host} port {port} does not report its readiness: {error}.") from error
    finally:
        connection.close()
    if failed:
        raise Unavailable(" ".join(failed))


def get_local_host(host: str) -> str:
    """Return the host at which this machine reaches a server that listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a name
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def main() -> int:
    try:
        settings = load_settings()
        check(get_local_host(settings.host), settings.port)
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
