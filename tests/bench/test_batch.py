"""`mm bench photos --service` on a few small files; the times are not checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.bench.ingest import photos
from mm.bench.ingest.batch import Batch, BatchReport, run, write_photos
from mm.bench.ingest.batch_service import write_clips
from mm.client import Client
from mm.errors import Conflict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service_process import RunningService, Shell

pytestmark = pytest.mark.xdist_group("served")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WIDTH", 600), ("HEIGHT", 450), ("NUM_MOTIFS", 2)):
        monkeypatch.setattr(photos, name, value)


@pytest.mark.usefixtures("small")
def test_batch_run_times_each_file_until_it_can_be_searched(running_service: RunningService, tmp_path: Path) -> None:
    files = [
        *(("clips", path) for path in write_clips(tmp_path, 2)),
        *(("photos", path) for path in write_photos(tmp_path, 3, 0)),
    ]
    with Client(running_service.url) as client:
        report = run(client, Batch(files))
    assert {category: len(waits) for category, waits in report.waits.items()} == {"clips": 2, "photos": 3}
    assert all(wait > 0 for waits in report.waits.values() for wait in waits)
    assert report.seconds > 0
    assert report.lines()[0].startswith("5 files ")
    assert len(report.lines()) == 3 + 2


@pytest.mark.usefixtures("small")
def test_batch_run_with_a_failed_job_raises_conflict(
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


def test_bench_photos_with_a_video_and_without_service_is_refused(shell: Shell) -> None:
    done = shell("bench", "photos", "--film", "2")
    assert done.exit_code == 2
    assert "--service" in done.stderr


def test_batch_report_with_captions_compares_the_times() -> None:
    without = BatchReport(10.0, 12.0, {"photos": [1.0, 2.0]})
    captioned = BatchReport(11.0, 13.0, {"photos": [1.0, 2.0]}, caption_seconds=15.0, caption_cpu=24.0)
    assert captioned.lines()[1] == "until all captions are written: 15.0 s, 24.0 CPU s, 12000 CPU ms a file"
    assert captioned.compare_lines(without) == [
        "until all can be searched, captions on / off: 1.10 of the time",
        "until all captions are written: 1.50 of the time, 2.00 of the processor time",
    ]


def test_bench_photos_with_captions_and_without_service_is_refused(shell: Shell) -> None:
    done = shell("bench", "photos", "--captions")
    assert (done.exit_code, "--service" in done.stderr) == (2, True)
