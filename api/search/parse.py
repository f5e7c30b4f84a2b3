"""What the text of a request excludes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mm.wording.exclusions import parse_exclusions

if TYPE_CHECKING:
    from api.search.request import SearchInput


def parse_text(search: SearchInput) -> SearchInput:
    """The search with the exclusions of its text in `without`.

    Unchanged if the request has exclusions of its own, does not want its text to be parsed, or its
    text excludes nothing. Only `text` is parsed, not the texts of `also`.
    """
    request = search.request
    if not request.parse or request.without or not request.text:
        return search
    parsed = parse_exclusions(request.text)
    if not parsed.without:
        return search
    return replace(search, request=request.model_copy(update={"text": parsed.text or None, "without": list(parsed.without)}))
