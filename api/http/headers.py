"""Response headers: security, and the name of a stored file."""

from __future__ import annotations

import re
from urllib.parse import quote

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def content_disposition(name: str, disposition: str = "inline") -> str:
    """Return `inline` or `attachment` with a file name in ASCII for old clients and in UTF-8 (RFC
    6266)."""
    ascii_name = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"{disposition}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
