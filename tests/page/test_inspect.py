"""The view of inspectors: good parts, gallery of results, one result, marks, measured rate."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from mm.inspection.thresholds.binomial import clopper_pearson
from tests.api.inspection.conftest import InspectionServer, encode_png
from tests.inspection.parts import add_scratch, render_part
from tests.page.inspections import NUM_GOOD, PARTS, SIDE, ScriptedInspections, serve_line
from tests.page.page_driver import PageDriver, use_layout
from tests.page.test_layout import assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

GALLERY = "/#view=inspect&inspector=disc"


@pytest.fixture
def driver(inspect_driver: PageDriver) -> PageDriver:
    """The page with the inspector `disc`, before its inspections are requested."""
    return inspect_driver


@pytest.fixture
def inspections(driver: PageDriver) -> ScriptedInspections:
    """One inspection of `PARTS`, whose results the page shows."""
    scripted = ScriptedInspections()
    scripted.install(driver.page)
    driver.page.goto(driver.page.url.rstrip("/") + GALLERY)
    expect(cards(driver)).to_have_count(len(PARTS))
    return scripted


def cards(driver: PageDriver) -> Locator:
    return driver.page.locator("#gallery .thumbnail")


def test_fitted_inspector_states_its_threshold_in_plain_words(driver: PageDriver, fitted: InspectionServer) -> None:
    threshold = fitted.client.inspectors.get("disc").versions[0].threshold
    assert threshold is not None
    page = driver.page
    page.goto(page.url.rstrip("/") + GALLERY)
    expect(page.locator(".threshold .statement")).to_have_text(threshold.statement)
    facts = page.locator(".threshold dl")
    expect(facts).to_contain_text("20\u00a0% of good parts may fail")
    expect(facts).to_contain_text(f"{NUM_GOOD} held-out good images of {NUM_GOOD} groups")
    expect(facts).to_contain_text("16.7\u00a0%")


def test_inspection_of_item_of_library_shows_scratch_in_heat_map(driver: PageDriver, fitted: InspectionServer) -> None:
    page = driver.page
    fitted.add(encode_png(add_scratch(render_part(50), 40, 30)), "scratched.png")
    page.goto(page.url.rstrip("/") + GALLERY)
    expect(page.locator(".gallery .empty")).to_contain_text("No part is inspected yet.")
    page.click("#pick-parts")
    page.fill("#picker-name", "scratched")
    expect(page.locator("#picker-items li")).to_have_count(1)
    page.locator("#picker-items label").click()
    with page.expect_response(re.compile("/v1/inspections$")):
        page.get_by_role("button", name="Inspect 1 item").click()
    assert fitted.work() == 1
    expect(cards(driver)).to_have_count(1)
    expect(cards(driver)).to_have_attribute("aria-label", re.compile("^Fail, scratched.png, p 0.167"))
    with page.expect_response("**/overlay") as overlay:
        cards(driver).click()
    assert overlay.value.ok
    expect(page.locator("#regions .line").first).to_be_visible()
    expect(page.locator("#origin")).to_contain_text("disc, version 1. Sizes in pixels: no scale was given.")
    driver.screenshot("inspect-real-result")


def test_marks_of_page_are_stored_and_teach_a_version(driver: PageDriver, fitted: InspectionServer) -> None:
    page = driver.page
    parts = {"flawed.png": add_scratch(render_part(51), 40, 30), "fine.png": render_part(52)}
    items = [fitted.add(encode_png(image), name) for name, image in parts.items()]
    run = fitted.api.client.post("/v1/inspections", json={"inspector": "disc", "items": items}).json()["inspection"]["id"]
    fitted.work()
    page.goto(page.url.rstrip("/") + f"{GALLERY}&inspection={run}")
    expect(cards(driver)).to_have_count(2)
    for name, key, text in (("flawed.png", "r", "Rejected by local"), ("fine.png", "a", "Accepted by local")):
        cards(driver).and_(page.get_by_label(name)).click()
        page.keyboard.press(key)
        expect(page.locator("#marks")).to_contain_text(text)
        page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("#rate-measure")).to_contain_text("1 of 1 rejected")
    with page.expect_response("**/teach"):
        page.get_by_role("button", name="Teach disc by 2 marked results").click()
    assert fitted.work() == 1
    expect(page.locator("#comparison")).to_contain_text("Version 2")


def test_gallery_lists_results_by_p_value_and_filters_by_verdict(driver: PageDriver, inspections: ScriptedInspections) -> None:
    page = driver.page
    labels = [card.get_attribute("aria-label") or "" for card in cards(driver).all()]
    assert labels == [f"{verdict.title()}, part {i}.png, p {p:g}" for i, (p, verdict) in enumerate(PARTS)]
    assert page.locator("#gallery .verdict").all_inner_texts() == [verdict.title() for _, verdict in PARTS]
    colours = page.locator("#gallery .verdict").evaluate_all("(all) => all.map((one) => getComputedStyle(one).backgroundColor)")
    assert len(set(colours)) == len({verdict for _, verdict in PARTS})
    expect(page.locator(".failures")).to_contain_text("torn.png cannot be decoded: no JPEG marker.")
    page.locator("#verdicts label", has_text="Pass").click()
    expect(cards(driver)).to_have_count(3)
    page.locator("#verdicts label", has_text="All").click()
    cards(driver).nth(2).click()
    expect(page.locator("#result-position")).to_have_text("3 of 6")
    page.reload()
    expect(page.locator("#result-title")).to_have_text("part 2.png")


def test_result_shows_image_beside_heat_map_of_same_size_and_sizes_of_regions(
    driver: PageDriver, inspections: ScriptedInspections
) -> None:
    page = driver.page
    cards(driver).first.click()
    panels = page.locator("#result svg.panel-picture")
    expect(panels).to_have_count(2)
    sizes = panels.evaluate_all("(all) => all.map((one) => [one.clientWidth, one.clientHeight])")
    assert sizes[0] == pytest.approx(sizes[1], abs=1)
    assert panels.nth(1).locator("image.heat").get_attribute("href") == "/v1/inspections/run/results/0/overlay"
    expect(panels.first.locator("polygon.region")).to_have_count(2)  # both pieces of the region
    expect(page.locator("#regions")).to_contain_text("1.342 ± 0.028 mm")
    expect(page.locator("#regions")).to_contain_text("0.0561 ± 0.0089 mm²")
    expect(page.locator("#origin")).to_contain_text("disc, version 1. Sizes in millimetres by the scale camera 1")
    expect(page.locator("#result")).to_contain_text("The image was aligned with the first good one.")
    for count, num_heat in ((1, 1), (1, 0), (2, 1)):
        page.keyboard.press("h")
        expect(panels).to_have_count(count)
        expect(page.locator("#result image.heat")).to_have_count(num_heat)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#result-title")).to_have_text("part 1.png")


def test_keys_accept_reject_outline_and_undo(driver: PageDriver, inspections: ScriptedInspections) -> None:
    page, marks = driver.page, inspections.list_marks
    cards(driver).first.click()
    page.keyboard.press("a")
    expect(page.locator("#marks")).to_contain_text("Accepted")
    page.keyboard.press("u")
    expect(page.locator("#marks")).to_have_count(0)
    assert marks("0") == []
    page.keyboard.press("r")
    expect(page.locator("#marks")).to_contain_text("Rejected by")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("d")
    for key in ("Space", "ArrowRight", "Space", "ArrowDown", "ArrowDown", "Space", "u", "ArrowDown", "Space", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#marks")).to_contain_text("Rejected, outlined")
    step, middle = 0.02 * SIDE, SIDE / 2
    corners = [[middle, middle], [middle + step, middle], [middle + step, middle + 3 * step]]
    assert marks("1") == [("reject", [[pytest.approx(corner) for corner in corners]])]
    assert marks("0") == [("reject", [])]


def test_outline_by_mouse_is_in_pixels_of_image(driver: PageDriver, inspections: ScriptedInspections) -> None:
    page, marks = driver.page, inspections.list_marks
    cards(driver).first.click()
    page.click("#draw")
    matrix = page.locator("#result svg.drawing").evaluate("(svg) => { const m = svg.getScreenCTM(); return [m.a, m.e, m.f]; }")
    corners = [[60, 60], [120, 60], [120, 150]]
    for x, y in corners:
        page.mouse.click(matrix[1] + matrix[0] * x, matrix[2] + matrix[0] * y)
    page.click("#end-drawing")
    expect(page.locator(".marked-region")).to_have_count(1)
    ((verdict, (polygon,)),) = marks("0")
    assert verdict == "reject"
    assert polygon == [pytest.approx(corner, abs=0.5) for corner in corners]


def test_refused_mark_shows_problem_of_service(driver: PageDriver, inspections: ScriptedInspections) -> None:
    page = driver.page
    detail = "An outline lies outside of the image of 240 x 240 pixels."
    page.route(re.compile("/marks$"), lambda route: route.fulfill(status=422, json={"status": 422, "detail": detail}))
    cards(driver).first.click()
    page.keyboard.press("a")
    expect(page.locator("#result .error")).to_have_text(detail)
    expect(page.locator("#marks")).to_have_count(0)


def test_slider_measures_false_alarms_and_catches_by_marks(driver: PageDriver, inspections: ScriptedInspections) -> None:
    page = driver.page
    expect(page.locator("#rate-measure")).to_contain_text("No measure of false alarms and catches: no result is marked.")
    for index, key in ((0, "r"), (1, "a"), (2, "r"), (3, "a"), (4, "a")):
        cards(driver).nth(index).click()
        page.keyboard.press(key)
        expect(page.locator("#marks")).to_be_visible()
        page.keyboard.press("Escape")
    measure = page.locator("#rate-measure")
    expect(measure).to_contain_text("1 of 3 accepted, 33.3\u00a0%")
    expect(measure).to_contain_text("1 of 2 rejected, 50\u00a0%")
    expect(page.locator(".rate")).to_contain_text("Measured on 5 marked results of 6.")
    page.locator("#rate").press("End")
    expect(page.locator("#rate-value")).to_have_text("50\u00a0%")
    expect(page.locator("#rate-failed")).to_contain_text("4 of 6 results would fail.")
    expect(measure).to_contain_text("2 of 3 accepted")
    expect(measure).to_contain_text("2 of 2 rejected, 100\u00a0%")
    page.locator("#rate").press("Home")
    expect(page.locator("#rate-failed")).to_contain_text("no part can fail")


def test_teaching_by_marks_shows_comparison_of_held_out_images(
    driver: PageDriver, inspections: ScriptedInspections, fitted: InspectionServer
) -> None:
    page, statement = driver.page, "Held-out images: 5 good, 2 rejected (2 groups), 0 accepted. The candidate is not better."
    job = {"id": "job_teach", "kind": "teach", "item_id": "", "state": "done", "progress": 1.0, "stage": "done", "error": None}
    event = f"id: 1\nevent: job\ndata: {json.dumps(job)}\n\n"
    page.route("**/teach", lambda route: route.fulfill(json={"inspector": "disc", "job": job}, status=202))
    page.route("**/job_teach/events", lambda route: route.fulfill(body=event, content_type="text/event-stream"))
    inspector = fitted.client.inspectors.get("disc").model_dump(mode="json")
    taught = {**inspector["versions"][0], "version": 2, "is_current": False, "comparison": {"statement": statement}}
    inspector["versions"].append(taught)
    expect(page.locator("#teach")).to_have_count(0)
    cards(driver).first.click()
    page.keyboard.press("r")
    expect(page.locator("#marks")).to_be_visible()
    page.keyboard.press("Escape")
    page.route("**/v1/inspectors/disc", lambda route: route.fulfill(json=inspector))
    page.get_by_role("button", name="Teach disc by 1 marked result").click()
    expect(page.locator("#comparison")).to_have_text(f"Version 2, not used: {statement}")


def test_bounds_of_page_equal_those_of_library(driver: PageDriver) -> None:
    pairs = [(0, 1), (0, 0), (1, 1), (3, 7), (0, 40), (39, 40), (200, 2000)]
    script = """async (pairs) => {
        const { boundProportion } = await import('/static/inspect/rates.js');
        return pairs.map(([hits, trials]) => boundProportion(hits, trials));
    }"""
    for bounds, (hits, trials) in zip(driver.page.evaluate(script, pairs), pairs, strict=True):
        assert bounds == pytest.approx(clopper_pearson(hits, trials), abs=1e-9)


def test_strip_of_line_shows_parts_and_follows_new_ones(driver: PageDriver) -> None:
    page = driver.page
    ScriptedInspections().install(page)
    actions = serve_line(page, ["PASS", "PASS", "UNDECIDED"], ["FAIL"])
    page.goto(page.url.rstrip("/") + GALLERY)
    tiles = page.locator("#strip button")
    expect(tiles).to_have_text(["P", "P", "U", "F"])
    expect(page.locator("#line-part")).to_contain_text("part-4 FAIL: 3 of 4 frames failed.")
    tiles.last.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#line-part")).to_contain_text("part-3 UNDECIDED")
    page.locator("#line").get_by_role("button", name="Stop").click()
    expect(page.locator("#line-facts")).to_contain_text("stopped · 4 parts: 2 pass, 1 fail, 1 undecided · 2 dropped frames")
    assert actions == ["/press/stop"]


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1280, "dark")])
def test_views_of_inspectors_fit_their_width_and_are_accessible(
    driver: PageDriver, fitted: InspectionServer, width: int, theme: str
) -> None:
    page = driver.page
    with use_layout(driver, width, theme):
        ScriptedInspections().install(page)
        serve_line(page, ["PASS"] * 40, ["FAIL"])
        page.goto(fitted.api.url + GALLERY)
        expect(cards(driver)).to_have_count(len(PARTS))
        expect(page.locator("#strip button")).to_have_count(41)
        assert_accessible(driver, "inspect-gallery", width, theme)
        cards(driver).first.click()
        assert_accessible(driver, "inspect-result", width, theme)
        page.keyboard.press("d")
        for key in ("Space", "ArrowRight", "ArrowRight", "Space", "ArrowDown", "ArrowDown", "Space"):
            page.keyboard.press(key)
        assert_accessible(driver, "inspect-drawing", width, theme)
        page.keyboard.press("Enter")
        expect(page.locator(".marked-region")).to_have_count(1)
        page.keyboard.press("Escape")
        page.click("#pick-parts")
        expect(page.locator("#picker-items li").first).to_be_visible()
        assert_accessible(driver, "inspect-picker", width, theme)
        page.keyboard.press("Escape")
        page.click("#create")
        assert_accessible(driver, "inspect-new", width, theme)
