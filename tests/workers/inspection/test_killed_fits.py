"""Fits whose processes are killed, with SIGKILL, at each step of storing a version."""

from __future__ import annotations

import pytest

from mm.inspection.store import InspectorStore
from tests.api.inspection.conftest import SETTINGS, encode_png
from tests.inspection.parts import render_part
from tests.workers.conftest import Home
from tests.workers.inspection.task_process import END, run_until

pytestmark = pytest.mark.xdist_group("killed fits")

STEPS = ["version staged", "version stored", "version committed"]


def test_killed_fits_store_one_version_and_one_row(home: Home) -> None:
    catalog, store = home.store.catalog, InspectorStore(home.settings.root)
    catalog.add_inspector("disc", "patches", SETTINGS)
    items = []
    for seed in range(4):
        job_id = home.add(encode_png(render_part(seed)), f"{seed}.png")
        catalog.update_job(job_id, state="done")
        items.append((home.job(job_id).item_id, None))
    catalog.add_examples("disc", items, 100)
    fit = catalog.add_fit_job("disc", "fit", {})
    assert fit is not None
    settings = home.settings.model_copy(update={"max_attempts": 10})
    for hours, step in enumerate(STEPS, 1):
        assert run_until(settings, hours, step)
        rows = catalog.list_inspector_versions("disc")
        assert [row.is_ready for row in rows] == [step == "version committed"]
        assert store.list_versions("disc") == (() if step == "version staged" else (1,))
    assert not run_until(settings, len(STEPS) + 1, END + "ed")
    assert home.state(fit.id) == "done"
    assert (store.list_versions("disc"), store.get("disc").current) == ((1,), 1)
    (row,) = catalog.list_inspector_versions("disc")
    assert row.job_id == fit.id
