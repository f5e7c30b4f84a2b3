"""Fits and teaching whose processes are killed, with SIGKILL, at each step of storing a version."""

from __future__ import annotations

import pytest

from mm.inspection.marks.store import MarkStore
from mm.inspection.marks.types import Mark
from mm.inspection.store import InspectorStore
from mm.media.types import RGB
from tests.api.inspection.conftest import SETTINGS, encode_png
from tests.inspection.parts import add_scratch, render_part
from tests.workers.conftest import Home
from tests.workers.inspection.task_process import END, run_until

pytestmark = pytest.mark.xdist_group("killed fits")

OUTLINE = ((40.0, 28.0), (66.0, 40.0), (62.0, 46.0), (38.0, 34.0))
STEPS = ["version staged", "version stored", "version committed"]


def add_image(home: Home, image: RGB, name: str) -> str:
    """The id of an item that needs no further work."""
    job_id = home.add(encode_png(image), name)
    home.store.catalog.update_job(job_id, state="done")
    item_id = home.job(job_id).item_id
    assert item_id is not None
    return item_id


def test_killed_fits_and_teaching_store_one_version_and_one_row_each(home: Home) -> None:
    catalog, store = home.store.catalog, InspectorStore(home.settings.root)
    catalog.add_inspector("disc", "patches", SETTINGS)
    catalog.add_examples("disc", [(add_image(home, render_part(seed), f"{seed}.png"), None) for seed in range(4)], 100)
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

    marks = MarkStore(home.settings.root)
    for seed in (90, 91):
        item = add_image(home, add_scratch(render_part(seed), 40, 30), f"{seed}.png")
        marks.add("disc", Mark(item, "reject", (OUTLINE,), size=(96, 96), inspected="fail", version=1))
    teach = catalog.add_fit_job("disc", "teach", {"version": 1})
    assert teach is not None
    for hours, step in enumerate(["taught 3", *STEPS], len(STEPS) + 2):
        assert run_until(settings, hours, step)
        assert store.list_versions("disc") == ((1,) if step in {"taught 3", "version staged"} else (1, 2))
    assert not run_until(settings, 2 * len(STEPS) + 3, END + "ed")
    assert home.state(teach.id) == "done"
    assert store.list_versions("disc") == (1, 2)
    assert [row.job_id for row in catalog.list_inspector_versions("disc")] == [fit.id, teach.id]
    assert [version.comparison is not None for version in catalog.list_inspector_versions("disc")] == [False, True]
