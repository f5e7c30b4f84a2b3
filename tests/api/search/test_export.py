"""Exports of hits: CSV, JSON and the contact sheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import numpy as np
import pytest

from mm.schemas import SearchResponse
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable, assert_problem

NAME = "=1+2 <b>.png"


@pytest.fixture(scope="module")
def item(api: ApiServer) -> Iterator[str]:
    frame = api.service.space.image.embed([np.full((96, 128, 3), 30, np.uint8)])[0]
    segment = EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, frame)])
    added = add_searchable(api, media.image(5001), NAME, "export", [segment])
    yield added
    api.client.delete(f"/v1/media/{added}")
    api.client.delete(f"/v1/trash/{added}")


def export(api: ApiServer, kind: str) -> bytes:
    body = {"text": "blocks <i>", "floor": 0, "filters": {"tags": ["export"]}}
    response = api.client.post("/v1/search/export", params={"format": kind}, json=body)
    assert response.status_code == 200, response.text
    assert f'filename="hits.{kind}"' in response.headers["content-disposition"]
    return response.content


def test_export_as_csv_has_a_row_for_each_hit_without_formulas(api: ApiServer, item: str) -> None:
    (row,) = csv.DictReader(io.StringIO(export(api, "csv").decode("utf-8-sig")))
    assert (row["rank"], row["item"], row["name"], row["tags"]) == ("1", item, f"'{NAME}", "export")
    assert "picture" in row["evidence"]


def test_export_as_json_is_the_response_of_the_search(api: ApiServer, item: str) -> None:
    assert [hit.item.id for hit in SearchResponse.model_validate_json(export(api, "json")).hits] == [item]


def test_export_as_contact_sheet_holds_its_images_and_escapes_names(api: ApiServer, item: str) -> None:
    sheet = export(api, "html").decode()
    assert item in sheet
    assert "=1+2 &lt;b&gt;.png" in sheet
    assert "<i>" not in sheet
    assert "data:image/webp;base64," in sheet
    assert not re.search(r"(src|href)=['\"]?(https?:|/)", sheet)


def test_export_with_invalid_parameters_is_refused(api: ApiServer, item: str) -> None:
    assert_problem(api.client.post("/v1/search/export", params={"format": "xml"}, json={"text": "x"}), 400, "invalid-input")
    assert_problem(api.client.post("/v1/search/export", json={}), 400, "invalid-input")
    assert_problem(api.client.post("/v1/search/export", json={"text": "x", "k": 10**9}), 400, "invalid-input")
