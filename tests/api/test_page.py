"""The page in a real browser, over a real worker: add, watch, ask, play, delete.

`PAGE_PICTURES=folder` keeps pictures of the page, as the README shows it.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from mm.settings import Settings
from tests.api import media
from tests.api.conftest import Running, running
from tests.graphs import with_graphs
from tests.workers.broker import Broker
from tests.workers.films import SPEECH
from tests.workers.films import film as long_film
from tests.workers.process import WorkerProcess, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("page")]

CHROMIUM = shutil.which("chromium")
PICTURES = os.environ.get("PAGE_PICTURES")
WORK_MS = 60_000  # for what a worker has to do first
expect.set_options(timeout=30_000)
SCENE_SECONDS = 4
SCENES = ("coffee.png", "rocket.jpg", "chelsea.png", "astronaut.png")
PHOTOS = Path(str(distribution("scikit-image").locate_file("skimage/data")))
WIDTH, HEIGHT, FPS = 480, 320, 10


def photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / name).convert("RGB")


def jpeg(name: str) -> bytes:
    buffer = io.BytesIO()
    photo(name).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def scenes() -> Iterator[npt.NDArray[np.uint8]]:
    """Each photo under a camera that moves slowly to the right."""
    for name in SCENES:
        wide = photo(name).resize((WIDTH + FPS * SCENE_SECONDS, HEIGHT))
        yield from (np.asarray(wide.crop((x, 0, x + WIDTH, HEIGHT))) for x in range(FPS * SCENE_SECONDS))


def film() -> bytes:
    """Four photos of four seconds each, and speech as the sound."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output, av.open(str(SPEECH)) as speech:
        pictures = output.add_stream("libx264", rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = output.add_stream("aac", rate=16_000)
        for picture in scenes():
            output.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(pictures.encode(None))
        for frame in speech.decode(audio=0):
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    return buffer.getvalue()


@dataclass(frozen=True)
class Open:
    """The page in a browser, and what went wrong in it."""

    page: Page
    complaints: list[str]

    def add(self, name: str, data: bytes, tags: str = "") -> None:
        self.page.fill("#new-tags", tags)
        self.page.set_input_files("#files", {"name": name, "mimeType": "application/octet-stream", "buffer": data})

    def card(self, name: str) -> Locator:
        """The card of an item that is ready."""
        return self.page.locator("#items .card", has_text=name).filter(has_not_text="processing")

    def ask(self, text: str) -> None:
        self.page.fill("#words", text)
        self.page.click("#ask button[type=submit]")
        expect(self.page.locator("#answer")).to_have_attribute("aria-busy", "false", timeout=WORK_MS)

    def ask_with(self, name: str, data: bytes) -> None:
        file = {"name": name, "mimeType": "image/jpeg", "buffer": data}
        with self.page.expect_response("**/v1/search", timeout=WORK_MS):
            self.page.set_input_files("#query-file", file)
        expect(self.page.locator("#answer")).to_have_attribute("aria-busy", "false")

    def keep(self, name: str) -> None:
        if PICTURES:
            self.page.wait_for_timeout(2500)  # what fades or turns has come to rest
            self.page.wait_for_load_state("networkidle")
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")


def put_side_by_side(left: str, right: str, name: str) -> None:
    """The picture of the README, out of two that were kept."""
    if PICTURES:
        parts = [Image.open(Path(PICTURES) / f"{part}.png").convert("RGB") for part in (left, right)]
        width, height = parts[0].size
        whole = Image.new("RGB", (2 * width, height))
        for index, part in enumerate(parts):
            whole.paste(part, (index * width, 0))
        whole.resize((width * 5 // 4, height * 5 // 8)).save(Path(PICTURES) / f"{name}.png", optimize=True)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "broker").mkdir()
    broker = Broker(folder / "broker")
    broker.start()
    settings = Settings(home=with_graphs(folder / "home", graphs), broker_url=broker.url, sweep_seconds=0.5)
    try:
        with WorkerProcess(settings, folder / "worker.log"), running(settings) as service:
            wait_for(lambda: service.client.get("/readyz").status_code == 200, "the service is ready", 60)
            yield service
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(service: Running, browser: Browser) -> Iterator[Open]:
    page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
    opened = Open(page, [])
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("console", lambda message: opened.complaints.append(message.text) if message.type == "error" else None)
    page.goto(service.url)
    yield opened
    page.close()


@pytest.fixture(scope="module")
def filled(service: Running) -> Running:
    """A library with photos, a film of the same photos, and speech."""
    files = {name: jpeg(name) for name in SCENES} | {"evening.mp4": film(), "beckett.wav": SPEECH.read_bytes()}
    for name, data in files.items():
        job = service.upload(data, name, "demo").json()["job"]
        with service.client.stream("GET", f"/v1/jobs/{job['id']}/events") as events:
            last = [line for line in events.iter_lines() if line.startswith("data:")][-1]
        assert '"done"' in last, last
    return service


def test_files_are_chosen_watched_and_shown(opened: Open) -> None:
    page = opened.page
    expect(page.locator("#service")).to_have_text("ready", timeout=WORK_MS)
    expect(page.locator("#empty")).to_contain_text("Nothing here yet")
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => window.seen.push(document.querySelector('#uploads').textContent))
            .observe(document.querySelector('#uploads'), { subtree: true, childList: true, characterData: true });
    }""")
    opened.add("evening walk.mp4", film(), "evening, town")
    expect(opened.card("evening walk.mp4")).to_be_visible(timeout=WORK_MS)
    expect(opened.card("evening walk.mp4")).to_contain_text("#town")
    expect(page.locator("#uploads li")).to_have_count(0)
    seen = " ".join(page.evaluate("window.seen"))
    assert re.search(r"encoding 1 of 1, \d+ %", seen), seen
    expect(page.locator("#tags")).to_contain_text("#evening")
    assert opened.complaints == []

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete evening walk.mp4").click()
    expect(page.locator("#items .card")).to_have_count(0)
    expect(page.locator("#empty")).to_be_visible()


def test_work_is_stopped(opened: Open, service: Running) -> None:
    page = opened.page
    opened.add("long.mp4", long_film(200.0, fps=10))
    page.get_by_role("button", name="Stop the work on long.mp4").click()
    expect(page.locator("#uploads li .error")).to_contain_text("cancelled", timeout=WORK_MS)
    expect(page.locator("#items .card", has_text="long.mp4")).to_contain_text("cancelled")
    for item in service.client.get("/v1/media").json()["items"]:
        service.client.delete(f"/v1/media/{item['id']}")
    assert opened.complaints == []


def test_a_dropped_file_is_added_and_a_refused_one_says_why(opened: Open) -> None:
    page = opened.page
    dropped = page.evaluate_handle(
        """([name, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name));
            return transfer;
        }""",
        ["dropped.jpg", list(media.picture(300))],
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": dropped})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("[data-drop=add]", "drop", {"dataTransfer": dropped})
    expect(page.locator("#drop")).to_be_hidden()
    expect(opened.card("dropped.jpg")).to_be_visible(timeout=WORK_MS)
    assert opened.complaints == []

    opened.add("taxes.jpg", b"no picture at all, " * 50)
    refused = page.locator("#uploads li", has_text="taxes.jpg")
    expect(refused.locator(".error")).to_contain_text("taxes.jpg")
    refused.get_by_role("button", name="Dismiss").click()
    expect(refused).to_have_count(0)
    expect(opened.card("taxes.jpg")).to_have_count(0)


def test_a_hit_opens_the_player_at_its_moment(opened: Open, filled: Running) -> None:
    page = opened.page
    expect(page.locator("#items .card")).not_to_have_count(0)
    opened.ask_with("cat.jpg", jpeg("chelsea.png"))
    expect(page.locator("#query-chip")).to_contain_text("cat.jpg")
    expect(page.locator("#hits .card").first).to_contain_text("chelsea.png")
    hit = page.locator("#hits .card", has_text="evening.mp4").first
    expect(hit).to_contain_text("seen")
    opened.keep("hits")
    hit.locator(".still").click()
    expect(page.locator("#player")).to_be_visible()
    expect(page.locator("#player-title")).to_have_text("evening.mp4")
    start = SCENE_SECONDS * SCENES.index("chelsea.png")
    wait_for(lambda: page.evaluate("document.querySelector('#player video').readyState") >= 2, "the film is loaded")
    assert page.evaluate("document.querySelector('#player video').currentTime") == pytest.approx(start, abs=0.5)
    opened.keep("player")
    put_side_by_side("hits", "player", "page")
    page.keyboard.press("Escape")
    expect(page.locator("#player")).to_be_hidden()
    expect(page.locator("#player video")).to_have_count(0)
    assert opened.complaints == []


def test_words_that_were_said_are_shown_and_lead_to_their_time(opened: Open, filled: Running) -> None:
    page = opened.page
    opened.ask("try again, fail again, fail better")
    hit = page.locator("#hits .card").first
    expect(hit.locator(".badge.speech")).to_contain_text(re.compile("fail", re.I))
    hit.locator(".still").click()
    page.locator("#player-facts button").first.click()
    expect(page.locator("#player-facts")).to_contain_text(re.compile("fail", re.I))
    page.click("#player-close")
    expect(page.locator("#player")).to_be_hidden()
    assert opened.complaints == []


def test_nothing_matches_and_a_bad_question_are_said(opened: Open, filled: Running) -> None:
    page = opened.page
    page.locator("#kinds label", has_text="Sounds").click()
    opened.ask_with("chelsea.png", jpeg("chelsea.png"))
    expect(page.locator(".nothing")).to_contain_text("Nothing matches.")
    page.click("#clear")
    expect(page.locator("#answer")).to_be_hidden()
    opened.ask_with("letter.jpg", b"no picture at all, " * 50)
    expect(page.locator("#answer .error")).to_contain_text("letter.jpg")
    expect(page.locator("#hits .card")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_every_screen_in_both_themes(service: Running, browser: Browser, filled: Running, width: int, theme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 860}, color_scheme=theme)
    opened = Open(page, [])
    page.goto(service.url)
    expect(opened.card("evening.mp4")).to_be_visible()
    opened.ask("a cup of coffee on a table")
    expect(page.locator("#service")).to_have_text("ready")
    opened.keep(f"page-{theme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 128) == (theme == "light")
    page.close()


def test_a_name_is_only_ever_text(opened: Open, service: Running) -> None:
    service.uploaded(media.picture(301), "<img src=x onerror=alert(1)>.jpg")
    opened.page.reload()
    expect(opened.page.locator("#items h3", has_text="<img src=x onerror=alert(1)>.jpg")).to_be_visible()
    assert opened.complaints == []
