"""The page: its files have addresses of one version, which browsers keep."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from api.routes.page import IMMUTABLE, PageFiles
from tests.api.conftest import assert_problem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import ApiServer


def test_page_refers_to_files_of_one_version_that_browsers_keep(api: ApiServer) -> None:
    response = api.client.get("/")
    assert response.headers["cache-control"] == "no-cache"
    paths = re.findall(r'="(/static/[^"]+)"', response.text)
    assert "app.js" in {path.rpartition("/")[2] for path in paths}
    (version,) = {path.split("/")[2] for path in paths}
    for path in paths:
        kept, revalidated = api.client.get(path), api.client.get(path.replace(f"{version}/", ""))
        assert (kept.status_code, kept.headers["cache-control"]) == (200, IMMUTABLE)
        assert (revalidated.status_code, revalidated.headers["cache-control"]) == (200, "no-cache")
        assert kept.content == revalidated.content


def test_file_of_another_version_is_sent_and_revalidated(api: ApiServer) -> None:
    response = api.client.get("/static/@0123456789abcdef/app.js")
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-cache")
    assert response.content == api.client.get("/static/app.js").content
    version = api.client.get("/").text.partition('="/static/')[2].partition("/")[0]
    for path in ("absent.js", "", "..%2f..%2froutes/page.py"):
        assert_problem(api.client.get(f"/static/{version}/{path}"), 404, "not-found")


def test_version_of_files_changes_with_their_content_only(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("1")
    files = PageFiles(tmp_path)
    first = files.read_version()
    os.utime(tmp_path / "app.js", (1, 1))
    assert files.read_version() == first == PageFiles(tmp_path).read_version()
    (tmp_path / "app.js").write_text("2")
    changed = files.read_version()
    assert changed != first
    (tmp_path / "app.js").rename(tmp_path / "main.js")
    assert files.read_version() not in (first, changed)
