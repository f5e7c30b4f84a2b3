"""Copies changes of API keys from the key file to the audit log.

`mm keys` may run where the catalog is unreachable, so it writes each change to the key file
together with the key. The service copies the changes at startup and before the audit log is read;
after a crash in between, it copies some of them again, which has no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.catalog.audit import LOCAL, NewAudit

if TYPE_CHECKING:
    from indexes.catalog.catalog import Catalog
    from mm.keys import KeyFile


def copy_key_changes(keys: KeyFile, catalog: Catalog) -> int:
    """Record the changes that are not in the audit log yet, and end the sessions of revoked keys.

    Returns the number of changes. Raises `Corrupt`, `Unavailable`; unrecorded changes then stay in
    the key file.
    """
    changes = keys.changes()
    for change in changes:
        detail = {"name": change.name, "scope": change.scope, "user": change.user}
        new = NewAudit(action=change.action, subject=change.key_id, detail=detail, at=change.at, source=change.id)
        catalog.record_audit(LOCAL, new)
    revoked = {change.key_id for change in changes if change.action == "key.revoke"}
    if revoked:
        catalog.end_sessions(revoked, LOCAL)
    if changes:
        keys.remove_changes({change.id for change in changes})
    return len(changes)
