"""The place that the text of a request names, as a filter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from api.metadata import shows_metadata
from mm.wording.place_phrases import find_place_phrases

if TYPE_CHECKING:
    from api.search.request import SearchInput
    from api.service import Service


def parse_place(service: Service, search: SearchInput) -> tuple[SearchInput, bool]:
    """The search with the place of its text in its filters, and whether it is `place:NAME`.

    Unchanged if the request has a filter by place, does not want its text to be parsed, if
    metadata is hidden, or if no item of the library was taken at a place of this name.
    """
    request = search.request
    if not request.parse or not request.text or request.filters.place or not shows_metadata(service.settings):
        return search, False
    for phrase in find_place_phrases(request.text):
        if phrase.is_explicit or service.store.catalog.has_place_named(phrase.name):
            filters = request.filters.model_copy(update={"place": phrase.name})
            found = replace(search, request=request.model_copy(update={"text": phrase.text, "filters": filters}))
            return found, phrase.is_explicit
    return search, False
