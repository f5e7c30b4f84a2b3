"""Corrects typing errors of a query to words of speech, recognized text and file names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mm.wording.typos import find_correction, list_unknown_words, replace_words, split_trigrams

if TYPE_CHECKING:
    from api.search.request import SearchInput
    from api.spaces.manager import ServedSpace
    from indexes.catalog.catalog import Catalog
    from mm.schemas import EvidenceKind

KINDS: tuple[EvidenceKind, ...] = ("speech", "written", "name")
"""Evidence whose words a query is corrected to."""
MAX_TEXTS = 20_000
"""Texts that are compared with a word, the latest ones."""


def correct_typos(catalog: Catalog, served: ServedSpace, search: SearchInput) -> tuple[SearchInput, dict[str, str]]:
    """The search with its text corrected, and the corrections: typed word -> word of the library.

    Nothing is corrected where the request does not want its text to be parsed, and in several words
    of another language than English.
    """
    request = search.request
    unknown = list_unknown_words(request.text) if request.parse and request.text else []
    if not unknown or request.text is None:
        return search, {}
    if " " in request.text.strip() and served.space.query_text.is_non_english(request.text):
        return search, {}
    corrections: dict[str, str] = {}
    for word in unknown:
        texts = catalog.list_texts_with(served.space.id, KINDS, split_trigrams(word), MAX_TEXTS)
        if (correction := find_correction(word, texts)) is not None:
            corrections[word] = correction
    if not corrections:
        return search, {}
    text = replace_words(request.text, corrections)
    return replace(search, request=request.model_copy(update={"text": text})), corrections
