"""`mm bench photos --service` on a few small files, so that it cannot rot. What it measures is not
judged here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.bench.ingest import photos
from mm.bench.ingest.batch import Batch, run, write_photos
from mm.bench.ingest.batch_service import write_clips
from mm.client import Client
from mm.errors import Conflict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service_process import RunningService, Shell

pytestmark = pytest.mark.xdist_group("served")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WIDTH", 600), ("HEIGHT", 450), ("MOTIFS", 2)):
        monkeypatch.setattr(photos, name, value)


@pytest.mark.usefixtures("small")
def test_each_file_of_a_batch_is_timed_until_it_can_be_searched(running_service: RunningService, tmp_path: Path) -> None:
    files = [
        *(("clips", path) for path in write_clips(tmp_path, 2)),
        *(("photos", path) for path in write_photos(tmp_path, 3, 0)),
    ]
    with Client(running_service.url) as client:
        report = run(client, Batch(files))
    assert {sort: len(of) for sort, of in report.waits.items()} == {"clips": 2, "photos": 3}
    assert all(wait > 0 for of in report.waits.values() for wait in of)
    assert report.seconds > 0
    assert report.lines()[0].startswith("5 files ")
    assert len(report.lines()) == 3 + 2


@pytest.mark.usefixtures("small")
def test_a_file_that_fails_ends_the_batch(
    running_service: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(running_service.url) as client:
        (path,) = write_photos(tmp_path, 1, 7)
        job = client.add(path).job
        client.wait(job.id)
        ended = client.job(job.id).model_copy(update={"state": "failed", "error": "no"})
        monkeypatch.setattr(client, "job", lambda job_id: ended)
        with pytest.raises(Conflict, match="failed: no"):
            run(client, Batch([("photos", path)]))


def test_a_film_without_a_service_is_refused(shell: Shell) -> None:
    done = shell("bench", "photos", "--film", "2")
    assert done.exit_code == 2
    assert "--service" in done.stderr
