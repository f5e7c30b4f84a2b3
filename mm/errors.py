"""Every error that reaches a user. Each has a stable slug, an HTTP status and one sentence that
says what is wrong.

The API turns them into problem details (RFC 9457) whose `type` ends in the slug; the client turns
those back into the same class.
"""

from __future__ import annotations

from typing import ClassVar


class MMError(Exception):
    """Base of all errors of the product. `str(error)` is a full sentence for a person."""

    slug: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"


class InvalidInput(MMError):
    """A parameter, a query or a setting is not what it must be."""

    slug = "invalid-input"
    status = 400
    title = "Invalid input"


class UnsupportedMedia(MMError):
    """The bytes are of no type that is accepted here."""

    slug = "unsupported-media"
    status = 415
    title = "Unsupported media"


class TooLarge(MMError):
    """An input is over its size limit; the message names the limit and its setting."""

    slug = "too-large"
    status = 413
    title = "Too large"


class MediaError(MMError):
    """A media file cannot be read. Names the file and the reason.

    `reason` is one of: `empty`, `truncated`, `unreadable`, `unsupported`, `no-streams`,
    `too-large`, `timeout`, `out-of-memory`, `crashed`, `forbidden` (decoding it tried what the
    sandbox does not allow).
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
    """The service wants an API key, and the request brings none that it knows."""

    slug = "unauthorized"
    status = 401
    title = "API key needed"


class Forbidden(MMError):
    """What was asked for is not allowed by the settings."""

    slug = "forbidden"
    status = 403
    title = "Forbidden"


class NotFound(MMError):
    """No such item, job, model or route."""

    slug = "not-found"
    status = 404
    title = "Not found"


class Conflict(MMError):
    """The thing exists but is not in a state that allows this."""

    slug = "conflict"
    status = 409
    title = "Conflict"


class SpaceMismatch(MMError):
    """Vectors of two spaces, or of two versions of one, were about to be mixed."""

    slug = "space-mismatch"
    status = 409
    title = "Vectors of different spaces"


class TooMany(MMError):
    """More was asked for than is taken at once. `retry_after` is when to ask again, in seconds."""

    slug = "too-many"
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(MMError):
    """A part that is needed does not answer: the broker, the catalog, a worker, the service
    itself."""

    slug = "unavailable"
    status = 503
    title = "Unavailable"


class WrongLibrary(Unavailable):
    """The catalog and the folder of the library do not belong together, or one of them is not
    there."""

    slug = "wrong-library"
    title = "Catalog and folder do not match"


class StorageFull(Unavailable):
    """The disk has no room for what is to be written."""

    slug = "storage-full"
    status = 507
    title = "Storage full"


class Cancelled(MMError):
    """The caller no longer wants the answer and said so."""

    slug = "cancelled"
    status = 499
    title = "Cancelled"


class RequestTimeout(MMError):
    """The body of a request stopped, or came more slowly than is waited for; the message names the
    setting."""

    slug = "request-timeout"
    status = 408
    title = "Request timeout"


class Gone(MMError):
    """An upload that expired, or whose bytes are no longer there; it has to begin anew."""

    slug = "gone"
    status = 410
    title = "Gone"


class UnsupportedVersion(MMError):
    """The caller speaks a version of a protocol that is not spoken here."""

    slug = "unsupported-version"
    status = 412
    title = "Unsupported version"


class WrongContentType(MMError):
    """The body is declared as something that this request does not take."""

    slug = "wrong-content-type"
    status = 415
    title = "Wrong content type"


class Locked(MMError):
    """Another request works on the same upload just now."""

    slug = "locked"
    status = 423
    title = "Locked"


class ChecksumMismatch(MMError):
    """The bytes that arrived are not those that were sent; none of them was kept."""

    slug = "checksum-mismatch"
    status = 460
    title = "Checksum mismatch"


class Corrupt(MMError):
    """Stored data does not match its checksum or its format."""

    slug = "corrupt"
    status = 500
    title = "Corrupt data"


class MissingData(Corrupt):
    """A file of the library that the catalog names is not there."""

    slug = "missing-data"
    status = 410
    title = "Missing data"


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
    )
}
"""Errors by slug, without `MediaError`, whose fields come with the problem document."""
