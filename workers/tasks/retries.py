"""Retries of failed tasks: permanent errors fail the job, others are retried up to a limit."""

from __future__ import annotations

import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, TypeGuard

import structlog

from mm.errors import Corrupt, InvalidInput, MediaError, MMError, SpaceMismatch, TooLarge, Unavailable, UnsupportedMedia
from mm.private import hide_home
from workers.messaging.dispatch import tolerate_broker_failure
from workers.tasks.lease import Interrupted

if TYPE_CHECKING:
    from pathlib import Path

    from indexes.catalog.catalog import Catalog
    from indexes.catalog.records import ChunkRow, JobRow
    from mm.settings import Settings
    from workers.context import WorkerContext

PERMANENT = (MediaError, UnsupportedMedia, TooLarge, InvalidInput, SpaceMismatch, Corrupt)
"""Errors that a retry would raise again."""
TRANSIENT_MEDIA_REASONS = frozenset({"timeout", "out-of-memory", "crashed"})
"""Reasons of a `MediaError` that a busy machine can cause as well as the file."""
WAITING = "waiting for the next attempt"
RETRY_SWEEPS = 3
"""Delay from a failed attempt to the next, in sweeps."""
MAX_EVENTS = 100_000


class JobAttempt:
    """Context manager around one attempt at a step on a whole job.

    Attempts are counted by the events of the job, which a killed worker has written. Entering
    returns the row of the job, or None if the job was deleted, has ended or was just quarantined,
    or if another worker began this step less than a lease time ago. If the clock is set back
    meanwhile, the step runs twice with the same result.
    """

    def __init__(self, context: WorkerContext, job_id: str, stage: str) -> None:
        self._catalog = context.store.catalog
        self._home = context.settings.root
        self._max_attempts = context.settings.max_attempts
        self._lease_seconds = context.settings.lease_seconds
        self._retry_in = get_retry_seconds(context.settings)
        self._job_id = job_id
        self._stage = stage
        self._num_attempts = 0

    def __enter__(self) -> JobRow | None:
        job = self._catalog.get_job(self._job_id)
        if job is None or job.is_final:
            return None
        if job.stage == self._stage and abs(time.time() - job.updated_at.timestamp()) < self._lease_seconds:
            return None
        self._num_attempts = sum(
            event.stage == self._stage for event in self._catalog.list_events_after(self._job_id, 0, MAX_EVENTS)
        )
        if self._num_attempts >= self._max_attempts:
            self._quarantine("the worker was lost")
            return None
        self._num_attempts += 1
        self._catalog.update_job(self._job_id, state="running", stage=self._stage)
        return job

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if error is None:
            return False
        if is_permanent(error):
            fail_job(self._catalog, self._job_id, describe_error(error, self._home))
            return True
        with suppress(Unavailable):  # then the next attempt waits as after a lost worker
            if self._num_attempts >= self._max_attempts:
                self._quarantine(describe_error(error, self._home))
            else:
                self._catalog.update_job(self._job_id, stage=WAITING, retry_in=self._retry_in)
        return False  # Celery logs it; the sweeper dispatches again

    def _quarantine(self, reason: str) -> None:
        detail = f"{self._stage.capitalize()} was given up after {self._num_attempts} attempts. Last: {reason}"
        self._catalog.quarantine_job(self._job_id, detail)


class ChunkAttempt:
    """Context manager around one attempt at a leased chunk.

    A failure releases the lease with its reason, and quarantines the job after the last attempt.
    """

    def __init__(self, context: WorkerContext, chunk: ChunkRow) -> None:
        self._context = context
        self._chunk = chunk

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if error is None:
            return False
        catalog, chunk = self._context.store.catalog, self._chunk
        log = structlog.get_logger().bind(job=chunk.job_id, chunk=chunk.index)
        if isinstance(error, Interrupted):
            log.info("chunk released", reason=error.reason)
            catalog.release_chunk(chunk.pk, self._context.owner, None)
            if error.is_shutdown:
                with tolerate_broker_failure():
                    self._context.dispatcher.dispatch()
            return True
        if is_permanent(error):
            fail_job(catalog, chunk.job_id, describe_error(error, self._context.settings.root))
            return True
        reason = describe_error(error, self._context.settings.root)
        catalog.release_chunk(chunk.pk, self._context.owner, reason, retry_in=get_retry_seconds(self._context.settings))
        if chunk.attempts >= self._context.settings.max_attempts:
            quarantine_chunk(catalog, chunk, chunk.attempts, reason)
        return False  # Celery logs it; the sweeper dispatches again


def get_retry_seconds(settings: Settings) -> float:
    """Seconds from a failed attempt to the next."""
    return RETRY_SWEEPS * settings.sweep_seconds


def is_permanent(error: BaseException) -> TypeGuard[MMError]:
    """Whether a retry would raise the same error."""
    if isinstance(error, MediaError):
        return error.reason not in TRANSIENT_MEDIA_REASONS
    return isinstance(error, PERMANENT)


def describe_error(error: BaseException, home: Path) -> str:
    """Describe an error: an `MMError` by its sentence, any other by its type and text.

    Paths of the home folder are hidden.
    """
    return hide_home(str(error) if isinstance(error, MMError) else f"{type(error).__name__}: {error}", home)


def quarantine_chunk(catalog: Catalog, chunk: ChunkRow, attempts: int, reason: str) -> None:
    """Quarantine the job with the chunk, the number of attempts and the last error."""
    structlog.get_logger().warning("job quarantined", job=chunk.job_id, chunk=chunk.index, detail=reason)
    section = f"The section from {chunk.start:.1f} to {chunk.end:.1f} s" if chunk.end > chunk.start else "The file"
    catalog.quarantine_job(chunk.job_id, f"{section} was given up after {attempts} attempts. Last: {reason}")


def fail_job(catalog: Catalog, job_id: str, reason: str) -> None:
    """End the job as failed, with `reason` as its error."""
    structlog.get_logger().warning("job failed", job=job_id, detail=reason)
    catalog.update_job(job_id, state="failed", error=reason)
