"""Files on their way in: chosen, dropped, refused, stopped, cut off by a reload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.api import media
from tests.page.opened import WORK_MS, Open
from tests.page.tus import Tus
from tests.workers.videos import create_video as long_video

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_a_film_is_added_watched_and_played(opened: Open) -> None:
    page = opened.page
    expect(page.locator(".service")).to_have_text("ready", timeout=WORK_MS)
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => window.seen.push(document.querySelector('#uploads')?.textContent ?? ''))
            .observe(document.querySelector('#app'), { subtree: true, childList: true, characterData: true });
    }""")
    opened.add("evening walk.mp4", long_video(20.0), "evening, town")
    expect(opened.card("evening walk.mp4")).to_be_visible(timeout=WORK_MS)
    expect(opened.card("evening walk.mp4")).to_contain_text("#town")
    expect(opened.row("evening walk.mp4")).to_have_count(0)
    expect(page.locator("#said")).to_have_text("evening walk.mp4 is in the library.")
    assert re.search(r"encoding 1 of 1", " ".join(page.evaluate("window.seen")))
    opened.card("evening walk.mp4").locator(".still").click()
    opened.film_is_at(0.0)
    expect(page.locator("#player-title")).to_have_text("evening walk.mp4")
    page.keyboard.press("Escape")
    page.click("#tags summary")
    expect(page.locator("#tags")).to_contain_text("#evening")


def test_a_folder_is_added_and_what_is_no_media_says_why(opened: Open, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "second").mkdir(parents=True)
    (folder / "first.png").write_bytes(media.image(310))
    (folder / "second" / "other.png").write_bytes(media.image(311))
    (folder / "second" / "notes.txt").write_bytes(b"no picture at all, " * 50)
    (folder / ".DS_Store").write_bytes(b"left by a file manager")
    opened.page.set_input_files("#folder", folder)
    expect(opened.card("first.png")).to_be_visible(timeout=WORK_MS)
    expect(opened.card("other.png")).to_be_visible(timeout=WORK_MS)
    refused = opened.row("notes.txt")
    expect(refused.locator(".error")).to_contain_text("notes.txt")
    expect(opened.page.locator("#uploads li")).to_have_count(1)
    refused.get_by_role("button", name="Dismiss notes.txt").click()
    expect(opened.page.locator(".tray")).to_have_count(0)


def test_a_dropped_file_is_added_and_a_refused_one_says_why(opened: Open) -> None:
    opened.drop("[data-drop=add]", "dropped.jpg", media.image(300))
    expect(opened.card("dropped.jpg")).to_be_visible(timeout=WORK_MS)
    opened.drop("[data-drop=add]", "taxes.jpg", b"no picture at all, " * 50)
    expect(opened.row("taxes.jpg").locator(".error")).to_contain_text("taxes.jpg")
    expect(opened.row("taxes.jpg").get_by_role("button", name="Try taxes.jpg again")).to_be_visible()
    expect(opened.card("taxes.jpg")).to_have_count(0)


def test_work_is_seen_again_behind_a_reload_and_stopped(opened: Open) -> None:
    page = opened.page
    opened.add("long.mp4", long_video(200.0, fps=10))
    expect(opened.row("long.mp4")).to_have_class("working", timeout=WORK_MS)
    page.reload()
    expect(opened.row("long.mp4")).to_have_class("working")
    expect(opened.row("long.mp4").locator("progress")).to_be_visible()
    opened.keep("tray")
    page.get_by_role("button", name="Stop long.mp4").click()
    expect(opened.row("long.mp4").locator("p")).to_have_text("The work on it was stopped.", timeout=WORK_MS)
    expect(page.locator("#items .card", has_text="long.mp4").locator(".status")).to_have_text("stopped")
    page.get_by_role("button", name="Dismiss all").click()
    expect(page.locator(".tray")).to_have_count(0)


def test_an_upload_is_stopped_while_it_is_sent(opened: Open) -> None:
    opened.page.route(re.compile("/v1/uploads"), lambda route: route.fulfill(status=404))
    opened.page.route(re.compile(r"/v1/media\?name"), lambda route: None)  # never answered
    opened.add("slow.png", media.image(312))
    expect(opened.row("slow.png")).to_have_class("sending")
    opened.page.get_by_role("button", name="Stop slow.png").click()
    expect(opened.row("slow.png")).to_have_class("cancelled")
    expect(opened.row("slow.png")).to_contain_text("Stopped before it was sent.")
    opened.page.unroute_all()
    opened.page.get_by_role("button", name="Try slow.png again").click()
    expect(opened.card("slow.png")).to_be_visible(timeout=WORK_MS)


def test_an_upload_that_a_reload_cut_off_is_named(opened: Open, library: ApiServer, tmp_path: Path) -> None:
    file = tmp_path / "cut.png"
    file.write_bytes(media.image(313))
    opened.page.route(re.compile("/v1/uploads"), lambda route: route.fulfill(status=404))
    opened.page.route(re.compile(r"/v1/media\?name"), lambda route: None)
    opened.page.set_input_files("#files", file)
    expect(opened.row("cut.png")).to_have_class("sending")
    other = opened.page.context.new_page()  # where nothing was cut off
    other.goto(library.url)
    expect(other.locator("#items .card")).not_to_have_count(0)
    expect(other.locator(".tray")).to_have_count(0)
    other.close()
    opened.page.reload()
    expect(opened.row("cut.png")).to_contain_text("Drop the file again to send it.")
    opened.page.unroute_all()
    opened.page.set_input_files("#files", file)
    expect(opened.card("cut.png")).to_be_visible(timeout=WORK_MS)
    expect(opened.page.locator(".tray")).to_have_count(0)


def test_a_resumable_upload_goes_on_behind_breaks_and_a_reload(opened: Open, library: ApiServer, tmp_path: Path) -> None:
    file = tmp_path / "resumed.png"
    file.write_bytes(data := media.image(314))
    half, more = len(data) // 2, len(data) * 3 // 4
    service = Tus(library, keeps=[half, more])
    opened.page.route(re.compile("/v1/uploads"), service.answer)
    opened.page.reload()  # the page asks once whether uploads can resume
    opened.page.set_input_files("#files", file)
    expect(opened.row("resumed.png")).to_have_class("sending")
    opened.page.wait_for_function("() => Object.values(JSON.parse(localStorage['mm.uploads'] ?? '{}')).some((one) => one.url)")
    service.hang = False
    opened.page.reload()
    expect(opened.row("resumed.png")).to_contain_text("go on from where it was")
    opened.page.set_input_files("#files", file)
    expect(opened.card("resumed.png")).to_be_visible(timeout=WORK_MS)
    expect(opened.page.locator(".tray")).to_have_count(0)
    assert bytes(service.bytes) == data
    assert service.offsets == [0, half, more]
    assert opened.page.evaluate("localStorage['mm.uploads']") == "{}"


def test_a_busy_service_is_waited_for(opened: Open) -> None:
    problem = '{"type": "/problems/too-many", "title": "Too many", "status": 429, "detail": "1000 jobs wait already."}'
    opened.page.route(re.compile("/v1/uploads"), lambda route: route.fulfill(status=404))
    opened.page.route(
        re.compile(r"/v1/media\?name"),
        lambda route: route.fulfill(
            status=429, headers={"Retry-After": "1"}, body=problem, content_type="application/problem+json"
        ),
        times=1,
    )
    opened.add("patient.png", media.image(315))
    expect(opened.card("patient.png")).to_be_visible(timeout=WORK_MS)
