"""Where a hit stands: its picture, the start of the player, its times and its scene."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.films import SCENES, jpeg, photo, scene_start
from tests.page.opened import Open

if TYPE_CHECKING:
    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

CUT = scene_start("chelsea.png")


def spoken_from(start: float) -> Any:
    """A change of each hit: words that begin at `start` carry it, and its best part is what the cut
    begins."""

    def change(hit: dict[str, Any]) -> None:
        words = {"kind": "speech", "score": 0.9, "cosine": 0.5, "start": start, "end": CUT + 2, "text": "fail better"}
        hit.update(start=CUT, end=CUT + 4, best_start=CUT, best_end=CUT + 4, evidence=[words])

    return change


@pytest.mark.parametrize(("start", "stands"), [(CUT - 0.16, CUT), (CUT - 3.0, CUT - 3.0), (CUT + 1.5, CUT + 1.5)])
def test_spoken_hit_shows_its_best_part_and_plays_its_words(opened: Open, start: float, stands: float) -> None:
    page = opened.page
    opened.change_answers(spoken_from(start))
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    hit = opened.hit("evening.mp4").first
    source = hit.locator("img").first.get_attribute("src") or ""
    time = re.search(r"t=([\d.]+)", source)
    assert time
    assert CUT < float(time[1]) <= CUT + 4
    hit.locator(".still").click()
    opened.film_is_at(stands, within=0.05)
    assert page.locator("#player video").evaluate("(film) => film.currentTime") >= stands


def test_picture_of_each_hit_shows_its_own_shot(library: ApiServer) -> None:
    for name in SCENES:
        form = {"filters": '{"kinds": ["video"]}', "k": "1"}
        answer = library.client.post("/v1/search", files={"picture": (name, jpeg(name))}, data=form)
        (hit,) = answer.raise_for_status().json()["hits"]
        assert hit["best_start"] == pytest.approx(scene_start(name), abs=0.1)
        shown = Image.open(io.BytesIO(library.client.get(hit["thumbnail"]).raise_for_status().content)).convert("RGB")
        assert min(SCENES, key=lambda other: difference(shown, photo(other))) == name


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, pixel by pixel."""
    small = [np.asarray(image.resize((32, 20)), np.float32) for image in (one, other)]
    return float(np.abs(small[0] - small[1]).mean())


def of_three_hours(hit: dict[str, Any]) -> None:
    hit["item"]["duration"] = 10800.0
    hit.update(start=9000.0, end=9900.0, best_start=9890.0, best_end=9900.0, scene_start=9000.0, scene_end=10800.0)


def test_times_of_a_long_film_have_hours_and_the_scene_is_named(opened: Open) -> None:
    page = opened.page
    opened.change_answers(of_three_hours)
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    hit = opened.hit("evening.mp4").first
    expect(hit.locator(".time")).to_have_text("2:30:00–2:45:00")
    expect(page.locator("#hits .timeline .ends").first).to_have_text("0:00:00")
    hit.locator(".still").click()
    expect(page.locator(".reason h3")).to_contain_text("2:30:00–2:45:00")
    expect(page.locator(".reason")).to_contain_text("Part of a longer scene: 2:30:00–3:00:00")
    expect(page.locator("#lines .at").first).to_have_text(re.compile(r"0:00:\d\d"))


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        ((0.0, 16.0), None),  # the whole film: it tells nothing
        ((8.0, 12.0), None),  # the moment itself
        ((6.0, 13.0), "Part of a longer scene: 0:06–0:13"),
        ((9.0, 14.0), "Its best part is in the scene 0:09–0:14"),
    ],
)
def test_scene_is_shown_where_it_tells_more_than_the_moment(opened: Open, scene: tuple[float, float], text: str | None) -> None:
    def change(hit: dict[str, Any]) -> None:
        hit.update(start=8.0, end=12.0, best_start=9.0, best_end=12.0, scene_start=scene[0], scene_end=scene[1])

    opened.change_answers(change)
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    expect(opened.page.locator("#hits .timeline .scene")).to_have_count(1 if text else 0)
    opened.hit("evening.mp4").first.locator(".still").click()
    expect(opened.page.locator(".reason")).to_contain_text("Why this moment")
    if text is None:
        expect(opened.page.locator(".reason")).not_to_contain_text("scene")
    else:
        expect(opened.page.locator(".reason")).to_contain_text(text)
