"""Who may see, continue and end a resumable upload: the key that began it, and any admin key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.callers import caller_of, key_id_of
from mm.errors import NotFound
from mm.keys import KeyFile

if TYPE_CHECKING:
    from starlette.requests import Request

    from api.limits.threads import Threads
    from api.service import Service
    from indexes.partial_info import PartialUpload


async def require_owner(request: Request, service: Service, threads: Threads, upload_id: str) -> PartialUpload:
    """The upload. Raises `NotFound` also when it is another key's, and `Gone` when it expired.

    Where no key is asked for, the id alone decides: a phone that changes its network has another address.
    """
    info = await threads.run(service.store.partial.get, upload_id)
    key_id = key_id_of(request.scope)
    if key_id is None or not info.owner or info.owner == caller_of(request.scope):
        return info
    if not await threads.run(_is_admin, KeyFile(service.settings.root), key_id):
        raise NotFound(f"There is no upload {upload_id!r}.")
    return info


def _is_admin(keys: KeyFile, key_id: str) -> bool:
    return any(key.id == key_id and key.allows("admin") for key in keys.all())
