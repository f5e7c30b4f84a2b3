"""Lesion candidates below the player, with the sentence that they are for review only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from mm.schemas.lesions import NOTICE
from tests.api.inspection.conftest import encode_png
from tests.inspection.parts import render_part
from tests.page.page_driver import PageDriver, use_layout
from tests.page.test_layout import assert_accessible

if TYPE_CHECKING:
    from tests.api.inspection.conftest import InspectionServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_candidates_of_video_are_listed_with_notice_and_seek_to_best_frame(
    inspect_driver: PageDriver, server: InspectionServer, evening_video: bytes, width: int, theme: str
) -> None:
    driver, page = inspect_driver, inspect_driver.page
    item = server.add(evening_video, "evening.mp4")
    still = server.add(encode_png(render_part(60)), "still.png")
    region = {"frame": 50, "seconds": 5.0, "box": [1, 2, 3, 4], "polygon": [], "confidence": 0.8, "area_px": 9, "area_mm2": None}
    candidate = {
        "id": "1.1", "view": 1, "start_frame": 40, "end_frame": 80, "start": 4.0, "end": 8.0, "best_frame": 50, "best": 5.0,
        "confidence": 0.82, "num_regions": 20, "best_region": region,
    }  # fmt: skip
    analysis = {
        "id": "job_1", "item_id": item, "name": "evening.mp4", "state": "done", "progress": 1.0, "stage": "done", "error": None,
        "created_at": "2026-01-02T03:04:05Z", "result": {"candidates": [candidate]}, "exports": [], "notice": NOTICE,
    }  # fmt: skip
    with use_layout(driver, width, theme):
        page.route(re.compile(r"/v1/lesions\?"), lambda route: route.fulfill(json={"analyses": [analysis], "notice": NOTICE}))
        page.route("**/v1/lesions/job_1", lambda route: route.fulfill(json=analysis))
        page.goto(f"{server.api.url}/#item={still}")
        expect(page.locator("#player-title")).to_have_text("still.png")
        expect(page.locator("#lesions")).to_have_count(0)
        page.goto(f"{server.api.url}/#item={item}")
        expect(page.locator("#lesion-notice")).to_have_text(NOTICE)
        expect(page.locator("#lesion-list")).to_contain_text("1.1 0:04–0:08 confidence 82 %")
        page.locator(".candidate").click()
        driver.wait_for_video_at(5.0)
        expect(page.locator(".candidate")).to_have_attribute("aria-current", "true")
        expect(page.locator("#lesion-notice")).to_be_visible()
        assert_accessible(driver, "lesions", width, theme)
