"""The viewer of the OpenAPI document of a service that requires a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from mm.keys import KeyFile
from mm.settings import Settings
from tests.api.conftest import run_server
from tests.graphs import with_graphs
from tests.page.page_driver import open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


def test_api_docs_list_every_operation_and_execute_one_in_the_session(tmp_path: Path, graphs: Path, browser: Browser) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs), keys="on")
    _, key = KeyFile(settings.root).add("laptop", "read")
    with run_server(settings) as service, open_page(browser, f"{service.url}/docs") as driver:
        page = driver.page
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.reload()
        document = service.client.get("/openapi.json").json()
        expect(page.locator(".opblock")).to_have_count(sum(map(len, document["paths"].values())))
        tags = page.locator("#operations-media-list_tags")
        tags.locator(".opblock-summary-control").click()
        tags.get_by_role("button", name="Try it out").click()
        tags.get_by_role("button", name="Execute").click()
        status = tags.locator(".live-responses-table .response-col_status").last
        expect(status).to_contain_text("401")
        signed_in = page.context.new_page()
        signed_in.goto(service.url)
        signed_in.fill("#key", key)
        signed_in.get_by_role("button", name="Sign in").click()
        expect(signed_in.locator("#empty")).to_be_visible()
        signed_in.get_by_role("button", name="Keyboard shortcuts and help").click()
        expect(signed_in.get_by_role("link", name="the HTTP API")).to_have_attribute("href", "/docs")
        tags.get_by_role("button", name="Execute").click()
        expect(status).to_contain_text("200")
        assert requests
        assert all(url.startswith((f"{service.url}/", "data:image/")) for url in requests), requests
