"""A worker that is lost between the results of an analysis and the end of its task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.lesions.folders import LesionFolders
from mm.lesions.segmentation.weights import serialize_lesions
from mm.spaces import Space
from tests.lesions.dicom_files import make_region, write_dicom
from tests.lesions.fixtures import CONFIG, draw_weights
from tests.workers.conftest import Home, expire_lease, open_context
from workers.jobs.run import run_tasks
from workers.tasks.lease import Interrupted

pytestmark = pytest.mark.xdist_group("lesions_api")


def test_analysis_after_a_lost_worker_is_repeated_or_continued(home: Home, space: Space, tmp_path: Path) -> None:
    weights = tmp_path / "lesions.safetensors"
    weights.write_bytes(serialize_lesions(CONFIG, draw_weights(0)))
    folders, catalog = LesionFolders(home.settings.root), home.store.catalog
    key = folders.create()
    frames = np.stack([np.random.default_rng(0).integers(60, 160, (90, 120), np.uint8)] * 2)
    write_dicom(folders.source(key), frames, [make_region((5, 5, 110, 80))])
    job_id = catalog.add_lesion_job(key, "a.dcm", None, 0.1).id
    with pytest.raises(Interrupted), folders.stage(key):  # a worker that is lost while it writes
        raise Interrupted("lost")
    assert not folders.has_results(key)
    with open_context(home, space, lesion_weights=weights) as context:
        lost = catalog.claim_work("lost", 1.0, 120.0)
        assert lost is not None
        expire_lease()
        unit = catalog.claim_work(context.owner, 60.0, 120.0)
        assert unit is not None
        run_tasks(context, job_id, unit.tasks)
        assert home.state(job_id) == "done"
        exports = folders.list_exports(key)
        assert "coco.json" in exports
        run_tasks(context, job_id, lost.tasks)  # the lost worker continues: nothing changes
    assert folders.list_exports(key) == exports
    assert [path.name for path in folders.source(key).parent.iterdir() if path.name.endswith(".part")] == []
