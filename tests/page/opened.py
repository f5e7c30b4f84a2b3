"""The page as a person uses it."""

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

WORK_MS = 300_000  # for what a worker has to do first
PICTURES = os.environ.get("PAGE_PICTURES")
REFUSED = "Failed to load resource"  # what the browser says of each refusal of the service


@dataclass(frozen=True)
class Open:
    """The page in a browser, and what went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def add(self, name: str, data: bytes, tags: str = "") -> None:
        if tags:
            self.page.click("#add-more summary")
            self.page.fill("#new-tags", tags)
            self.page.keyboard.press("Escape")
        self.page.set_input_files("#files", {"name": name, "mimeType": "application/octet-stream", "buffer": data})

    def row(self, name: str) -> Locator:
        """What is said of a file on its way in."""
        return self.page.locator("#uploads li", has_text=name)

    def card(self, name: str) -> Locator:
        """The card of an item that is ready."""
        return self.page.locator("#items .card", has_text=name).filter(has_not=self.page.locator(".status"))

    def ask(self, text: str) -> None:
        with self.page.expect_response("**/v1/search", timeout=WORK_MS):
            self.page.fill("#words", text)
            self.page.press("#words", "Enter")
        self.answered()

    def ask_with(self, name: str, data: bytes) -> None:
        file = {"name": name, "mimeType": "image/jpeg", "buffer": data}
        with self.page.expect_response("**/v1/search", timeout=WORK_MS):
            self.page.set_input_files("#query-file", file)
        self.answered()

    def answered(self) -> None:
        expect(self.page.locator("#answer")).to_have_attribute("aria-busy", "false", timeout=WORK_MS)

    @property
    def hits(self) -> Locator:
        """The moments of the answer, in the order in which they are shown."""
        return self.page.locator("#hits .moment")

    def hit(self, name: str) -> Locator:
        """Moments of one item."""
        return self.page.locator("#hits .group", has_text=name).locator(".moment")

    def change_answers(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Let `change` alter each hit of each answer of the service on its way to the page."""

        def answer(route: Route) -> None:
            real = route.fetch()
            body = real.json()
            for hit in body["hits"]:
                change(hit)
            route.fulfill(response=real, json=body)

        self.page.route("**/v1/search", answer)

    def film_is_at(self, seconds: float, within: float = 0.5) -> None:
        self.page.wait_for_function(
            """([seconds, within]) => {
                const film = document.querySelector('#player video');
                return film && film.readyState >= 2 && !film.seeking && Math.abs(film.currentTime - seconds) <= within;
            }""",
            arg=[seconds, within],
            timeout=120_000,
        )

    def drop(self, target: str, name: str, data: bytes) -> None:
        """Drag a file over the page and let go of it on `target`."""
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

    def keep(self, name: str) -> None:
        """A picture of the page, where somebody wants to look at it."""
        if PICTURES:
            self.page.wait_for_timeout(1500)  # what fades or turns has come to rest
            self.page.wait_for_load_state("networkidle")
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")


@contextmanager
def opened_at(browser: Browser, url: str, width: int = 1280, height: int = 860, theme: str = "light") -> Iterator[Open]:
    """A new page, without anything that another one kept. At the end nothing may have gone wrong in
    it."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce"
    )
    page = context.new_page()
    opened = Open(page)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("console", lambda message: _note(opened.complaints, message.type, message.text))
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(url)
    yield opened
    context.close()
    assert not opened.complaints, opened.complaints


def _note(complaints: list[str], kind: str, text: str) -> None:
    if kind == "error" and not text.startswith(REFUSED):
        complaints.append(text)


def names_of(hits: Locator) -> Sequence[str]:
    """The names of the items of moments, in their order."""
    return [hit.get_attribute("aria-label") or "" for hit in hits.locator(".still").all()]
