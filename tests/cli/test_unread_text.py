"""The check of unread text in images."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexes import open_store
from mm.cli.diagnosis.unread_text import check_unread_text
from mm.settings import Settings
from tests.indexes.catalog.queue.test_unread_text import add_unread_item


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_check_unread_text_counts_images_and_names_the_next_step(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_unread_text(settings).detail == "There is no library yet."
    with open_store(settings) as store:
        add_unread_item(store, 1, [False])
        assert check_unread_text(settings).ok
        add_unread_item(store, 2, [True, True, False])
    check = check_unread_text(settings)
    assert not check.ok
    assert not check.required
    assert check.detail == "Text in 2 images has not been recognized (0 are done); a worker recognizes it when no job is waiting."
    off = settings.model_copy(update={"read_text": "off"})
    assert "MM_READ_TEXT=off" in check_unread_text(off).detail
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "rapidocr-onnxruntime is not installed" in check_unread_text(settings).detail


def test_check_unread_text_of_a_database_that_does_not_respond_fails(settings: Settings) -> None:
    unreachable = settings.model_copy(update={"database_url": "sqlite:////proc/none/catalog.db"})
    assert "cannot be counted" in check_unread_text(unreachable).detail
