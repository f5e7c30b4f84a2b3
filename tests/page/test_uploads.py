"""Uploads: selected, dropped, refused, stopped, interrupted by a reload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.api import media
from tests.page.fake_tus import FakeTus
from tests.page.page_driver import PROCESSING_TIMEOUT_MS, PageDriver
from tests.workers.videos import create_video as create_long_video

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_upload_of_video_shows_progress_then_plays(driver: PageDriver) -> None:
    page = driver.page
    expect(page.locator(".service")).to_have_text("ready", timeout=PROCESSING_TIMEOUT_MS)
    page.evaluate("""() => {
        window.uploadTexts = [];
        new MutationObserver(() => window.uploadTexts.push(document.querySelector('#uploads')?.textContent ?? ''))
            .observe(document.querySelector('#app'), { subtree: true, childList: true, characterData: true });
    }""")
    driver.add_file("evening walk.mp4", create_long_video(60.0), "evening, town")
    expect(driver.card("evening walk.mp4")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    expect(driver.card("evening walk.mp4")).to_contain_text("#town")
    expect(driver.upload_row("evening walk.mp4")).to_have_count(0)
    expect(page.locator("#announcement")).to_have_text("evening walk.mp4 is in the library.")
    assert re.search(r"encoding 1 of 1", " ".join(page.evaluate("window.uploadTexts")))
    driver.card("evening walk.mp4").locator(".thumbnail").click()
    driver.wait_for_video_at(0.0)
    expect(page.locator("#player-title")).to_have_text("evening walk.mp4")
    page.keyboard.press("Escape")
    page.click("#tags summary")
    expect(page.locator("#tags")).to_contain_text("#evening")


def test_upload_of_folder_adds_media_and_reports_other_files(driver: PageDriver, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "second").mkdir(parents=True)
    (folder / "first.png").write_bytes(media.image(310))
    (folder / "second" / "other.png").write_bytes(media.image(311))
    (folder / "second" / "notes.txt").write_bytes(b"no picture at all, " * 50)
    (folder / ".DS_Store").write_bytes(b"left by a file manager")
    driver.page.set_input_files("#folder", folder)
    expect(driver.card("first.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    expect(driver.card("other.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    row = driver.upload_row("notes.txt")
    expect(row.locator(".error")).to_contain_text("notes.txt")
    expect(driver.page.locator("#uploads li")).to_have_count(1)
    row.get_by_role("button", name="Dismiss notes.txt").click()
    expect(driver.page.locator(".tray")).to_have_count(0)


def test_drop_of_file_adds_media_and_reports_invalid_file(driver: PageDriver) -> None:
    driver.drop_file("[data-drop=add]", "dropped.jpg", media.image(300))
    expect(driver.card("dropped.jpg")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    driver.drop_file("[data-drop=add]", "taxes.jpg", b"no picture at all, " * 50)
    expect(driver.upload_row("taxes.jpg").locator(".error")).to_contain_text("taxes.jpg")
    expect(driver.upload_row("taxes.jpg").get_by_role("button", name="Try taxes.jpg again")).to_be_visible()
    expect(driver.card("taxes.jpg")).to_have_count(0)


def test_processing_row_survives_reload_and_can_be_stopped(driver: PageDriver) -> None:
    page = driver.page
    driver.add_file("long.mp4", create_long_video(200.0, fps=10))
    expect(driver.upload_row("long.mp4")).to_have_class("processing", timeout=PROCESSING_TIMEOUT_MS)
    page.reload()
    expect(driver.upload_row("long.mp4")).to_have_class("processing")
    expect(driver.upload_row("long.mp4").locator("progress")).to_be_visible()
    driver.screenshot("tray")
    page.get_by_role("button", name="Stop long.mp4").click()
    expect(driver.upload_row("long.mp4").locator("p")).to_have_text("Processing was stopped.", timeout=PROCESSING_TIMEOUT_MS)
    expect(page.locator("#items .card", has_text="long.mp4").locator(".status")).to_have_text("stopped")
    page.get_by_role("button", name="Dismiss all").click()
    expect(page.locator(".tray")).to_have_count(0)


def test_upload_stopped_while_sending_can_be_retried(driver: PageDriver) -> None:
    driver.page.route(re.compile("/v1/uploads"), lambda route: route.fulfill(status=404))
    driver.page.route(re.compile(r"/v1/media\?name"), lambda route: None)  # no response
    driver.add_file("slow.png", media.image(312))
    expect(driver.upload_row("slow.png")).to_have_class("sending")
    driver.page.get_by_role("button", name="Stop slow.png").click()
    expect(driver.upload_row("slow.png")).to_have_class("cancelled")
    expect(driver.upload_row("slow.png")).to_contain_text("Stopped before the upload was complete.")
    driver.page.unroute_all()
    driver.page.get_by_role("button", name="Try slow.png again").click()
    expect(driver.card("slow.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)


def test_upload_interrupted_by_reload_is_listed_and_can_be_restarted(
    driver: PageDriver, library: ApiServer, tmp_path: Path
) -> None:
    file = tmp_path / "cut.png"
    file.write_bytes(media.image(313))
    driver.page.route(re.compile("/v1/uploads"), lambda route: route.fulfill(status=404))
    driver.page.route(re.compile(r"/v1/media\?name"), lambda route: None)
    driver.page.set_input_files("#files", file)
    expect(driver.upload_row("cut.png")).to_have_class("sending")
    other = driver.page.context.new_page()  # a tab without interrupted uploads
    other.goto(library.url)
    expect(other.locator("#items .card")).not_to_have_count(0)
    expect(other.locator(".tray")).to_have_count(0)
    other.close()
    driver.page.reload()
    expect(driver.upload_row("cut.png")).to_contain_text("Drop the file again to restart it.")
    driver.page.unroute_all()
    driver.page.set_input_files("#files", file)
    expect(driver.card("cut.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    expect(driver.page.locator(".tray")).to_have_count(0)


def test_tus_upload_resumes_after_connection_loss_and_reload(driver: PageDriver, library: ApiServer, tmp_path: Path) -> None:
    file = tmp_path / "resumed.png"
    file.write_bytes(data := media.image(314))
    half, more = len(data) // 2, len(data) * 3 // 4
    service = FakeTus(library, break_offsets=[half, more])
    driver.page.route(re.compile("/v1/uploads"), service.handle)
    driver.page.reload()  # the page asks once whether uploads can resume
    driver.page.set_input_files("#files", file)
    expect(driver.upload_row("resumed.png")).to_have_class("sending")
    driver.page.wait_for_function("() => Object.values(JSON.parse(localStorage['mm.uploads'] ?? '{}')).some(({ url }) => url)")
    service.hangs = False
    driver.page.reload()
    expect(driver.upload_row("resumed.png")).to_contain_text("Drop the file again to resume it.")
    driver.page.set_input_files("#files", file)
    expect(driver.card("resumed.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
    expect(driver.page.locator(".tray")).to_have_count(0)
    assert bytes(service.bytes) == data
    assert service.offsets == [0, half, more]
    assert driver.page.evaluate("localStorage['mm.uploads']") == "{}"


def test_upload_refused_with_429_is_sent_again_after_retry_after(driver: PageDriver) -> None:
    problem = '{"type": "/problems/too-many", "title": "Too many", "status": 429, "detail": "1000 jobs wait already."}'
    driver.page.route(re.compile("/v1/uploads"), lambda route: route.fulfill(status=404))
    driver.page.route(
        re.compile(r"/v1/media\?name"),
        lambda route: route.fulfill(
            status=429, headers={"Retry-After": "1"}, body=problem, content_type="application/problem+json"
        ),
        times=1,
    )
    driver.add_file("patient.png", media.image(315))
    expect(driver.card("patient.png")).to_be_visible(timeout=PROCESSING_TIMEOUT_MS)
