"""What `mm doctor` says of text that was not read, from the catalog of a library."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexes import open_store
from mm.cli.diagnosis.unread_text import unread_text
from mm.settings import Settings
from tests.indexes.catalog.queue.test_unread_text import put


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_unread_text_is_counted_and_says_what_happens_next(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unread_text(settings).detail == "There is no library yet."
    with open_store(settings) as store:
        put(store, 1, [False])
        assert unread_text(settings).ok
        put(store, 2, [True, True, False])
    found = unread_text(settings)
    assert not found.ok
    assert not found.required
    assert found.detail == "Text in 2 pictures has not been read; a worker reads it when no job waits."
    off = settings.model_copy(update={"read_text": "off"})
    assert "MM_READ_TEXT=off" in unread_text(off).detail
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "rapidocr-onnxruntime is not installed" in unread_text(settings).detail


def test_unread_text_of_a_database_that_does_not_answer_is_said(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "sqlite:////proc/none/catalog.db"})
    assert "cannot be counted" in unread_text(away).detail
