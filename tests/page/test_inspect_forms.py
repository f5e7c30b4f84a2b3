"""Forms of the view of inspectors: lines, scales, modes; analyses of ultrasound."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from mm.schemas.lesions import NOTICE
from tests.api.inspection.conftest import InspectionServer, encode_png, encode_video
from tests.inspection.parts import render_part
from tests.lesions.dicom_files import make_region, write_dicom
from tests.page.inspections import make_line
from tests.page.page_driver import PageDriver, use_layout
from tests.page.test_layout import assert_accessible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from mm.media.types import RGB

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

PARTS = "/#view=inspect&inspector=disc"
SCALES = "/#view=inspect&section=scales"
ULTRASOUND = "/#view=inspect&section=ultrasound"
CORNERS = ("Space", "ArrowRight", "Space", "ArrowDown", "ArrowDown", "Space")
"""Keys that draw a triangle from the middle."""


@pytest.fixture
def driver(inspect_driver: PageDriver) -> PageDriver:
    return inspect_driver


def go(driver: PageDriver, path: str) -> Page:
    driver.page.goto(driver.page.url.rstrip("/") + path)
    return driver.page


def press(page: Page, keys: Sequence[str]) -> None:
    for key in keys:
        page.keyboard.press(key)


def capture(page: Page, pattern: str, response: object, status: int = 201) -> list[Any]:
    """Answer POST requests; returns a list that receives their bodies."""
    bodies: list[Any] = []

    def serve(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        bodies.append(json.loads(route.request.post_data or "null"))
        route.fulfill(json=response, status=status)

    page.route(re.compile(pattern), serve)
    return bodies


def test_line_is_created_with_region_drawn_on_its_video(driver: PageDriver, fitted: InspectionServer) -> None:
    frames = [np.full((96, 160, 3), 40 + 20 * index, np.uint8) for index in range(3)]
    video = fitted.add(encode_video(frames), "belt.mp4")
    page = go(driver, PARTS)
    page.click("#create-line")
    page.fill("#line-name", "Press 1")
    page.fill("#line-deadline", "-1")
    page.get_by_role("button", name="Start line").click()
    expect(page.locator("#pick-video-error")).to_have_text("Choose a video.")
    page.click("#pick-video")
    page.locator("#picker-items label", has_text="belt").click()
    page.click("#picker-confirm")
    page.get_by_role("button", name="Start line").click()
    expect(page.locator("#line-name-error")).to_contain_text("String should match pattern")
    expect(page.locator("#line-deadline-error")).to_have_text("Input should be greater than 0.")
    expect(page.locator("#line-name")).to_be_focused()
    page.fill("#line-name", "press-1")
    page.fill("#line-deadline", "")
    page.click("#draw-region")
    expect(page.locator("#new-line svg.drawing")).to_be_focused()
    press(page, (*CORNERS, "Enter"))
    expect(page.locator("#line-region-state")).to_have_text("3 corners on a frame of 160 × 96 px.")
    page.fill("#line-fps", "12")
    page.click("#line-sinks summary")
    page.fill("#line-webhook", "https://plc.local/verdicts")
    page.get_by_role("button", name="Make a secret").click()
    bodies = capture(page, "/v1/lines$", make_line("press-1"))
    page.route(re.compile("/v1/lines$"), lambda route: _fallback_post(route, {"data": [make_line("press-1")]}))
    page.get_by_role("button", name="Start line").click()
    expect(page.locator("#line-title")).to_have_text("Line press-1")
    (body,) = bodies
    assert (body["inspector"], body["deadline"], body["fail_share"]) == ("disc", None, 0.5)
    assert body["source"] == {"item": video, "pace": False, "fps": 12}
    step = 0.02 * 160
    assert [pytest.approx(corner) for corner in body["region"]] == [[80, 48], [80 + step, 48], [80 + step, 48 + 2 * step]]
    assert body["sinks"]["webhook"]["secret"].startswith("whsec_")
    page.click("#line-details summary")
    expect(page.locator("#line-details")).to_contain_text("400 in this run, 2 dropped")
    expect(page.locator("#line-details")).to_contain_text("plc.local · 3 waiting")


def test_line_of_camera_that_does_not_answer_says_so_and_hides_its_password(driver: PageDriver, fitted: InspectionServer) -> None:
    page = go(driver, PARTS)
    page.click("#create-line")
    page.fill("#line-name", "gate")
    page.locator("#line-source label", has_text="Camera").click()
    page.fill("#line-camera", "http://camera.local/stream")
    page.get_by_role("button", name="Start line").click()
    expect(page.locator("#line-camera-error")).to_contain_text("rtsp://")
    expect(page.locator("#line-camera")).to_be_focused()
    page.fill("#line-camera", "rtsp://viewer:hunter2@127.0.0.1:9/stream")
    page.get_by_role("button", name="Start line").click()
    expect(page.locator("#line-title")).to_have_text("Line gate")
    page.click("#line-details summary")
    expect(page.locator("#line-details")).to_contain_text("camera rtsp://127.0.0.1:9/stream")
    expect(page.locator("#line-details")).to_contain_text("reconnection")
    assert "hunter2" not in page.content()
    page.locator("#line").get_by_role("button", name="Stop").click()
    expect(page.locator("#line-facts")).to_contain_text("stopped")
    assert fitted.client.line("gate").state == "stopped"
    page.click("#delete-line")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#create-line")).to_be_visible()
    assert not fitted.client.lines()


def _fallback_post(route: Route, response: object) -> None:
    if route.request.method == "POST":
        route.fallback()
    else:
        route.fulfill(json=response)


def test_scale_of_drawn_length_is_added_and_deleted(driver: PageDriver, fitted: InspectionServer) -> None:
    page = go(driver, SCALES)
    expect(page.locator(".inspect-main .empty")).to_contain_text("There is no scale yet.")
    page.fill("#scale-name", "camera 1")
    file = {"name": "ruler.png", "mimeType": "image/png", "buffer": encode_png(render_part(1, 240))}
    page.set_input_files("#length-file", file)
    expect(page.locator("#new-scale svg.drawing")).to_be_focused()
    press(page, ("Space", *("ArrowRight",) * 10, "Space"))
    expect(page.locator("#line-length")).to_contain_text("48.0 px")
    page.get_by_role("button", name="Add scale").click()
    expect(page.locator("#scale-name-error")).to_contain_text("String should match pattern")
    expect(page.locator("#length-mm-error")).to_contain_text("valid number")
    page.fill("#scale-name", "camera-1")
    page.fill("#length-mm", "12")
    page.get_by_role("button", name="Add scale").click()
    expect(page.locator("#scales li")).to_contain_text("camera-1")
    assert fitted.client.scales.get("camera-1").mm_per_px == pytest.approx(0.25)
    page.get_by_role("button", name="Delete camera-1").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".inspect-main .empty")).to_be_visible()
    assert fitted.client.scales.list() == []


def test_scales_of_board_and_dicom_file_show_errors_beside_their_fields(driver: PageDriver, fitted: InspectionServer) -> None:
    fitted.add(encode_png(render_part(62)), "board.png")
    page = go(driver, SCALES)
    page.get_by_text("Board", exact=True).click()
    page.fill("#scale-name", "board")
    page.click("#pick-board")
    page.locator("#picker-items label", has_text="board").click()
    page.click("#picker-confirm")
    page.fill("#board-columns", "9")
    page.fill("#board-rows", "1")
    page.fill("#square-mm", "1.2")
    page.get_by_role("button", name="Add scale").click()
    expect(page.locator("#board-rows-error")).to_have_text("Input should be greater than or equal to 4.")
    page.get_by_text("DICOM file", exact=True).click()
    page.set_input_files("#scale-file", {"name": "a.dcm", "mimeType": "application/dicom", "buffer": b"no DICOM file"})
    page.get_by_role("button", name="Add scale").click()
    expect(page.locator("#scale-file-error")).to_contain_text("The body is not a DICOM file")


def test_scale_of_second_region_of_dicom_file_is_added(driver: PageDriver, fitted: InspectionServer, tmp_path: Path) -> None:
    regions = [make_region((0, 0, 59, 59), delta=0.005), make_region((60, 0, 119, 59), delta=0.01)]
    path = write_dicom(tmp_path / "clip.dcm", np.full((1, 60, 120), 90, np.uint8), regions)
    page = go(driver, SCALES)
    page.get_by_text("DICOM file", exact=True).click()
    page.fill("#scale-name", "probe")
    page.set_input_files("#scale-file", path)
    page.fill("#scale-region", "3")
    page.get_by_role("button", name="Add scale").click()
    expect(page.locator("#scale-region-error")).to_contain_text("There is no region 3")
    page.fill("#scale-region", "2")
    page.get_by_role("button", name="Add scale").click()
    expect(page.locator("#scales li")).to_contain_text("DICOM region · an area of 4 corners")
    added = fitted.client.scales.get("probe")
    assert (added.source, added.mm_per_px) == ("dicom", pytest.approx(0.1))
    fitted.client.scales.delete("probe")


def test_template_inspector_shows_refused_tolerance_beside_its_field(driver: PageDriver, fitted: InspectionServer) -> None:
    page = go(driver, PARTS)
    page.click("#create")
    page.fill("#inspector-name", "board")
    page.get_by_text("Board or print").click()
    page.select_option("#conductor", "dark")
    page.fill("#tolerance", "-1")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#tolerance-error")).to_have_text("The tolerance is from 0 to 32 pixels, not -1.")
    page.fill("#tolerance", "1.5")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#not-fitted")).to_contain_text("board is not fitted")
    created = fitted.client.inspectors.get("board")
    assert (created.mode, created.settings) == ("template", {"rate": 0.05, "tolerance_px": 1.5, "conductor": "dark"})
    fitted.client.inspectors.delete("board")


def render_print(*, is_stained: bool = False) -> RGB:
    """A label with bars and a frame; with a dark stain between them."""
    image = np.full((128, 160, 3), 235, np.uint8)
    cv2.rectangle(image, (10, 10), (150, 118), (30, 30, 30), 2)
    for number, width in enumerate((3, 6, 2, 8, 4)):
        cv2.rectangle(image, (30 + 20 * number, 30), (30 + 20 * number + width, 70), (30, 30, 30), -1)
    if is_stained:
        cv2.circle(image, (90, 95), 5, (40, 40, 40), -1, cv2.LINE_AA)
    return image


def test_template_inspector_fitted_on_one_print_shows_its_stain(driver: PageDriver, fitted: InspectionServer) -> None:
    page = go(driver, PARTS)
    page.click("#create")
    page.fill("#inspector-name", "label")
    page.get_by_text("Board or print").click()
    page.get_by_role("button", name="Create").click()
    fitted.add(encode_png(render_print()), "master.png")
    stained = fitted.add(encode_png(render_print(is_stained=True)), "stained.png")
    page.locator(".inspect-side").get_by_role("button", name="From the library").click()
    page.locator("#picker-items label", has_text="master").click()
    page.click("#picker-confirm")
    expect(page.locator("#good-facts")).to_have_text("1 image of 1 part")
    with page.expect_response("**/fit"):
        page.click("#fit")
    assert fitted.work() == 1
    expect(page.locator(".threshold .statement")).to_contain_text("No rate of false alarms is promised")
    run = fitted.client.inspections.start("label", [stained])
    assert fitted.work() == 1
    page.goto(page.url.split("/#")[0] + f"/#view=inspect&inspector=label&inspection={run.id}")
    page.locator("#gallery .thumbnail").click()
    expect(page.locator("#regions")).to_contain_text("darker")
    fitted.client.inspectors.delete("label")


def test_logical_inspector_is_fitted_with_regions_drawn_on_its_first_image(driver: PageDriver, fitted: InspectionServer) -> None:
    inspectors = fitted.client.inspectors
    inspectors.create("scene", mode="logical", settings={"rate": 0.2})
    inspectors.add_examples("scene", [fitted.add(encode_png(render_part(63)), "scene.png")])
    page = go(driver, "/#view=inspect&inspector=scene")
    expect(page.locator("#fit")).to_have_count(0)
    page.click("#edit-regions")
    page.click("#draw-polygon")
    press(page, (*CORNERS, "Enter"))
    page.fill("#region-name-0", "slot")
    page.click("#draw-box")
    press(page, ("Space", "ArrowRight", "ArrowRight", "ArrowDown", "Space"))
    page.locator("#region-list select").nth(1).select_option("count")
    page.click("#save-regions")
    expect(page.locator("#region-editor .error")).to_contain_text("Mark one copy of “region 2”")
    page.get_by_role("button", name="Mark one copy").click()
    press(page, ("Space", "ArrowRight", "ArrowDown", "Space"))
    page.click("#save-regions")
    page.reload()  # the regions are kept
    expect(page.locator("#named-regions ul")).to_contain_text("slot present")
    bodies = capture(page, "/fit$", {"status": 409, "detail": "The scene has moved."}, 409)
    page.click("#fit")
    expect(page.locator(".inspect-side .error")).to_have_text("The scene has moved.")
    (body,) = bodies
    slot, second = body["settings"]["regions"]
    assert (slot["name"], len(slot["polygon"]), body["settings"]["rate"]) == ("slot", 3, 0.2)
    assert (second["count"], len(second["polygon"]), len(second["example"])) == (2, 4, 4)
    inspectors.delete("scene")


def serve_analyses(page: Page) -> list[str]:
    """Serve one analysis, which a DICOM file of any content adds.

    Returns a list of the requests that change something.
    """
    region = {"frame": 5, "seconds": 0.2, "box": [1, 2, 3, 4], "polygon": [], "confidence": 0.8, "area_px": 90, "area_mm2": 11.4}
    candidate = {
        "id": "1.1", "view": 1, "start_frame": 4, "end_frame": 8, "start": 0.16, "end": 0.32, "best_frame": 5, "best": 0.2,
        "confidence": 0.82, "num_regions": 5, "best_region": region,
    }  # fmt: skip
    result = {
        "name": "ab12.dcm", "width": 240, "height": 180, "num_frames": 12, "network": "n1", "notes": [], "notice": NOTICE,
        "views": [{"left": 0, "top": 0, "width": 240, "height": 180, "mm_per_px": [0.2, 0.2]}], "candidates": [candidate],
    }  # fmt: skip
    analysis: dict[str, Any] = {
        "id": "job_1", "item_id": None, "name": "ab12.dcm", "state": "done", "progress": 1.0, "stage": "done", "error": None,
        "created_at": "2026-01-02T03:04:05Z", "result": result, "exports": ["frame-00005.png", "report.dcm"], "notice": NOTICE,
    }  # fmt: skip
    listed: list[dict[str, Any]] = []
    changes: list[str] = []
    image = encode_png(render_part(4))

    def serve(route: Route) -> None:
        path, method = route.request.url.split("/v1/lesions")[1].partition("?")[0], route.request.method
        if path.endswith(".png"):
            route.fulfill(body=image, content_type="image/png")
            return
        if method == "POST":
            listed.append({**analysis, "result": None, "exports": []})
        if method == "DELETE":
            listed.clear()
        if method != "GET":
            changes.append(f"{method} {path}")
        route.fulfill(json={"analyses": listed, "next": None, "notice": NOTICE} if path == "" else analysis)

    page.route(re.compile("/v1/lesions"), serve)
    return changes


def test_dicom_file_is_analysed_shown_with_notice_and_deleted(driver: PageDriver) -> None:
    changes = serve_analyses(driver.page)
    page = go(driver, ULTRASOUND)
    expect(page.locator(".inspect-main .empty")).to_contain_text("Nothing is analysed yet.")
    expect(page.locator("#ultrasound-notice")).to_have_text(NOTICE)
    page.set_input_files("#dicom-files", {"name": "patient.dcm", "mimeType": "application/dicom", "buffer": b"DICM"})
    expect(page.locator("#candidates li")).to_contain_text("Candidate 1.1")
    expect(page.locator("#candidates li")).to_contain_text("confidence 82 % · frames 4–8 · 11.4 mm²")
    expect(page.locator("#candidates img")).to_have_attribute("src", "/v1/lesions/job_1/exports/frame-00005.png")
    expect(page.locator("#ultrasound-notice")).to_be_visible()
    assert "analysis=job_1" in page.url
    page.click("#delete-analysis")
    page.locator("#analysis .danger").click()
    expect(page.locator(".inspect-main .empty")).to_be_visible()
    assert changes == ["POST /dicom", "DELETE /job_1"]


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_forms_fit_their_width_and_are_accessible(driver: PageDriver, width: int, theme: str) -> None:
    with use_layout(driver, width, theme):
        page = go(driver, PARTS)
        serve_analyses(page)
        page.click("#create-line")
        page.get_by_text("Camera", exact=True).click()
        page.click("#line-sinks summary")
        page.get_by_role("button", name="Start line").click()
        expect(page.locator("#line-name-error")).to_be_visible()
        assert_accessible(driver, "new-line", width, theme)
        page.click("#section-scales")
        page.set_input_files("#length-file", {"name": "a.png", "mimeType": "image/png", "buffer": encode_png(render_part(1))})
        expect(page.locator("#new-scale svg.drawing")).to_be_visible()
        assert_accessible(driver, "scales", width, theme)
        page.click("#section-ultrasound")
        page.set_input_files("#dicom-files", {"name": "a.dcm", "mimeType": "application/dicom", "buffer": b"DICM"})
        expect(page.locator("#candidates img")).to_be_visible()
        assert_accessible(driver, "ultrasound", width, theme)
