"""Searches of results of inspections: by a filter, by words, and with a query."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from indexes.catalog.records import NewResult
from mm.cli.main import main
from mm.errors import InvalidInput
from mm.inspection.store import InspectorStore
from mm.schemas import Filters, InspectionFilter
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import add_searchable
from tests.api.inspection.conftest import InspectionServer
from tests.indexes.catalog.test_inspection import SETTINGS, region, result

pytestmark = pytest.mark.xdist_group("inspection API")

RECIPE = "here is my recipe for apple cake"


@pytest.fixture(scope="module")
def items(server: InspectionServer) -> list[str]:
    """An image with a scratch of 0.5 mm, one with 0.2 mm, and a searchable video with a pit."""
    store, space = server.api.service.store, server.api.service.space
    images = [server.add(media.image(80 + number), f"part {number}.png") for number in range(2)]
    (vector,) = space.text.embed([RECIPE])
    segments = [EncodedSegment(0.0, 2.0, 0, [EncodedEvidence("speech", 0.2, 1.9, RECIPE, vector.astype(np.float32))])]
    found = [*images, add_searchable(server.api, media.video(2.0, seed=82), "belt.mp4", "belt", segments)]
    run = store.catalog.add_run("searched", 1, SETTINGS, found, span_seconds=120.0)
    regions = [region("scratch", 0.5), region("scratch", 0.2), region("pit", 0.9)]
    while (unit := store.catalog.claim_work("test", 60.0, 120.0)) is not None:
        for task in unit.tasks:
            number = found.index(task.item_id)
            new = result(task.item_id, 0.01 * (number + 1), "fail", regions[number])
            moment = NewResult(start=task.start, end=task.end, frame_time=task.start, record=new.record, heat=None)
            assert store.catalog.add_results(task, "test", [moment])
    assert store.catalog.get_run(run.id) is not None
    return found


def search(server: InspectionServer, text: str | None = None, **conditions: object) -> list[str]:
    chosen = InspectionFilter(inspection=None, inspector="searched", **conditions)  # type: ignore[arg-type]
    return [hit.item.id for hit in server.client.search(text, filters=Filters(inspection=chosen), floor=0.0).hits]


def test_filter_without_a_query_lists_results_by_p_value(server: InspectionServer, items: list[str]) -> None:
    assert search(server) == items
    assert search(server, kind="scratch", min_length_mm=0.3) == items[:1]
    assert search(server, max_p_value=0.015) == items[:1]
    assert search(server, verdict="pass") == []


def test_other_filters_apply_as_well(server: InspectionServer, items: list[str]) -> None:
    filters = Filters(kinds=["video"], inspection=InspectionFilter(inspector="searched"))
    (hit,) = server.client.search(filters=filters).hits
    assert hit.item.id == items[2]
    assert (hit.start, hit.end) == (0.0, 2.0)
    assert hit.inspection is not None
    assert (hit.inspection.kind, hit.inspection.length_mm, hit.inspection.verdict) == ("pit", 0.9, "fail")


def test_words_about_parts_are_read_as_a_filter(server: InspectionServer, items: list[str]) -> None:
    response = server.client.search("parts with a scratch longer than 0.3 mm")
    assert [hit.item.id for hit in response.hits] == items[:1]
    assert response.understood == InspectionFilter(kind="scratch", min_length_mm=0.3)
    assert response.notes == []
    unknown = server.client.search("parts with a dent longer than 0.3 mm")
    assert items[2] in [hit.item.id for hit in unknown.hits]
    assert "dent" in unknown.notes[0]
    assert "scratch" in unknown.notes[0]


def test_command_prints_the_filter_and_the_verdict(server: InspectionServer, items: list[str]) -> None:
    done = CliRunner().invoke(main, ["search", "parts with a scratch longer than 0.3 mm", "--url", server.api.url])
    assert done.exit_code == 0, done.output
    assert "kind scratch, min length mm 0.3" in done.stderr
    assert "fail p=0.01 by disc 1 scratch 0.50 mm" in done.stdout


def test_query_with_a_filter_needs_both(server: InspectionServer, items: list[str]) -> None:
    assert items[2] in search(server, "apple cake recipe")
    assert search(server, "apple cake recipe", kind="scratch", min_length_mm=5.0) == []


def test_filter_with_only_excluded_words_is_refused(server: InspectionServer) -> None:
    filters = Filters(inspection=InspectionFilter(verdict="fail"))
    with pytest.raises(InvalidInput):
        server.client.search(without=["a dog"], filters=filters)
    assert InspectorStore(server.context.settings.root).list_versions("searched") == ()
