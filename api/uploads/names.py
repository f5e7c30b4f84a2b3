"""Names and tags that callers give, made safe to store, to show and to put into a header."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

from mm.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAME = 255  # characters, as file systems have it
MAX_TAG = 64
MAX_TAGS = 32
UNNAMED = "untitled"


def clean_name(name: str) -> str:
    """The last part of a path, without control characters; content decides what a file is, so the
    ending stays as it is."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return printable[:MAX_NAME] if printable.strip(".") else UNNAMED


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Distinct tags in the order given; a comma parts two. Raises `InvalidInput` for a tag too
    long, or too many."""
    found = list(dict.fromkeys(tag.strip() for given in tags for tag in given.split(",") if tag.strip()))
    if len(found) > MAX_TAGS:
        raise InvalidInput(f"There are {len(found)} tags; an item has at most {MAX_TAGS}.")
    for tag in found:
        if len(tag) > MAX_TAG or not tag.isprintable():
            raise InvalidInput(f"The tag {tag[:MAX_TAG]!r} is longer than {MAX_TAG} characters or not printable.")
    return found


def content_disposition(name: str) -> str:
    """`inline` with the name in plain ASCII for old readers and in UTF-8 for all others (RFC
    6266)."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
