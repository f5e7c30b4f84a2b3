"""All errors that reach a user. Each has a stable slug, an HTTP status and a message of one or more
full sentences.

The API converts them to problem details (RFC 9457) whose `type` ends in the slug; the client
converts those back to the same class.
"""

from __future__ import annotations

from typing import ClassVar


class MMError(Exception):
    """Base class. `str(error)` is a message for the user."""

    slug: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"


class InvalidInput(MMError):
    """A parameter, a query or a setting is invalid."""

    slug = "invalid-input"
    status = 400
    title = "Invalid input"


class UnsupportedMedia(MMError):
    """The type of the file is not supported."""

    slug = "unsupported-media"
    status = 415
    title = "Unsupported media"


class TooLarge(MMError):
    """An input exceeds its size limit; the message names the limit and its setting."""

    slug = "too-large"
    status = 413
    title = "Too large"


class MediaError(MMError):
    """A media file cannot be read. The message has the name of the file and the reason.

    `reason` is one of: `empty`, `truncated`, `unreadable`, `unsupported`, `no-streams`,
    `too-large`, `timeout`, `out-of-memory`, `crashed`, `forbidden` (the decoder violated the
    sandbox).
    """

    slug = "media-error"
    status = 422
    title = "Unreadable media"

    def __init__(self, name: str, reason: str, detail: str) -> None:
        super().__init__(f"{name}: {detail} ({reason})")
        self.name = name
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[MediaError], tuple[str, str, str]]:
        return (type(self), (self.name, self.reason, self.detail))


class Unauthorized(MMError):
    """The service requires an API key, and the request has no valid one."""

    slug = "unauthorized"
    status = 401
    title = "API key required"


class Forbidden(MMError):
    """The settings, or the scope of the key, do not allow the request."""

    slug = "forbidden"
    status = 403
    title = "Forbidden"


class NotFound(MMError):
    """The item, job, model or route does not exist."""

    slug = "not-found"
    status = 404
    title = "Not found"


class Conflict(MMError):
    """The state of the resource does not allow the request."""

    slug = "conflict"
    status = 409
    title = "Conflict"


class SpaceMismatch(MMError):
    """Vectors of different spaces, or of different versions of one, cannot be combined."""

    slug = "space-mismatch"
    status = 409
    title = "Vectors of different spaces"


class TooMany(MMError):
    """A limit of rate or concurrency is reached. `retry_after` is the time to wait, in seconds."""

    slug = "too-many"
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(MMError):
    """A required component does not respond: broker, catalog, worker, or the service itself."""

    slug = "unavailable"
    status = 503
    title = "Unavailable"


class GenerationInterrupted(Unavailable):
    """The generation engine stopped during the request. The request may be sent again."""

    slug = "generation-interrupted"
    title = "Generation interrupted"


class GenerationFailed(MMError):
    """The language model computed no valid next token, or the grammar could not be continued."""

    slug = "generation-failed"
    status = 500
    title = "Generation failed"


class WrongLibrary(Unavailable):
    """The catalog and the folder do not belong to the same library, or one of them is missing."""

    slug = "wrong-library"
    title = "Catalog and folder do not match"


class StorageFull(Unavailable):
    """The disk has no space left for the data to be written."""

    slug = "storage-full"
    status = 507
    title = "Storage full"


class Cancelled(MMError):
    """The client cancelled the operation."""

    slug = "cancelled"
    status = 499
    title = "Cancelled"


class RequestTimeout(MMError):
    """The body of a request stalled or arrived too slowly; the message names the setting."""

    slug = "request-timeout"
    status = 408
    title = "Request timeout"


class Gone(MMError):
    """The upload has expired, or its bytes are missing; create a new one."""

    slug = "gone"
    status = 410
    title = "Gone"


class UnsupportedVersion(MMError):
    """The version of the protocol is not supported."""

    slug = "unsupported-version"
    status = 412
    title = "Unsupported version"


class WrongContentType(MMError):
    """The `Content-Type` of the body is not supported by this route."""

    slug = "wrong-content-type"
    status = 415
    title = "Wrong content type"


class Locked(MMError):
    """Another request is writing to the same upload."""

    slug = "locked"
    status = 423
    title = "Locked"


class ChecksumMismatch(MMError):
    """The received bytes do not match the checksum; none of them was kept."""

    slug = "checksum-mismatch"
    status = 460
    title = "Checksum mismatch"


class Corrupt(MMError):
    """Stored data does not match its checksum or its format."""

    slug = "corrupt"
    status = 500
    title = "Corrupt data"


class MissingData(Corrupt):
    """A file that the catalog names is missing in the library."""

    slug = "missing-data"
    status = 410
    title = "Missing data"


class MissingScale(MMError):
    """A measurement in millimetres has no scale; the message says how to add one."""

    slug = "missing-scale"
    status = 422
    title = "No scale"


class OutsideScale(MMError):
    """A region lies outside the area in which its scale holds."""

    slug = "outside-scale"
    status = 422
    title = "Outside the area of the scale"


class NotMeasurable(MMError):
    """The region has no edge that can be located: no contrast, no pixels or no background."""

    slug = "not-measurable"
    status = 422
    title = "Not measurable"


ERRORS: dict[str, type[MMError]] = {
    error.slug: error
    for error in (
        MMError,
        InvalidInput,
        UnsupportedMedia,
        TooLarge,
        Unauthorized,
        Forbidden,
        NotFound,
        Conflict,
        SpaceMismatch,
        TooMany,
        RequestTimeout,
        Unavailable,
        GenerationInterrupted,
        GenerationFailed,
        WrongLibrary,
        StorageFull,
        Cancelled,
        Gone,
        UnsupportedVersion,
        WrongContentType,
        Locked,
        ChecksumMismatch,
        Corrupt,
        MissingData,
        MissingScale,
        OutsideScale,
        NotMeasurable,
    )
}
"""Errors by slug, without `MediaError`, which has further fields in the problem document."""
