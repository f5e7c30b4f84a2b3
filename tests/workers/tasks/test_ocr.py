"""Text in an image, from the file to the search hit."""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image

from indexes.search.hits import SearchHit
from indexes.search.searcher import Searcher
from mm.media.types import RGB
from mm.models.image.sample_photos import load_sample_photos
from mm.schemas import Filters
from mm.spaces import Space
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.query import build_query
from tests.workers.conftest import Home, open_context, work
from tests.writing import written


def png(image: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_ocr_word_in_an_image_is_found_with_and_without_a_typo_until_deleted(home: Home, space: Space) -> None:
    coffee = load_sample_photos()[2]
    with open_context(home, space) as context:
        always = replace(context, ocr_budget=OcrBudget("always"))
        for image, name in ((written(coffee, ("Ferry to Zanzibar", 40, 60)), "IMG_1.png"), (coffee, "IMG_2.png")):
            work(always, home.add(png(image), name))
    with Searcher(home.store, space.id, home.settings) as searcher:

        def search(words: str) -> list[SearchHit]:
            searcher.follower.refresh()
            query = build_query(space, text=words)
            return searcher.search(query, 5, Filters(), query.floor)

        for words, kind in (("zanzibar", "word"), ("zanzibor", "word"), ("a ferry to Zanzibar", "written")):
            (hit, *_) = search(words)
            texts = {piece.kind: piece.text for piece in hit.evidence}
            assert kind in {piece.kind for piece in hit.evidence if piece.score > space.calibration.floor}
            assert texts["written"] == "Ferry to Zanzibar"
            assert texts["word"] == "zanzibar" or kind == "written"
        assert search("keyboard shortcuts") == []
        (item, *_) = {hit.item_id for hit in search("zanzibar")}
        home.store.catalog.delete_item(item)
        assert all(hit.item_id != item for hit in search("zanzibar"))
