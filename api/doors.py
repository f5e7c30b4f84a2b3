"""What bounds how much comes in at once: questions, uploads, and jobs that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from api.gate import Gate
from mm.errors import TooMany

if TYPE_CHECKING:
    from indexes.catalog import Catalog
    from mm.settings import Settings

QUEUE_SECONDS = 10.0  # after which it is worth asking again whether a job has ended


class Doors:
    """The doors of one process."""

    def __init__(self, settings: Settings) -> None:
        self.searches = Gate(settings.max_searches, "questions", "max_searches")
        self.uploads = Gate(settings.max_uploads, "uploads", "max_uploads")
        self._max_waiting_jobs = settings.max_waiting_jobs

    def refuse_more_jobs(self, catalog: Catalog) -> None:
        """Raise `TooMany` when so many jobs wait that another upload would only lie there."""
        if (waiting := catalog.waiting_jobs()) >= self._max_waiting_jobs:
            raise TooMany(
                f"{waiting:,} jobs are not done yet, and no more are taken until some are (MM_MAX_WAITING_JOBS).", QUEUE_SECONDS
            )


def get_doors(request: Request) -> Doors:
    """The doors of the application that got the request."""
    doors = request.app.state.doors
    assert isinstance(doors, Doors)
    return doors


DoorsDep = Annotated[Doors, Depends(get_doors)]
