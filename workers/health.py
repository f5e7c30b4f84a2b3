"""`python -m workers.health`: exit status 0 when a worker of this machine did something lately, for
a container's check.

A process that is alive and silent does not count: only what a working process wrote into the
catalog does.
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


def check(settings: Settings, host: str) -> None:
    """Look for a sign of the workers of machine `host`. Raises `Unavailable` when it is missing or
    old."""
    database = Database(settings.catalog_url)
    try:
        beats = Catalog(database, time.time).list_heartbeats()
    finally:
        database.close()
    # Owners are named machine:process:digits. A clock that was set back must not make an old sign a
    # new one.
    ages = [abs(time.time() - at) for owner, at in beats if owner.rsplit(":", 2)[0] == host]
    if not ages:
        raise Unavailable(f"No worker of {host} has worked yet.")
    if min(ages) > MAX_HEARTBEAT_AGE:
        raise Unavailable(f"The last sign of a worker of {host} is {min(ages):.0f} s old.")


def main() -> int:
    try:
        check(load_settings(), socket.gethostname())
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
