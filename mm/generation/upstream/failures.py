"""Errors of language servers as errors of this package.

Seen shapes: `{"error": {"message", "code"}}` of OpenAI, llama.cpp, Ollama and newer versions of
vLLM, `{"object": "error", "message"}` of older ones, `{"error": "..."}` of Ollama's own routes,
`{"detail": ...}` of FastAPI.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, MMError, TooLarge, TooMany, Unavailable
from mm.generation.upstream.body import OPTIONAL, RENAMED

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_ATTEMPTS = 3
MESSAGE_CHARS = 500
RETRIED = frozenset({429, 502, 503, 504})
_TOO_LONG = re.compile(
    r"context (length|size|window)|maximum context|too (long|many tokens)|exceed\w* the (available )?context", re.I
)


def read_message(body: bytes) -> str:
    """The message of an error response; its text when the shape is unknown."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return find_message(json.loads(text))
    except ValueError:
        return text[:MESSAGE_CHARS]


def find_message(document: object) -> str:
    """The message in a parsed error."""
    while isinstance(document, dict):
        document = next((document[key] for key in ("error", "message", "detail") if document.get(key)), json.dumps(document))
    return str(document)[:MESSAGE_CHARS]


def convert_status(server: str, model: str, status: int, body: bytes, retry_after: str = "") -> MMError:
    """The error of a response that is not 200."""
    message = read_message(body)
    reason = f"{server} responded {status}: {message or 'no message'}"
    if status in (401, 403):
        return Unavailable(f"The language server refuses the key (MM_LANGUAGE_API_KEY). {reason}")
    if status == 404:
        return Unavailable(
            f"The language server has no model {model!r} or no such route (MM_LANGUAGE_URL, MM_LANGUAGE_MODEL). {reason}"
        )
    if status == 429:
        return TooMany(f"The language server has too many requests. {reason}", parse_seconds(retry_after))
    if status == 413 or (400 <= status < 500 and _TOO_LONG.search(message)):
        return TooLarge(f"The conversation is too long for the language server. {reason}")
    if 400 <= status < 500:
        return InvalidInput(f"The language server refuses the request. {reason}")
    return Unavailable(f"The language server failed. {reason}")


def find_refused_fields(status: int, body: bytes, sent: Collection[str]) -> set[str]:
    """The optional fields that a response with the status 400 or 422 refuses by name."""
    message = body.decode("utf-8", "replace")
    if status not in (400, 422) or _TOO_LONG.search(message):
        return set()
    return {name for name in (*OPTIONAL, *RENAMED) if name in sent and re.search(rf"\b{name}\b", message)}


def parse_seconds(text: str) -> float:
    """The value of `Retry-After` in seconds, from 0.1 to 60; 1 when it is a date or missing."""
    try:
        seconds = float(text)
    except ValueError:
        return 1.0
    return min(max(seconds, 0.1), 60.0) if math.isfinite(seconds) else 1.0


def retry_delay(status: int, attempt: int) -> float | None:
    """Seconds to wait after the failed attempt, numbered from 1; None when it is the last one."""
    return 0.25 * 2**attempt if status in RETRIED and attempt < MAX_ATTEMPTS else None
