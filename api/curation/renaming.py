"""Replaces the evidence of names that were changed, so that searches find the new name."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import numpy as np
import structlog

from indexes.catalog.changes.commit_thread import CommitThread
from indexes.catalog.records import NewEvidence
from mm.errors import MMError
from mm.spaces.encode.file_name import encode_file_name

if TYPE_CHECKING:
    from api.spaces.manager import SpaceManager
    from indexes import Store
    from mm.spaces import Space

BATCH = 100
"""Names that are read at once."""
RETRY_SECONDS = 5.0
"""Time until names are encoded again after a failure."""


class NameUpdater:
    """Encodes changed names in the space that is searched, at once and after a restart.

    The catalog lists the names to encode, so that none is lost; several processes may encode the
    same name, with the same result. The thread runs inside a `with` block. Safe to use from several
    threads.
    """

    def __init__(self, store: Store, spaces: SpaceManager) -> None:
        self._store = store
        self._spaces = spaces
        self._lock = threading.Lock()
        self._thread = CommitThread(store.watch, "names", self._update_at_commit, "names not encoded", RETRY_SECONDS)

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.__exit__(*error)

    def update(self) -> int:
        """Replace the evidence of all changed names. Returns how many. Raises `MMError`.

        Does nothing before the towers are loaded.
        """
        replaced = 0
        with self._lock, self._spaces.acquire() as served:
            while served.towers.check().ok and (names := self._store.catalog.list_stale_names(served.space.id, BATCH)):
                for item_id, name in names:
                    evidence = self._encode(served.space, name)
                    replaced += self._store.catalog.replace_name_evidence(item_id, served.space.id, name, evidence)
        return replaced

    def update_now(self) -> None:
        """As `update`; what fails is logged, and repeated by the thread."""
        try:
            self.update()
        except MMError as error:
            structlog.get_logger().warning("name not searchable yet", detail=str(error))

    def _encode(self, space: Space, name: str) -> list[NewEvidence]:
        """Write a shard with the vector of a name; nothing for a name that no person chose."""
        evidence = encode_file_name(space, name)
        if evidence is None:
            return []
        piece = {"kind": "name", "start": 0.0, "end": 0.0, "text": evidence.text, "row": 0}
        record = {"start": 0.0, "end": 0.0, "shot": 0, "evidence": [piece], "frames": []}
        shard_id = self._store.shards.write(space.id, {"name": evidence.vector[None].astype(np.float16)}, [record])
        return [NewEvidence("name", 0.0, 0.0, evidence.text, shard_id, 0)]

    def _update_at_commit(self) -> float | None:
        """Update, and again soon while the towers are not loaded."""
        self.update()
        return None if self._spaces.current.towers.check().ok else RETRY_SECONDS
