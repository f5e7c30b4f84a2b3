"""The scope of an API key that each request requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.keys import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN_PATH = "/session"
DOCS_PATH = "/docs"
DOCS_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
_DOCS_PATHS = {DOCS_PATH, *(f"{DOCS_PATH}/{name}" for name in DOCS_FILES)}
PUBLIC_PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/favicon.ico", SIGN_IN_PATH} | _DOCS_PATHS)
PUBLIC_PREFIX = "/static/"
QUERY_PATHS = frozenset(
    {"/v1/search", "/v1/ask", "/v1/summaries", "/v1/captions", "/v1/embeddings", "/v1/chat/completions", "/mcp"}
)
"""They read, and use POST only because a query has a body."""
IMPORT_PREFIX = "/v1/media/import"
"""Reads folders of the server."""
SPACE_PREFIX = "/v1/space"
"""Its changes affect all items, and load weights from the disk of the server."""
LINES_PREFIX = "/v1/lines"
"""Its changes read folders of the server, and connect to cameras and webhooks in its network."""
EVALUATIONS_PREFIX = "/v1/evaluations"
"""Starting one, checking a folder and listing folders read folders of the server."""
FOLDERS_PATH = "/v1/evaluations/folders"
UPLOADS_PREFIX = "/v1/uploads"
"""HEAD interrupts another request that writes to the same upload."""
ADMIN_PREFIXES = ("/v1/audit", "/v1/sessions")
"""They show the actions and sessions of other clients."""


def required_scope(method: str, path: str) -> Scope | None:
    """Return the scope that a request requires; `None` if it is public.

    Every path that is not listed as public requires a key, so a new route is protected by default.
    """
    if path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIX):
        return None
    is_change = method not in SAFE_METHODS
    if path.startswith((IMPORT_PREFIX, *ADMIN_PREFIXES)) or (is_change and path.startswith((SPACE_PREFIX, LINES_PREFIX))):
        return "admin"
    if path == FOLDERS_PATH or (method == "POST" and path.startswith(EVALUATIONS_PREFIX)):
        return "admin"
    if path.startswith(UPLOADS_PREFIX) and method != "OPTIONS":
        return "write"
    return "read" if is_read_only(method, path) else "write"


def is_read_only(method: str, path: str) -> bool:
    """Whether a request changes nothing, so that its response may be withheld."""
    return method in SAFE_METHODS or path in QUERY_PATHS
