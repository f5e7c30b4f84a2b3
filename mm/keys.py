"""API keys and their scopes, stored as hashes in `MM_HOME/keys.json`, readable only by its owner.

A key has 256 random bits, so one round of SHA-256 suffices: it cannot be guessed, and every request
is checked. Slow hashes protect passwords that people choose.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mm.errors import Conflict, Corrupt, InvalidInput, NotFound, Unavailable
from mm.files import write_atomic

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""In ascending order; each includes the ones before it."""

FILE = "keys.json"
PREFIX = "mm"
ID_BYTES = 6
SECRET_BYTES = 32
MAX_NAME = 64
LOCK_SECONDS = 10.0
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()  # compared for an unknown id: constant time


class ApiKey(BaseModel):
    """The stored record of a key, without the key itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern="^[0-9a-f]{12}$", description="Public part of the key.")
    name: str
    scope: Scope
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the whole key, in hex.")
    created_at: datetime

    def allows(self, scope: Scope) -> bool:
        """Whether the scope of the key includes `scope`."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class KeyChange(BaseModel):
    """An added or revoked key; stored until the service has copied it to the audit log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern="^[0-9a-f]{32}$", description="Random; identifies the change in the audit log.")
    at: datetime
    action: Literal["key.add", "key.revoke"]
    key_id: str
    name: str
    scope: Scope
    user: str = Field(description="User of the operating system who ran the command.")


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[ApiKey] = []
    changes: list[KeyChange] = []


_Stamp = tuple[int, int, int]


class KeyFile:
    """The keys of one home folder. The file is read again when it changes, so a revocation takes
    effect at once."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE
        self._cache: tuple[_Stamp | None, _Content, dict[str, ApiKey]] = (None, _Content(), {})

    def all(self) -> list[ApiKey]:
        """List all keys, oldest first. Raises `Corrupt`, `Unavailable`."""
        return list(self._keys().values())

    def find(self, secret: str) -> ApiKey | None:
        """Find a key, comparing in constant time; `None` if it is unknown or revoked."""
        fields = secret.split("_", 2)
        key = self._keys().get(fields[1]) if len(fields) == 3 else None
        is_same = hmac.compare_digest(_hash(secret), _EMPTY_HASH if key is None else key.sha256)
        return key if is_same else None

    def get(self, key_id: str) -> ApiKey | None:
        """Return the key with an id; `None` if it is unknown or revoked."""
        return self._keys().get(key_id)

    def add(self, name: str, scope: Scope) -> tuple[ApiKey, str]:
        """Create a key. Returns its record, and the key itself, which is not stored.

        Raises `InvalidInput` for an invalid name, `Conflict` for the name of an existing key.
        """
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidInput(f"{name[:MAX_NAME]!r} is not a valid key name; a name has 1 to {MAX_NAME} printable characters.")
        key_id = secrets.token_hex(ID_BYTES)
        secret = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        record = ApiKey(id=key_id, name=name, scope=scope, sha256=_hash(secret), created_at=datetime.now(UTC))

        def add_record(content: _Content) -> _Content:
            if any(key.name == name for key in content.keys):
                raise Conflict(f"There is already a key named {name!r}; revoke it first, or choose another name.")
            return _Content(keys=[*content.keys, record], changes=[*content.changes, _build_change("key.add", record)])

        self._update(add_record)
        return record, secret

    def revoke(self, name_or_id: str) -> ApiKey:
        """Revoke the key with a name or id. Raises `NotFound`."""
        revoked: list[ApiKey] = []

        def remove_record(content: _Content) -> _Content:
            revoked.extend(key for key in content.keys if name_or_id in (key.id, key.name))
            if not revoked:
                raise NotFound(f"There is no key {name_or_id!r}.")
            changes = [*content.changes, *(_build_change("key.revoke", key) for key in revoked)]
            return _Content(keys=[key for key in content.keys if key not in revoked], changes=changes)

        self._update(remove_record)
        return revoked[0]

    def changes(self) -> list[KeyChange]:
        """List the changes that are not in the audit log yet, oldest first. Raises `Corrupt`,
        `Unavailable`."""
        self._keys()
        return list(self._cache[1].changes)

    def remove_changes(self, ids: Collection[str]) -> None:
        """Remove changes that have been copied to the audit log."""
        self._update(
            lambda content: _Content(keys=content.keys, changes=[change for change in content.changes if change.id not in ids])
        )

    def _keys(self) -> dict[str, ApiKey]:
        try:
            status = self.path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            cached_stamp, _, keys = self._cache
            if stamp != cached_stamp:
                content = _Content.model_validate_json(self.path.read_bytes())
                keys = {key.id: key for key in content.keys}
                self._cache = (stamp, content, keys)
        except FileNotFoundError:
            self._cache = (None, _Content(), {})
            return {}
        except OSError as error:
            raise Unavailable(f"The keys cannot be read from {self.path}: {error.strerror}.") from error
        except ValidationError as error:
            raise Corrupt(f"{self.path} is not a valid key file; restore it from a backup.") from error
        return keys

    def _update(self, change: Callable[[_Content], _Content]) -> None:
        """Replace the content of the file atomically, under a lock between processes."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS):
                self._keys()
                content = change(self._cache[1])
                # An empty list of changes is left out: versions without that list can then read the
                # file.
                write_atomic(self.path, content.model_dump_json(indent=1, exclude_defaults=True).encode())
        except Timeout as error:
            raise Unavailable(f"{self.path} has been locked by another command for {LOCK_SECONDS:.0f} s; try again.") from error
        except OSError as error:
            raise Unavailable(f"The keys cannot be written to {self.path}: {error.strerror}.") from error


def _build_change(action: Literal["key.add", "key.revoke"], key: ApiKey) -> KeyChange:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = str(os.getuid())
    return KeyChange(
        id=secrets.token_hex(16), at=datetime.now(UTC), action=action, key_id=key.id, name=key.name, scope=key.scope, user=user
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
