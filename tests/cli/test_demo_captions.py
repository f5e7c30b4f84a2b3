"""Captions in the demo: waited for where there is a captioner, and shown on the page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mm.cli.demo import captions as demo_captions
from mm.cli.demo.captions import NO_CAPTIONER, PhotoCaption, describe_captions, wait_for_captions
from mm.cli.demo.page import write_page
from mm.schemas import Caption, CaptionList
from mm.settings import Settings

NAMES = {"1": "cat", "2": "video", "3": "coffee"}


class StubClient:
    """The captions of the photos 1 and 3 are stored at the second and at the third request."""

    def __init__(self) -> None:
        self.requests = dict.fromkeys(NAMES, 0)

    def item(self, item_id: str) -> SimpleNamespace:
        return SimpleNamespace(kind="video" if item_id == "2" else "image")

    def captions(self, item_id: str) -> CaptionList:
        self.requests[item_id] += 1
        is_stored = self.requests[item_id] > int(item_id) // 2 + 1
        caption = Caption(item_id=item_id, start=0, end=0, text=f"A <{NAMES[item_id]}>.", model="m")
        return CaptionList(captions=[caption] if is_stored else [])

    def thumbnail(self, item_id: str, *, time: float, size: int) -> bytes:
        return f"thumbnail {item_id}".encode()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(demo_captions, "find_caption_model", lambda _: object())
    monkeypatch.setattr(demo_captions, "POLL_SECONDS", 0.0)
    return Settings(home=tmp_path)


def test_wait_for_captions_returns_those_of_all_photos(settings: Settings, tmp_path: Path) -> None:
    client = StubClient()
    written = wait_for_captions(client, settings, NAMES, lambda _: None)  # type: ignore[arg-type]
    assert written == [PhotoCaption("cat", "1", "A <cat>."), PhotoCaption("coffee", "3", "A <coffee>.")]
    assert describe_captions(written) == "2 of 2 photos have a caption."
    assert client.requests["2"] == 0, "videos are not waited for"
    write_page(tmp_path / "page.html", [], written, [], client)  # type: ignore[arg-type]
    page = (tmp_path / "page.html").read_text()
    assert "A &lt;cat&gt;." in page
    assert page.count("data:image/webp;base64,") == 2


def test_wait_for_captions_reports_improbable_ones_at_once_without_their_text(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = StubClient()
    monkeypatch.setattr(client, "captions", lambda _: CaptionList(captions=[], notes=["Left out: 1."]))
    lines: list[str] = []
    hidden = wait_for_captions(client, settings, NAMES, lines.append)  # type: ignore[arg-type]
    assert hidden == [PhotoCaption("cat", "1", None), PhotoCaption("coffee", "3", None)]
    assert [line.partition(": the")[0] for line in lines[1:]] == ["no caption: cat", "no caption: coffee"]
    assert describe_captions(hidden) == "0 of 2 photos have a caption; 2 improbable ones are hidden (MM_CAPTION_CONFIDENCE)."
    write_page(tmp_path / "page.html", [], hidden, [], client)  # type: ignore[arg-type]
    assert "0 of 2 photos" in (tmp_path / "page.html").read_text()


def test_wait_for_captions_leaves_out_late_ones(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_captions, "MAX_SECONDS", 0.0)
    assert wait_for_captions(StubClient(), settings, NAMES, lambda _: None) == []  # type: ignore[arg-type]


def test_wait_for_captions_without_captioner_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_captions, "find_caption_model", lambda _: None)
    lines: list[str] = []
    assert wait_for_captions(StubClient(), settings, NAMES, lines.append) == []  # type: ignore[arg-type]
    assert lines == [NO_CAPTIONER]
    write_page(tmp_path / "page.html", [], [], [], StubClient())  # type: ignore[arg-type]
    assert "Captions of the photos" not in (tmp_path / "page.html").read_text()
