"""`python -m workers.health`: health check of the workers of this host, for a container.

The exit status is 0 if a worker recorded a heartbeat in the catalog within `MAX_HEARTBEAT_AGE`. A
process that runs without recording heartbeats is not healthy.
"""

from __future__ import annotations

import socket
import sys
import time

from indexes.catalog.catalog import Catalog
from indexes.catalog.database import Database
from mm.errors import MMError, Unavailable
from mm.settings import Settings, load_settings

MAX_HEARTBEAT_AGE = 60.0
"""In seconds. An idle worker executes a ping at least every 20 s (`workers.sweep_interval`), a busy
one records a heartbeat at each sweep."""


def check_heartbeat(settings: Settings, host: str) -> None:
    """Check the last heartbeat of the workers of `host`.

    Raises `Unavailable` when there is none within `MAX_HEARTBEAT_AGE`.
    """
    database = Database(settings.catalog_url)
    try:
        heartbeats = Catalog(database, time.time).list_heartbeats()
    finally:
        database.close()
    # Owners are named host:process:digits. The absolute value covers a clock that was set back.
    ages = [abs(time.time() - at) for owner, at in heartbeats if owner.rsplit(":", 2)[0] == host]
    if not ages:
        raise Unavailable(f"No worker of {host} has recorded a heartbeat.")
    if min(ages) > MAX_HEARTBEAT_AGE:
        raise Unavailable(f"The last heartbeat of a worker of {host} is {min(ages):.0f} s old.")


def main() -> int:
    try:
        check_heartbeat(load_settings(), socket.gethostname())
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
