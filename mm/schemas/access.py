"""The identity of a client, the signed-in browsers, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from mm.schemas.base import Model

KeyScope = Literal["read", "write", "admin"]


class Session(Model):
    """The API key of a request, and when the session of a browser expires."""

    key_id: str | None = Field(None, description="Id of the API key; null where no key is needed.")
    name: str | None = Field(None, description="Name of the API key.")
    scope: KeyScope | None = Field(None, description="Scope of the API key.")
    expires_at: datetime | None = Field(None, description="When the browser has to sign in again; null for a key in a header.")


class SignedIn(Model):
    """A browser that signed in with a key."""

    id: str = Field(description="Id of the session; it is not the value of the cookie.")
    key_id: str
    name: str = Field(description="Name of the API key.")
    created_at: datetime
    expires_at: datetime


class SignedInList(Model):
    """The signed-in browsers, latest sign-in first."""

    data: list[SignedIn]


class AuditEntry(Model):
    """One change: who made it, when, and to what."""

    id: int = Field(description="Increases in the order of writing.")
    at: datetime = Field(description="When the change was made.")
    actor: str = Field(description="Id of an API key; `local`, `anonymous` or `worker` without one.")
    address: str = Field(description="Address of the client; empty for a command on the server.")
    request_id: str | None = Field(None, description="Id of the request, as in the log.")
    action: str = Field(description="As in `item.delete`; docs/security.md lists the actions.")
    subject: str = Field(description="Id of what was changed.")
    detail: dict[str, JsonValue] = Field(description="Further facts about the change.")


class AuditPage(Model):
    """One page of the audit log. Pass `next` as `cursor` to get the following page."""

    entries: list[AuditEntry]
    next: str | None = Field(None, description="Null on the last page.")
