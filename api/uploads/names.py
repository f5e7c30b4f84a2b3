"""Validation of the names and tags that clients send."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from mm.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAME = 255  # characters, as in file systems
MAX_TAG = 64
MAX_TAGS = 32
UNNAMED = "untitled"


def clean_name(name: str) -> str:
    """Return the last component of a path, without control characters, at most `MAX_NAME` long.

    The extension is kept, and has no effect: the content of a file determines its type.
    """
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return printable[:MAX_NAME] if printable.strip(".") else UNNAMED


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Return the distinct tags in order; commas separate tags.

    Raises `InvalidInput` for a tag that is too long or not printable, and for too many tags.
    """
    distinct = list(dict.fromkeys(tag.strip() for value in tags for tag in value.split(",") if tag.strip()))
    if len(distinct) > MAX_TAGS:
        raise InvalidInput(f"There are {len(distinct)} tags; an item has at most {MAX_TAGS}.")
    for tag in distinct:
        if len(tag) > MAX_TAG or not tag.isprintable():
            raise InvalidInput(f"The tag {tag[:MAX_TAG]!r} is longer than {MAX_TAG} characters or not printable.")
    return distinct
