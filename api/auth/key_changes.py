"""Changes of keys, made by `mm keys` on the server, copied from the key file into the audit log.

The command may run where the catalog cannot be reached, so it writes each change into the key file
together with the key itself. The service copies them when it starts and before the audit log is
read; a crash in between copies some again, which does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.catalog.audit import LOCAL, NewAudit

if TYPE_CHECKING:
    from indexes.catalog.catalog import Catalog
    from mm.keys import KeyFile


def copy_key_changes(keys: KeyFile, catalog: Catalog) -> int:
    """Record the changes that are not recorded yet, and end the sessions of revoked keys. Returns
    how many changes.

    Raises `Corrupt`, `Unavailable`; what is not recorded then stays in the key file.
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
        keys.forget_changes({change.id for change in changes})
    return len(changes)
