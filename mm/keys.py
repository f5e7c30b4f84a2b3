"""API keys: who may do what. Kept as hashes in `MM_HOME/keys.json`, which only its owner may read.

A key has 256 random bits, so one round of SHA-256 is right: nobody tries that many, and every
request is checked. Slow hashes protect words that people choose.
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
"""Each may do what the ones before it may."""

FILE = "keys.json"
PREFIX = "mm"
ID_BYTES = 6
SECRET_BYTES = 32
MAX_NAME = 64
LOCK_SECONDS = 10.0
_NOBODY = hashlib.sha256(b"").hexdigest()  # compared with when no key has that id, so that both take the same time


class ApiKey(BaseModel):
    """What is kept of a key: everything but the key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern="^[0-9a-f]{12}$", description="Part of the key that is no secret.")
    name: str
    scope: Scope
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the whole key, in hex.")
    created_at: datetime

    def allows(self, scope: Scope) -> bool:
        """Whether the key may do what needs `scope`."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class KeyChange(BaseModel):
    """A key that was added or revoked, until the service has copied the change into the audit
    log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern="^[0-9a-f]{32}$", description="Random; a change is copied once.")
    at: datetime
    action: Literal["key.add", "key.revoke"]
    key_id: str
    name: str
    scope: Scope
    user: str = Field(description="Name of the user of the operating system who gave the command.")


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[ApiKey] = []
    changes: list[KeyChange] = []


_Stamp = tuple[int, int, int]


class KeyFile:
    """The keys of one home folder. Every look sees the file as it is now, so a revoked key is dead
    at once."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE
        self._read: tuple[_Stamp | None, _Content, dict[str, ApiKey]] = (None, _Content(), {})

    def all(self) -> list[ApiKey]:
        """Every key, oldest first. Raises `Corrupt`, `Unavailable`."""
        return list(self._keys().values())

    def find(self, secret: str) -> ApiKey | None:
        """The key, compared in a time that says nothing of it; `None` for one that is not known, or
        no longer."""
        parts = secret.split("_", 2)
        key = self._keys().get(parts[1]) if len(parts) == 3 else None
        same = hmac.compare_digest(_hash(secret), _NOBODY if key is None else key.sha256)
        return key if same else None

    def get(self, key_id: str) -> ApiKey | None:
        """The key of that id; `None` for one that is not known, or no longer."""
        return self._keys().get(key_id)

    def add(self, name: str, scope: Scope) -> tuple[ApiKey, str]:
        """Make a key. Returns what is kept of it, and the key itself, which nobody can read again.

        Raises `InvalidInput` for a name that is no name, `Conflict` for one that a key has.
        """
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidInput(f"{name[:MAX_NAME]!r} is no name for a key; it has 1 to {MAX_NAME} printable characters.")
        key_id = secrets.token_hex(ID_BYTES)
        secret = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        made = ApiKey(id=key_id, name=name, scope=scope, sha256=_hash(secret), created_at=datetime.now(UTC))

        def with_it(content: _Content) -> _Content:
            if any(key.name == name for key in content.keys):
                raise Conflict(f"There is a key named {name!r}; revoke it first, or choose another name.")
            return _Content(keys=[*content.keys, made], changes=[*content.changes, _change_of("key.add", made)])

        self._change(with_it)
        return made, secret

    def revoke(self, which: str) -> ApiKey:
        """Remove the key of that name or id. Raises `NotFound`."""
        gone: list[ApiKey] = []

        def without_it(content: _Content) -> _Content:
            gone.extend(key for key in content.keys if which in (key.id, key.name))
            if not gone:
                raise NotFound(f"There is no key {which!r}.")
            changes = [*content.changes, *(_change_of("key.revoke", key) for key in gone)]
            return _Content(keys=[key for key in content.keys if key not in gone], changes=changes)

        self._change(without_it)
        return gone[0]

    def changes(self) -> list[KeyChange]:
        """Additions and revocations that are not in the audit log yet, oldest first. Raises
        `Corrupt`, `Unavailable`."""
        self._keys()
        return list(self._read[1].changes)

    def forget_changes(self, ids: Collection[str]) -> None:
        """Remove changes that are in the audit log."""
        self._change(
            lambda content: _Content(keys=content.keys, changes=[change for change in content.changes if change.id not in ids])
        )

    def _keys(self) -> dict[str, ApiKey]:
        try:
            status = self.path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            before, _, keys = self._read
            if stamp != before:
                content = _Content.model_validate_json(self.path.read_bytes())
                keys = {key.id: key for key in content.keys}
                self._read = (stamp, content, keys)
        except FileNotFoundError:
            self._read = (None, _Content(), {})
            return {}
        except OSError as error:
            raise Unavailable(f"The keys cannot be read from {self.path}: {error.strerror}.") from error
        except ValidationError as error:
            raise Corrupt(f"{self.path} is no file of keys.") from error
        return keys

    def _change(self, change: Callable[[_Content], _Content]) -> None:
        """Replace the file, whole or not at all, while nobody else does."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS):
                self._keys()
                content = change(self._read[1])
                # Without the list of changes when it is empty: versions that know none can read the
                # file then.
                write_atomic(self.path, content.model_dump_json(indent=1, exclude_defaults=True).encode())
        except Timeout as error:
            raise Unavailable(f"Another command has been changing {self.path} for {LOCK_SECONDS:.0f} s.") from error
        except OSError as error:
            raise Unavailable(f"The keys cannot be written to {self.path}: {error.strerror}.") from error


def _change_of(action: Literal["key.add", "key.revoke"], key: ApiKey) -> KeyChange:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = str(os.getuid())
    return KeyChange(
        id=secrets.token_hex(16), at=datetime.now(UTC), action=action, key_id=key.id, name=key.name, scope=key.scope, user=user
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
