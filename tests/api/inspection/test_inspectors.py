"""`/v1/inspectors`, over HTTP and with the clients."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import JsonValue

import mm
from mm.errors import InvalidInput, NotFound, TooLarge
from mm.inspection.store import InspectorStore
from mm.schemas import InspectorMode
from tests.api.conftest import assert_problem
from tests.api.inspection.conftest import NUM_GOOD, SETTINGS, InspectionServer, encode_png
from tests.inspection.parts import render_part

pytestmark = pytest.mark.xdist_group("inspection API")


def test_created_inspector_has_no_version_and_no_examples(server: InspectionServer) -> None:
    response = server.api.client.post("/v1/inspectors", json={"name": "new", "settings": {"rate": 0.01}})
    assert response.status_code == 201
    created = server.client.inspectors.get("new")
    assert created.model_dump(mode="json") == response.json()
    assert (created.mode, created.settings, created.current) == ("patches", {"rate": 0.01}, None)
    assert (created.versions, created.num_examples, created.num_groups) == ([], 0, 0)
    assert_problem(server.api.client.post("/v1/inspectors", json={"name": "new"}), 409, "conflict")
    assert_problem(server.api.client.post("/v1/inspectors/new/fit"), 409, "conflict")
    assert server.actions("new") == ["inspector.add"]


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("../a", {}, "name"),
        ("a", {"rate": 2}, "rate"),
        ("a", {"depth": 2}, "depth"),
        ("a", {"rate": "high"}, "settings.rate"),
        ("a", {"framing": {"size": 2}}, "settings.framing"),
        ("a", {"backbone": "timm:vit@/etc/passwd"}, "backbone"),
        ("a", {"bank_size": 1_000_000}, "20,000"),
        ("a", {"framing": {"longest": 100_000}}, "4,096"),
        ("a", {"brightness": [1.1] * 9}, "brightness"),
    ],
)
def test_invalid_inspector_is_refused_with_the_reason(
    server: InspectionServer, name: str, settings: dict[str, object], reason: str
) -> None:
    response = server.api.client.post("/v1/inspectors", json={"name": name, "settings": settings})
    assert reason in assert_problem(response, 400, "invalid-input")["detail"]


def test_logical_inspector_without_regions_is_created_and_its_fit_is_refused(server: InspectionServer, good: list[str]) -> None:
    inspectors = server.client.inspectors
    assert inspectors.create("scene", mode="logical", settings={"rate": 0.2}).settings == {"rate": 0.2}
    inspectors.add_examples("scene", good[:1])
    with pytest.raises(InvalidInput, match="1 to 100 named regions"):
        inspectors.fit("scene")
    with pytest.raises(InvalidInput, match="depth"):
        inspectors.create("other", mode="logical", settings={"depth": 1})
    inspectors.delete("scene")


def test_unknown_inspector_is_not_found(server: InspectionServer) -> None:
    inspectors = server.client.inspectors
    for call in (inspectors.get, inspectors.delete, inspectors.examples, inspectors.versions, inspectors.fit):
        with pytest.raises(NotFound):
            call("none")
    with pytest.raises(NotFound):
        inspectors.make_current("none", 1)
    assert_problem(server.api.client.get("/v1/inspectors/.."), 404, "not-found")
    assert_problem(server.api.client.get("/v1/inspectors/%2e%2e%2fa"), 404, "not-found")


def test_examples_are_added_listed_in_pages_and_removed(server: InspectionServer, good: list[str]) -> None:
    inspectors = server.client.inspectors
    inspectors.create("examples")
    assert inspectors.add_examples("examples", good[:3]).num_groups == 3
    page = inspectors.add_examples("examples", dict.fromkeys(good[1:4], "batch 1"))
    assert (page.total, page.num_groups) == (4, 2)
    first = inspectors.examples("examples", limit=3)
    rest = inspectors.examples("examples", cursor=first.next, limit=3)
    assert [(example.item, example.group) for example in [*first.examples, *rest.examples]] == [
        (good[0], good[0]),
        *((item, "batch 1") for item in good[1:4]),
    ]
    assert rest.next is None
    inspectors.remove_example("examples", good[0])
    with pytest.raises(NotFound):
        inspectors.remove_example("examples", good[0])
    assert inspectors.get("examples").num_examples == 3
    assert server.actions("examples") == ["inspector.add", *3 * ["inspector.examples"]]


def test_example_that_is_no_image_or_no_item_adds_nothing(server: InspectionServer, good: list[str]) -> None:
    inspectors = server.client.inspectors
    inspectors.create("strict")
    with pytest.raises(NotFound):
        inspectors.add_examples("strict", [good[0], "f" * 32])
    with pytest.raises(InvalidInput):
        inspectors.add_examples("strict", [])
    assert inspectors.get("strict").num_examples == 0


def test_examples_above_the_limit_are_refused(server: InspectionServer, good: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    server.client.inspectors.create("full")
    limited = server.api.service.settings.model_copy(update={"max_examples": 2})
    monkeypatch.setattr(type(server.api.service), "settings", limited, raising=False)
    with pytest.raises(TooLarge, match="MM_MAX_EXAMPLES"):
        server.client.inspectors.add_examples("full", good[:3])
    assert server.client.inspectors.get("full").num_examples == 0


def test_fit_is_a_job_whose_version_states_its_threshold(server: InspectionServer, disc: str) -> None:
    (version,) = server.client.inspectors.versions(disc)
    assert version.is_current
    assert version.job_id is not None
    job = server.client.job(version.job_id)
    assert (job.kind, job.state, job.progress, job.item_id) == ("fit", "done", 1.0, "")
    assert [event.state for event in server.client.events(version.job_id)][-1] == "done"
    assert version.threshold is not None
    assert (version.threshold.num_groups, version.threshold.rate_requested) == (NUM_GOOD, 0.2)
    assert "held-out good images" in version.threshold.statement
    assert server.actions(disc)[:3] == ["inspector.add", "inspector.examples", "inspector.fit"]


def test_later_version_becomes_current_and_is_undone(server: InspectionServer, good: list[str]) -> None:
    inspectors = server.client.inspectors
    inspectors.create("undo", settings=SETTINGS)
    inspectors.add_examples("undo", good)
    for make_current in (True, False, True):
        inspectors.fit("undo", settings={**SETTINGS, "rate": 0.3}, make_current=make_current)
        server.work()
    assert [version.is_current for version in inspectors.versions("undo")] == [False, False, True]
    assert inspectors.make_current("undo", 1).current == 1
    with pytest.raises(NotFound):
        inspectors.make_current("undo", 4)
    assert server.actions("undo")[-1] == "inspector.current"
    assert inspectors.get("undo").settings["rate"] == 0.3


def test_fit_of_a_damaged_image_fails_with_the_reason(server: InspectionServer, good: list[str]) -> None:
    black = server.add(encode_png(render_part(1) * 0), "black.png")
    inspectors = server.client.inspectors
    inspectors.create("black", settings=SETTINGS)
    inspectors.add_examples("black", [*good, black])
    job = inspectors.fit("black").job
    server.work()
    failed = server.client.job(job.id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert "single colour" in failed.error
    assert inspectors.get("black").versions == []


def test_deleted_inspector_loses_its_files_and_its_fits(server: InspectionServer, good: list[str]) -> None:
    inspectors = server.client.inspectors
    inspectors.create("gone", settings=SETTINGS)
    inspectors.add_examples("gone", good)
    inspectors.fit("gone")
    server.work()
    job = inspectors.fit("gone").job
    inspectors.delete("gone")
    server.work()
    assert server.client.job(job.id).state == "cancelled"
    assert InspectorStore(server.context.settings.root).list_versions("gone") == ()
    assert server.actions("gone")[-1] == "inspector.delete"
    with pytest.raises(NotFound):
        inspectors.get("gone")


def test_inspector_that_a_command_fitted_is_listed_and_gets_examples(
    server: InspectionServer, disc: str, good: list[str]
) -> None:
    store = InspectorStore(server.context.settings.root)
    path = store.get_path(disc, 1)
    by_command = store.get_path("command", 1)
    by_command.parent.mkdir()
    by_command.write_bytes(path.read_bytes())
    listed = {inspector.name: inspector for inspector in server.client.inspectors.list()}
    assert (listed["command"].created_at, listed["command"].current) == (None, 1)
    assert listed["command"].settings["rate"] == 0.2
    assert server.client.inspectors.add_examples("command", good[:2]).total == 2
    assert server.client.inspectors.get("command").created_at is not None


def test_asynchronous_client_has_the_same_methods(server: InspectionServer, disc: str) -> None:
    async def names() -> list[str]:
        async with mm.AsyncClient(server.api.url) as client:
            return [inspector.name for inspector in await client.inspectors.list()]

    assert disc in asyncio.run(names())


@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        ("template", {"tolerance_px": 2.0, "has_registration": False}),
        ("logical", {"regions": [{"name": "slot", "box": [30, 20, 40, 50]}], "longest": 64, "has_registration": False}),
    ],
)
def test_inspectors_of_other_modes_are_fitted_and_inspect(
    server: InspectionServer, good: list[str], mode: InspectorMode, settings: dict[str, JsonValue]
) -> None:
    inspectors = server.client.inspectors
    inspectors.create(f"by-{mode}", mode=mode, settings=settings)
    inspectors.add_examples(f"by-{mode}", good)
    job = inspectors.fit(f"by-{mode}").job
    server.work()
    assert server.client.job(job.id).error is None
    (version,) = inspectors.versions(f"by-{mode}")
    assert version.threshold is not None
    assert version.threshold.num_groups == NUM_GOOD
    run = server.client.inspections.start(f"by-{mode}", [good[0]])
    server.work()
    assert server.client.inspections.results(run.id).total == 1
    with pytest.raises(InvalidInput):
        inspectors.create(f"wrong-{mode}", mode=mode, settings={"depth": 1})
