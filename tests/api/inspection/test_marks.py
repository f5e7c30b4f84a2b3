"""Marks of results, and teaching by them."""

from __future__ import annotations

import pytest

from mm.errors import Conflict, InvalidInput, NotFound
from mm.inspection.marks.store import MarkStore
from mm.schemas import InspectionRun
from tests.api.inspection.conftest import SETTINGS, InspectionServer, encode_png
from tests.inspection.parts import add_scratch, render_part

pytestmark = pytest.mark.xdist_group("inspection API")

NAME = "marked"
SQUARE = [(40.0, 30.0), (60.0, 30.0), (60.0, 44.0), (40.0, 44.0)]


@pytest.fixture(scope="module")
def run(server: InspectionServer, good: list[str]) -> InspectionRun:
    """An inspection by an inspector of its own: two scratched parts and a good one."""
    server.client.inspectors.create(NAME, settings=SETTINGS)
    server.client.inspectors.add_examples(NAME, good)
    server.client.inspectors.fit(NAME)
    server.work()
    scratched = [server.add(encode_png(add_scratch(render_part(90 + seed), 40, 30)), f"bad {seed}.png") for seed in range(2)]
    started = server.client.inspections.start(NAME, [*scratched, good[0]])
    server.work()
    return server.client.inspections.get(started.id)


def test_mark_is_in_the_result_until_it_is_undone(server: InspectionServer, run: InspectionRun) -> None:
    inspections = server.client.inspections
    result = inspections.results(run.id).results[0]
    assert result.marks == []
    mark = inspections.mark(run.id, result.id, "reject", polygons=[SQUARE], kind="scratch")
    assert (mark.verdict, mark.polygons, mark.kind, mark.author) == ("reject", [SQUARE], "scratch", "local")
    assert inspections.result(run.id, result.id).marks == [mark] == inspections.marks(run.id, result.id)
    assert inspections.results(run.id).results[0].marks == [mark]
    assert server.client.inspectors.marks(NAME) == [mark]
    threshold = server.client.inspectors.versions(NAME)[0].threshold
    assert threshold is not None
    assert (threshold.num_caught, threshold.num_defective, threshold.rate_observed) == (1, 1, None)
    inspections.undo_mark(run.id, result.id, mark.id)
    assert inspections.marks(run.id, result.id) == []
    with pytest.raises(NotFound):
        inspections.undo_mark(run.id, result.id, mark.id)
    assert server.actions(NAME)[-2:] == ["inspector.mark", "inspector.unmark"]
    assert len(MarkStore(server.context.settings.root).read_history(NAME)) == 2


def test_mark_with_the_other_verdict_replaces_the_first(server: InspectionServer, run: InspectionRun) -> None:
    inspections = server.client.inspections
    result = inspections.results(run.id).results[-1]
    inspections.mark(run.id, result.id, "reject")
    accepted = inspections.mark(run.id, result.id, "accept")
    assert inspections.marks(run.id, result.id) == [accepted]
    server.client.inspectors.undo_mark(NAME, accepted.id)
    assert inspections.marks(run.id, result.id) == []
    with pytest.raises(NotFound):
        server.client.inspectors.undo_mark(NAME, accepted.id)
    grouped = inspections.mark(run.id, result.id, "accept", group="part 7")
    assert (grouped.group, grouped.image, grouped.inspected, grouped.version) == ("part 7", result.item_id, "pass", 1)
    inspections.undo_mark(run.id, result.id, grouped.id)


def test_invalid_marks_are_refused(server: InspectionServer, run: InspectionRun) -> None:
    inspections = server.client.inspections
    result = inspections.results(run.id).results[0]
    far = [(1000.0, 0.0), (1001.0, 0.0), (1001.0, 5.0)]
    for verdict, polygons, kind in (("accept", [SQUARE], None), ("reject", [far], None), ("reject", [SQUARE[:2]], None)):
        with pytest.raises(InvalidInput):
            inspections.mark(run.id, result.id, verdict, polygons=polygons, kind=kind)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        inspections.mark(run.id, "none", "accept")
    assert inspections.marks(run.id, result.id) == []


def test_teach_needs_a_version_and_marks(server: InspectionServer, run: InspectionRun) -> None:
    server.client.inspectors.create("untaught")
    with pytest.raises(Conflict, match="fit it first"):
        server.client.inspectors.teach("untaught")
    with pytest.raises(Conflict, match="no marks"):
        server.client.inspectors.teach(NAME)
    with pytest.raises(NotFound):
        server.client.inspectors.teach("none")


def test_taught_version_has_the_comparison_and_is_current_only_if_better(server: InspectionServer, run: InspectionRun) -> None:
    inspections, inspectors = server.client.inspections, server.client.inspectors
    marked = [result for result in inspections.results(run.id).results if result.item_name.startswith("bad")]
    for result in marked:
        inspections.mark(run.id, result.id, "reject", polygons=[SQUARE], kind="scratch")
    job = inspectors.teach(NAME).job
    server.work()
    ended = server.client.job(job.id)
    assert (ended.kind, ended.state, ended.error) == ("teach", "done", None)
    first, taught = inspectors.versions(NAME)
    assert taught.comparison is not None
    assert taught.is_current == taught.comparison["is_better"] != first.is_current
    assert "Held-out" in str(taught.comparison["statement"])
    assert taught.job_id == job.id
    assert inspectors.make_current(NAME, 1).current == 1
