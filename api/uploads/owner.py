"""Who may see, continue and end a resumable upload: the key that began it, and any admin key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.auth.callers import caller_in
from mm.errors import NotFound

if TYPE_CHECKING:
    from starlette.requests import Request

    from api.limits.threads import Threads
    from api.service import Service
    from indexes.storage.resumable_info import UploadInfo


async def require_owner(request: Request, service: Service, threads: Threads, upload_id: str) -> UploadInfo:
    """The upload. Raises `NotFound` also when it is another key's, and `Gone` when it expired.

    Where no key is asked for, the id alone decides: a phone that changes its network has another
    address.
    """
    info = await threads.run(service.store.uploads.get, upload_id)
    caller = caller_in(request.scope)
    if caller.key is not None and info.owner not in {"", str(caller)} and not caller.key.allows("admin"):
        raise NotFound(f"There is no upload {upload_id!r}.")
    return info
