"""Sign-in and sign-out in the browser."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error, expect

from mm.keys import KeyFile
from mm.settings import Settings
from tests.api.conftest import run_server
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.page.page_driver import PageDriver

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_sign_in_page_is_shown_after_sign_out_and_key_revocation(tmp_path: Path, graphs: Path, browser: Browser) -> None:
    home = with_graphs(tmp_path, graphs)
    keys = KeyFile(home)
    secret = keys.add("laptop", "read")[1]
    narrow = browser.new_context(viewport={"width": 360, "height": 700})
    with run_server(Settings(home=home, keys="on")) as service, narrow as context:
        page = context.new_page()
        field, sign_out = page.get_by_label("requires an API key"), page.get_by_role("button", name="Sign out (key laptop)")

        def sign_in() -> None:
            field.fill(secret)
            page.get_by_role("button", name="Sign in").click()
            expect(sign_out).to_be_visible()

        page.goto(service.url)
        sign_in()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        (cookie,) = context.cookies()
        assert (cookie["name"], cookie["value"] in secret, cookie["httpOnly"]) == ("mm_session", False, True)
        context.set_offline(True)
        sign_out.click()
        expect(page.locator(".toast", has_text="You are still signed in")).to_be_visible()
        context.set_offline(False)
        sign_out.click()
        expect(field).to_be_visible()
        assert context.cookies() == []
        sign_in()
        keys.revoke("laptop")
        with suppress(Error):  # a request of the page can open the sign-in page first, which aborts the reload
            page.reload()
        expect(field).to_be_visible()


def test_sign_out_button_is_hidden_without_keys(driver: PageDriver) -> None:
    with driver.page.expect_response("**/v1/session") as response_info:
        driver.page.reload()
    assert response_info.value.json()["key_id"] is None
    expect(driver.page.locator("#theme")).to_be_visible()
    assert driver.page.locator("#sign-out").count() == 0
