"""Text in a picture from the file to the answer."""

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


def png(picture: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def test_a_word_in_a_picture_is_found_exactly_and_nearly_until_it_is_deleted(home: Home, space: Space) -> None:
    coffee = load_sample_photos()[2]
    with open_context(home, space) as context:
        always = replace(context, ocr_budget=OcrBudget("always"))
        for picture, name in ((written(coffee, ("Ferry to Zanzibar", 40, 60)), "IMG_1.png"), (coffee, "IMG_2.png")):
            work(always, home.add(png(picture), name))
    with Searcher(home.store, space.id, home.settings) as searcher:

        def found(words: str) -> list[SearchHit]:
            searcher.follower.refresh()
            question = build_query(space, text=words)
            return searcher.search(question, 5, Filters(), question.floor)

        for words, kind in (("zanzibar", "word"), ("zanzibor", "word"), ("a ferry to Zanzibar", "written")):
            (hit, *_) = found(words)
            texts = {piece.kind: piece.text for piece in hit.evidence}
            assert kind in {piece.kind for piece in hit.evidence if piece.score > space.calibration.floor}
            assert texts["written"] == "Ferry to Zanzibar"
            assert texts["word"] == "zanzibar" or kind == "written"
        assert found("keyboard shortcuts") == []
        (item, *_) = {hit.item_id for hit in found("zanzibar")}
        home.store.catalog.delete_item(item)
        assert all(hit.item_id != item for hit in found("zanzibar"))
