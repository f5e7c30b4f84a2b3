"""The check of captions that are not written yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexes import open_store
from mm.cli.diagnosis import captions
from mm.cli.diagnosis.captions import check_captions
from mm.errors import Corrupt
from mm.generation.caption_model import CaptionModel
from mm.settings import Settings
from tests.indexes.catalog.queue.test_uncaptioned import add_item


def test_check_captions_counts_items_and_names_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path / "home", captions="on")
    monkeypatch.setattr("mm.generation.caption_model.find_caption_model", lambda _: None)
    assert check_captions(settings).detail.startswith("No captioner")
    model = CaptionModel("one", lambda: pytest.fail("it is not loaded"))
    monkeypatch.setattr("mm.generation.caption_model.find_caption_model", lambda _: model)
    assert check_captions(settings).detail == "There is no library yet."
    with open_store(settings) as store:
        add_item(store, 1, kind="audio")
        assert check_captions(settings).ok
        add_item(store, 2)
    check = check_captions(settings)
    assert (check.ok, check.required) == (False, False)
    assert check.detail == "The captions of 1 items are not written yet; a worker writes them when no job is waiting."
    assert "MM_CAPTIONS=off" in check_captions(settings.model_copy(update={"captions": "off"})).detail
    unreachable = settings.model_copy(update={"database_url": "sqlite:////proc/none/catalog.db"})
    assert "cannot be counted" in check_captions(unreachable).detail


def test_check_captions_with_damaged_weights_reports_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Settings) -> None:
        raise Corrupt("The trained weights cannot be read.")

    monkeypatch.setattr("mm.generation.caption_model.find_caption_model", fail)
    check = captions.check_captions(Settings(home=tmp_path, captions="on"))
    assert (check.ok, check.detail) == (False, "The trained weights cannot be read.")
