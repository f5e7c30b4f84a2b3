"""A driver of the page: user actions, locators and waits."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser, Locator, Page, Route

PROCESSING_TIMEOUT_MS = 300_000  # includes the processing by a worker
SCREENSHOT_FOLDER = os.environ.get("PAGE_SCREENSHOTS")
HTTP_ERROR = "Failed to load resource"  # prefix of the console message for each HTTP error


@dataclass(frozen=True)
class PageDriver:
    """The page in a browser, and the errors in its console."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def add_file(self, name: str, data: bytes, tags: str = "") -> None:
        if tags:
            self.page.click("#add-more summary")
            self.page.fill("#new-tags", tags)
            self.page.keyboard.press("Escape")
        self.page.set_input_files("#files", {"name": name, "mimeType": "application/octet-stream", "buffer": data})

    def upload_row(self, name: str) -> Locator:
        """The row of a file in the upload tray."""
        return self.page.locator("#uploads li", has_text=name)

    def card(self, name: str) -> Locator:
        """The card of an item that is ready."""
        return self.page.locator("#items .card", has_text=name).filter(has_not=self.page.locator(".status"))

    def search(self, text: str) -> None:
        with self.page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS):
            self.page.fill("#query-text", text)
            self.page.press("#query-text", "Enter")
        self.wait_for_results()

    def search_with_file(self, name: str, data: bytes) -> None:
        file = {"name": name, "mimeType": "image/jpeg", "buffer": data}
        with self.page.expect_response("**/v1/search", timeout=PROCESSING_TIMEOUT_MS):
            self.page.set_input_files("#query-file", file)
        self.wait_for_results()

    def wait_for_results(self) -> None:
        expect(self.page.locator("#results")).to_have_attribute("aria-busy", "false", timeout=PROCESSING_TIMEOUT_MS)

    @property
    def hits(self) -> Locator:
        """The hits of the results, in the order in which they are shown."""
        return self.page.locator("#hits .hit")

    def hits_of(self, name: str) -> Locator:
        """The hits of one item."""
        return self.page.locator("#hits .group", has_text=name).locator(".hit")

    def patch_hits(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Apply `change` to each hit of each search response before the page receives it."""

        def fulfill(route: Route) -> None:
            response = route.fetch()
            body = response.json()
            for hit in body["hits"]:
                change(hit)
            route.fulfill(response=response, json=body)

        self.page.route("**/v1/search", fulfill)

    def wait_for_video_at(self, seconds: float, within: float = 0.5) -> None:
        self.page.wait_for_function(
            """([seconds, within]) => {
                const video = document.querySelector('#player video');
                return video && video.readyState >= 2 && !video.seeking && Math.abs(video.currentTime - seconds) <= within;
            }""",
            arg=[seconds, within],
            timeout=120_000,
        )

    def drop_file(self, target: str, name: str, data: bytes) -> None:
        """Drag a file over the page and drop it on `target`."""
        dropped = self.page.evaluate_handle(
            """([name, bytes]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], name, { type: name.endsWith('.jpg') ? 'image/jpeg' : '' }));
                return transfer;
            }""",
            [name, list(data)],
        )
        self.page.dispatch_event("body", "dragenter", {"dataTransfer": dropped})
        expect(self.page.locator("#drop")).to_be_visible()
        self.page.dispatch_event(target, "drop", {"dataTransfer": dropped})
        expect(self.page.locator("#drop")).to_be_hidden()

    def screenshot(self, name: str) -> None:
        """Save a screenshot if `PAGE_SCREENSHOTS` is set."""
        if SCREENSHOT_FOLDER:
            self.page.wait_for_timeout(1500)  # animations have ended
            self.page.wait_for_load_state("networkidle")
            self.page.screenshot(path=Path(SCREENSHOT_FOLDER) / f"{name}.png")


@contextmanager
def open_page(browser: Browser, url: str, width: int = 1280, height: int = 860, theme: str = "light") -> Iterator[PageDriver]:
    """Open the page in a new tab. Fails at the end if the console contains errors.

    All tabs of a browser share its first context, whose cache holds the modules of the page. No
    storage and no cookie is left at the end.
    """
    context = browser.contexts[0] if browser.contexts else browser.new_context()
    others = context.pages
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    driver = PageDriver(page)
    page.on("pageerror", lambda error: driver.errors.append(error.stack or str(error)))
    page.on("console", lambda message: _record(driver.errors, message.type, message.text))
    page.on("dialog", lambda dialog: dialog.accept())
    try:
        page.goto(url)
        yield driver
    finally:
        errors = driver.errors.copy()  # before requests are aborted
        context.set_offline(False)
        page.unroute_all(behavior="ignoreErrors")
        page.evaluate("origin === 'null' || localStorage.clear()")  # about:blank has no storage
        for tab in context.pages:
            if tab not in others:
                tab.close()
        context.clear_cookies()
    assert not errors, errors


@contextmanager
def reuse_page(driver: PageDriver, url: str) -> Iterator[None]:
    """Show an open page in its first state. Fails at the end if the console contains errors."""
    driver.page.bring_to_front()
    driver.page.goto(url)
    yield
    errors = driver.errors.copy()  # before requests are aborted
    driver.page.unroute_all(behavior="ignoreErrors")
    driver.page.evaluate("localStorage.clear()")
    driver.page.goto("about:blank")
    driver.errors.clear()
    assert not errors, errors


@contextmanager
def use_layout(driver: PageDriver, width: int, theme: str) -> Iterator[None]:
    """Show a page that is open at another width and in another theme."""
    size = driver.page.viewport_size
    assert size is not None
    driver.page.set_viewport_size({"width": width, "height": size["height"]})
    driver.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    yield
    driver.page.set_viewport_size(size)
    driver.page.emulate_media(color_scheme="light")


def _record(errors: list[str], kind: str, text: str) -> None:
    if kind == "error" and not text.startswith(HTTP_ERROR):
        errors.append(text)


def list_labels(hits: Locator) -> Sequence[str]:
    """List the accessible names of hits, in their order."""
    return [hit.get_attribute("aria-label") or "" for hit in hits.locator(".thumbnail").all()]
