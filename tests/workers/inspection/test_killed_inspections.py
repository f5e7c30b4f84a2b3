"""Inspections whose processes are killed, with SIGKILL, before and after results are stored."""

from __future__ import annotations

import pytest

from indexes.catalog.records import ResultFilters
from mm.inspection.features.load import load_backbone
from mm.inspection.fit import fit_inspector
from mm.inspection.mode_settings import parse_fit_settings
from mm.inspection.store import InspectorStore
from tests.api.inspection.conftest import SETTINGS, encode_png, encode_video
from tests.inspection.parts import add_scratch, render_good_images, render_part
from tests.workers.conftest import Home
from tests.workers.inspection.task_process import END, run_until

pytestmark = pytest.mark.xdist_group("killed fits")


def test_killed_inspections_lose_and_double_no_result(home: Home) -> None:
    backbone = load_backbone("imagenet", home.settings.root / "cache" / "graphs")
    inspector = fit_inspector(render_good_images(4), "disc", backbone, parse_fit_settings({**SETTINGS, "rate": 0.25}))
    InspectorStore(home.settings.root).add(inspector)
    files = {f"{seed}.png": encode_png(render_part(seed)) for seed in range(3)}
    files["belt.mp4"] = encode_video([*4 * [render_part(0)], *4 * [add_scratch(render_part(0), 40, 30)]])
    items = []
    for name, data in files.items():
        job_id = home.add(data, name)
        home.store.catalog.update_job(job_id, state="done")
        items.append(home.job(job_id).item_id)
    settings = {"scale": None, "scale_name": None, "region": None, "rate": 0.25, "fps": 2.0}
    run = home.store.catalog.add_run("disc", 1, settings, items, span_seconds=120.0)
    patient = home.settings.model_copy(update={"max_attempts": 10})
    assert run_until(patient, 1, "results computed")
    assert home.store.catalog.list_results(ResultFilters(run_id=run.id), 10)[1] == 0
    assert run_until(patient, 2, "results committed")
    first = home.store.catalog.list_results(ResultFilters(run_id=run.id), 10)[0]
    assert [row.item_name for row in first] == 2 * ["belt.mp4"], "images whose process was lost are leased last"
    assert not run_until(patient, 3, END + "ed")
    rows, total, _ = home.store.catalog.list_results(ResultFilters(run_id=run.id), 10)
    found = sorted((items.index(row.item_id), row.start, row.end) for row in rows)
    assert found == [(0, 0.0, 0.0), (1, 0.0, 0.0), (2, 0.0, 0.0), (3, 0.0, 1.0), (3, 1.0, 2.0)]
    assert total == len(found)
    assert home.state(run.job_id) == "done"
    assert all(home.store.heat_maps.read(row.heat or "") for row in rows)
