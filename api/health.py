"""`python -m api.health`: exit status 0 when this machine's API takes uploads and answers
questions, for a container's check.

A worker or broker that is away does not count here: it has a check of its own, and uploads are
accepted meanwhile.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import sys

from mm.errors import MMError, Unavailable
from mm.settings import load_settings

TIMEOUT = 10.0
OTHERS = frozenset({"worker", "broker"})
"""Checks of the readiness that are about other containers."""


def check(host: str, port: int) -> None:
    """Ask the API at this address how it is. Raises `Unavailable` with what does not work."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks = json.loads(answer.read())["checks"]
        failed = [one["detail"] for one in checks if one["required"] and not one["ok"] and one["name"] not in OTHERS]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"The API at {host} port {port} does not say how it is: {error}.") from error
    finally:
        connection.close()
    if failed:
        raise Unavailable(" ".join(failed))


def reachable(host: str) -> str:
    """Where this machine reaches what listens on `host`."""
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
        check(reachable(settings.host), settings.port)
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
