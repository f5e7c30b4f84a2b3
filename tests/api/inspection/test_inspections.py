"""`/v1/inspections`, over HTTP and with the clients."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

import mm
from mm.errors import Conflict, InvalidInput, NotFound, TooLarge, UnsupportedMedia
from mm.inspection.heat_maps import decode_heat_map
from mm.metrology.scale import scale_of_length
from mm.metrology.store import ScaleStore
from mm.schemas import InspectionRun
from tests.api import media
from tests.api.conftest import assert_problem
from tests.api.inspection.conftest import InspectionServer, encode_png, encode_video
from tests.inspection.parts import add_scratch, render_part

pytestmark = pytest.mark.xdist_group("inspection API")

FORMATS = ["coco", "csv", "mvtec", "png16"]


@pytest.fixture(scope="module")
def run(server: InspectionServer, disc: str, good: list[str], scratched: str) -> InspectionRun:
    """An inspection of a scratched part and two good ones."""
    started = server.client.inspections.start(disc, [good[0], scratched, good[1]])
    server.work()
    return server.client.inspections.get(started.id)


def test_inspection_is_a_job_with_counts_of_verdicts(server: InspectionServer, disc: str, run: InspectionRun) -> None:
    assert (run.inspector, run.version, run.state, run.progress, run.num_items) == (disc, 1, "done", 1.0, 3)
    assert run.counts.model_dump(by_alias=True) == {"pass": 2, "fail": 1, "undecided": 0, "failed": 0}
    assert (run.rate, run.fps, run.scale, run.region) == (0.2, 1.0, None, None)
    job = server.client.job(run.job_id)
    assert (job.kind, job.state) == ("inspect", "done")
    assert run.id in [listed.id for listed in server.client.inspections.list(inspector=disc).inspections]
    assert server.client.inspections.list(inspector="other").inspections == []
    assert server.actions(run.id) == ["inspection.add"]


def test_results_are_sorted_by_p_value_in_pages(server: InspectionServer, run: InspectionRun, scratched: str) -> None:
    inspections = server.client.inspections
    first = inspections.results(run.id, limit=2)
    rest = inspections.results(run.id, limit=2, cursor=first.next)
    results = [*first.results, *rest.results]
    assert (first.total, rest.next, len(results)) == (3, None, 3)
    assert [result.record.p_value for result in results] == sorted(result.record.p_value for result in results)
    (worst,) = inspections.results(run.id, verdict="fail").results
    assert worst == results[0] == inspections.result(run.id, worst.id)
    assert (worst.item_id, worst.item_name, worst.frame_time) == (scratched, "scratched.png", None)
    assert worst.record.image == scratched
    assert (worst.record.start, worst.record.end, worst.record.width) == (None, None, 96)
    assert worst.record.regions
    assert worst.record.regions[0].measures is not None
    assert worst.record.regions[0].measures.length.unit == "px"
    assert [result.id for result in inspections.results(run.id, item=scratched).results] == [worst.id]


def test_heat_map_has_the_resolution_of_the_image_and_is_hot_at_the_scratch(server: InspectionServer, run: InspectionRun) -> None:
    (worst,) = server.client.inspections.results(run.id, verdict="fail").results
    heat_HW = decode_heat_map(server.client.inspections.heat_map(run.id, worst.id))
    assert heat_HW.shape == (96, 96)
    row, column = np.unravel_index(int(heat_HW.argmax()), heat_HW.shape)
    assert 30 <= row <= 62
    assert 20 <= column <= 64
    overlay = np.asarray(Image.open(io.BytesIO(server.client.inspections.overlay(run.id, worst.id))))
    assert overlay.shape == (96, 96, 4)
    assert overlay[row, column, 3] > 100
    assert (overlay[heat_HW <= (worst.record.threshold.score or 0), 3] == 0).all()
    assert server.api.client.get(str(worst.heat)).headers["content-type"] == "image/png"


@pytest.mark.parametrize("export_format", FORMATS)
def test_export_names_images_after_their_items(server: InspectionServer, run: InspectionRun, export_format: str) -> None:
    response = server.api.client.get(f"/v1/inspections/{run.id}/export", params={"format": export_format})
    assert response.status_code == 200
    assert f'filename="disc-{run.id[:8]}' in response.headers["content-disposition"]
    if export_format == "coco":
        names = sorted(image["file_name"] for image in json.loads(response.content)["images"])
        assert names == ["good 0.png", "good 1.png", "scratched.png"]
    elif export_format == "csv":
        assert "scratched.png" in {row["image"] for row in csv.DictReader(io.StringIO(response.text))}
    else:
        names = zipfile.ZipFile(io.BytesIO(response.content)).namelist()
        assert sum(name.endswith(".png") for name in names) == (4 if export_format == "mvtec" else 3), names
    only_failed = server.client.inspections.export(run.id, export_format, verdict="fail")  # type: ignore[arg-type]
    assert len(only_failed) < len(response.content)
    assert not [path for path in server.api.service.scratch.iterdir() if path.name.startswith("export")]


def test_sizes_are_in_millimetres_with_a_scale(server: InspectionServer, disc: str, scratched: str) -> None:
    ScaleStore(server.context.settings.root).add("bench", scale_of_length(20.0, (0.0, 0.0), (96.0, 0.0)))
    started = server.client.inspections.start(disc, [scratched], scale="bench")
    ScaleStore(server.context.settings.root).remove("bench")
    server.work()
    (result,) = server.client.inspections.results(started.id).results
    assert result.record.scale == "bench"
    measures = result.record.regions[0].measures
    assert measures is not None
    assert measures.length.unit == "mm"
    assert 2.0 < measures.length.value < 9.0


def test_region_of_interest_leaves_the_rest_out(server: InspectionServer, disc: str, scratched: str) -> None:
    lower = [(0.0, 0.75), (1.0, 0.75), (1.0, 1.0), (0.0, 1.0)]
    started = server.client.inspections.start(disc, [scratched], region=lower)
    server.work()
    (result,) = server.client.inspections.results(started.id).results
    heat_HW = decode_heat_map(server.client.inspections.heat_map(started.id, result.id))
    assert not heat_HW[:70].any()
    assert heat_HW[74:].any()


def test_verdicts_of_a_video_are_moments(server: InspectionServer, disc: str) -> None:
    part = render_part(0)
    frames = [*8 * [part], *8 * [add_scratch(part, 40, 30)], *8 * [part]]
    video = server.add(encode_video(frames), "belt.mp4")
    started = server.client.inspections.start(disc, [video], fps=2.0)
    server.work()
    results = sorted(server.client.inspections.results(started.id).results, key=lambda result: result.record.start or 0)
    assert [(result.record.start, result.record.end, result.record.verdict) for result in results] == [
        (0.0, 2.0, "pass"),
        (2.0, 4.0, "fail"),
        (4.0, 6.0, "pass"),
    ]
    assert results[1].frame_time is not None
    assert 2.0 <= results[1].frame_time < 4.0
    assert f"t={results[1].frame_time:.3f}" in results[1].thumbnail
    names = zipfile.ZipFile(io.BytesIO(server.client.inspections.export(started.id, "mvtec"))).namelist()
    assert len([name for name in names if "/test/" in name]) == 3


def test_item_that_cannot_be_inspected_is_a_failure_of_the_run(server: InspectionServer, disc: str, good: list[str]) -> None:
    narrow = server.add(encode_png(render_part(1)[:4]), "narrow.png")
    started = server.client.inspections.start(disc, [narrow, good[0]])
    server.work()
    run = server.client.inspections.get(started.id)
    assert (run.state, run.counts.failed, run.counts.passed) == ("done", 1, 1)
    (failure,) = server.client.inspections.failures(run.id).failures
    assert (failure.item, failure.attempts) == (narrow, 1)
    assert "too narrow" in failure.error


def test_item_deleted_before_its_turn_is_a_failure(server: InspectionServer, disc: str, good: list[str]) -> None:
    item = server.add(encode_png(render_part(70)), "short-lived.png")
    started = server.client.inspections.start(disc, [item, good[0]])
    server.client.delete(item)
    server.work()
    run = server.client.inspections.get(started.id)
    assert (run.state, run.counts.failed) == ("done", 1)
    assert "was deleted" in server.client.inspections.failures(run.id).failures[0].error


def test_deleted_item_takes_its_results_with_it(server: InspectionServer, disc: str) -> None:
    item = server.add(encode_png(render_part(71)), "soon gone.png")
    started = server.client.inspections.start(disc, [item])
    server.work()
    (result,) = server.client.inspections.results(started.id).results
    server.client.delete(item)
    with pytest.raises(NotFound):
        server.client.inspections.result(started.id, result.id)
    server.client.delete_for_good(item)
    digests = [name for names in server.api.service.store.heat_maps.files.names() for name in names]
    assert server.api.service.store.catalog.find_released(digests)


def test_cancelled_inspection_keeps_its_results_and_ends(server: InspectionServer, disc: str, good: list[str]) -> None:
    started = server.client.inspections.start(disc, good)
    assert server.client.inspections.cancel(started.id).state == "cancelled"
    assert server.work() == 0
    assert server.client.inspections.results(started.id).total == 0
    assert server.client.inspections.cancel(started.id).state == "cancelled"


def test_ended_inspection_cannot_be_cancelled(server: InspectionServer, run: InspectionRun) -> None:
    with pytest.raises(Conflict):
        server.client.inspections.cancel(run.id)


def test_deleted_inspection_is_gone_and_in_the_audit_log(server: InspectionServer, disc: str, good: list[str]) -> None:
    started = server.client.inspections.start(disc, [good[0]])
    server.work()
    server.client.inspections.delete(started.id)
    with pytest.raises(NotFound):
        server.client.inspections.get(started.id)
    with pytest.raises(NotFound):
        server.client.inspections.delete(started.id)
    assert server.actions(started.id) == ["inspection.add", "inspection.delete"]


def test_invalid_inspections_are_refused(
    server: InspectionServer, disc: str, good: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inspections = server.client.inspections
    audio = server.add(media.audio(), "a.wav")
    server.client.inspectors.create("unfitted")
    with pytest.raises(Conflict, match="fit it first"):
        inspections.start("unfitted", [good[0]])
    for inspector, items, options in (
        ("none", [good[0]], {}),
        (disc, ["f" * 32], {}),
        (disc, [good[0]], {"version": 9}),
        (disc, [good[0]], {"scale": "none"}),
    ):
        with pytest.raises(NotFound):
            inspections.start(inspector, items, **options)  # type: ignore[arg-type]
    for items, options in (
        ([audio], {}),
        ([], {}),
        ([good[0]], {"region": [(0.0, 0.0), (2.0, 0.0), (1.0, 1.0)]}),
        ([good[0]], {"rate": 1.5}),
        ([good[0]], {"fps": 1000.0}),
    ):
        with pytest.raises((InvalidInput, UnsupportedMedia)):
            inspections.start(disc, items, **options)  # type: ignore[arg-type]
    limited = server.api.service.settings.model_copy(update={"max_inspected": 1})
    monkeypatch.setattr(type(server.api.service), "settings", limited, raising=False)
    with pytest.raises(TooLarge, match="MM_MAX_INSPECTED"):
        inspections.start(disc, good[:2])


def test_unknown_inspections_results_and_cursors_are_refused(server: InspectionServer, run: InspectionRun) -> None:
    client = server.api.client
    for path in ("none", "none/results", "none/failures", f"{run.id}/results/none", f"{run.id}/results/none/heat"):
        assert_problem(client.get(f"/v1/inspections/{path}"), 404, "not-found")
    assert_problem(client.get(f"/v1/inspections/{run.id}/results/none/overlay"), 404, "not-found")
    assert_problem(client.get("/v1/inspections/none/export", params={"format": "csv"}), 404, "not-found")
    assert_problem(client.get(f"/v1/inspections/{run.id}/export", params={"format": "doc"}), 400, "invalid-input")
    assert_problem(client.get(f"/v1/inspections/{run.id}/results", params={"cursor": "above-e-1"}), 400, "invalid-input")


def test_asynchronous_client_reads_results(server: InspectionServer, run: InspectionRun) -> None:
    async def total() -> int:
        async with mm.AsyncClient(server.api.url) as client:
            return (await client.inspections.results(run.id)).total

    assert asyncio.run(total()) == 3
