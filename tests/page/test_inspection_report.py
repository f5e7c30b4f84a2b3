"""The report of an inspection in a browser: width, themes, accessibility, and no requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.inspection.report.page import build_report
from tests.inspection.report.test_report import HOSTILE, find_heat, find_image, make_record, make_report
from tests.page.test_layout import AXE, SERIOUS

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_report_fits_its_width_is_accessible_and_requests_nothing(
    browser: Browser, tmp_path: Path, width: int, theme: str
) -> None:
    records = [make_record(HOSTILE, "fail", 0.048), make_record("fine.png", "pass", 0.6), make_record("v.mp4", "undecided", 0.1)]
    report = make_report(records, settings={"share": 0.03}, failures=[("a.png", "damaged")], pod_rows=[{"kind": "pit"}])
    (tmp_path / "report.html").write_text(build_report(report, find_image, find_heat))
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    assert all(url.startswith(("file:", "data:")) for url in requests)
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE)
    assert page.evaluate(SERIOUS) == []
    page.close()
