"""The thumbnail, playback start, times and scene of a hit."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.page_driver import PageDriver
from tests.page.videos import SCENES, encode_jpeg, get_scene_start, read_photo

if TYPE_CHECKING:
    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

CUT = get_scene_start("chelsea.png")


def set_speech_start(start: float) -> Any:
    """Return a change that gives each hit speech from `start`; its best range starts at `CUT`."""

    def change(hit: dict[str, Any]) -> None:
        speech = {"kind": "speech", "score": 0.9, "cosine": 0.5, "start": start, "end": CUT + 2, "text": "fail better"}
        hit.update(start=CUT, end=CUT + 4, best_start=CUT, best_end=CUT + 4, evidence=[speech])

    return change


@pytest.mark.parametrize(("start", "playback_start"), [(CUT - 0.16, CUT), (CUT - 3.0, CUT - 3.0), (CUT + 1.5, CUT + 1.5)])
def test_speech_hit_shows_best_range_and_plays_from_its_speech(driver: PageDriver, start: float, playback_start: float) -> None:
    page = driver.page
    driver.patch_hits(set_speech_start(start))
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    hit = driver.hits_of("evening.mp4").first
    source = hit.locator("img").first.get_attribute("src") or ""
    time = re.search(r"t=([\d.]+)", source)
    assert time
    assert CUT < float(time[1]) <= CUT + 4
    hit.locator(".thumbnail").click()
    driver.wait_for_video_at(playback_start, within=0.05)
    assert page.locator("#player video").evaluate("(video) => video.currentTime") >= playback_start


def test_thumbnail_of_hit_shows_its_own_shot(library: ApiServer) -> None:
    for name in SCENES:
        form = {"filters": '{"kinds": ["video"]}', "k": "1"}
        response = library.client.post("/v1/search", files={"picture": (name, encode_jpeg(name))}, data=form)
        (hit,) = response.raise_for_status().json()["hits"]
        assert hit["best_start"] == pytest.approx(get_scene_start(name), abs=0.1)
        thumbnail = Image.open(io.BytesIO(library.client.get(hit["thumbnail"]).raise_for_status().content)).convert("RGB")
        assert min(SCENES, key=lambda other: difference(thumbnail, read_photo(other))) == name


def difference(image: Image.Image, other: Image.Image) -> float:
    """Return the mean absolute difference of the pixels of two images."""
    small = [np.asarray(each.resize((32, 20)), np.float32) for each in (image, other)]
    return float(np.abs(small[0] - small[1]).mean())


def make_three_hours_long(hit: dict[str, Any]) -> None:
    hit["item"]["duration"] = 10800.0
    hit.update(start=9000.0, end=9900.0, best_start=9890.0, best_end=9900.0, scene_start=9000.0, scene_end=10800.0)


def test_times_of_long_video_include_hours_and_scene_is_shown(driver: PageDriver) -> None:
    page = driver.page
    driver.patch_hits(make_three_hours_long)
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    hit = driver.hits_of("evening.mp4").first
    expect(hit.locator(".time")).to_have_text("2:30:00–2:45:00")
    expect(page.locator("#hits .timeline .limit").first).to_have_text("0:00:00")
    hit.locator(".thumbnail").click()
    expect(page.locator(".match-details h3")).to_contain_text("2:30:00–2:45:00")
    expect(page.locator(".match-details")).to_contain_text("Part of a longer scene: 2:30:00–3:00:00")
    expect(page.locator("#transcript-lines .timestamp").first).to_have_text(re.compile(r"0:00:\d\d"))


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        ((0.0, 16.0), None),  # the whole video
        ((8.0, 12.0), None),  # the hit itself
        ((6.0, 13.0), "Part of a longer scene: 0:06–0:13"),
        ((9.0, 14.0), "The best match is in the scene 0:09–0:14"),
    ],
)
def test_scene_is_shown_only_if_it_differs_from_hit_and_item(
    driver: PageDriver, scene: tuple[float, float], text: str | None
) -> None:
    def change(hit: dict[str, Any]) -> None:
        hit.update(start=8.0, end=12.0, best_start=9.0, best_end=12.0, scene_start=scene[0], scene_end=scene[1])

    driver.patch_hits(change)
    driver.search_with_file("cat.jpg", encode_jpeg("chelsea.png"))
    expect(driver.page.locator("#hits .timeline .scene")).to_have_count(1 if text else 0)
    driver.hits_of("evening.mp4").first.locator(".thumbnail").click()
    expect(driver.page.locator(".match-details")).to_contain_text("Why this moment")
    if text is None:
        expect(driver.page.locator(".match-details")).not_to_contain_text("scene")
    else:
        expect(driver.page.locator(".match-details")).to_contain_text(text)
