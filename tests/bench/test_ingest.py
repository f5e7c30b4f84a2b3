"""`mm bench ingest` on a few seconds of video; the measured values are not checked."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import av
import pytest

from mm.bench.ingest import report as ingest
from mm.bench.ingest.video import FPS, write_video
from mm.client import Client

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from pathlib import Path

    from tests.service_process import RunningService, Shell

pytestmark = pytest.mark.xdist_group("served")
SECONDS, SIZE = 3.0, (160, 96)


def test_bench_ingest_measures_all_methods_in_one_run(shell: Shell) -> None:
    done = shell("bench", "ingest", "--minutes", "0.05", "--size", "160x96", "--repeats", "1", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["seconds"] == pytest.approx(SECONDS)
    assert report["notes"] == []
    assert set(report["ways"]) == {ingest.FLOOR, ingest.NAIVE, ingest.OURS, ingest.SPEECH}
    for (used,) in report["ways"].values():
        assert used["wall"] > 0
        assert used["cpu"] > 0
        assert used["pss"] > 0  # sampled; the shortest method ends before its memory has grown
    lines = ingest.IngestReport(
        report["seconds"], report["size"], {method: [ingest.Usage(**used)] for method, (used,) in report["ways"].items()}
    ).lines()
    assert len(lines) == 6
    assert {line.count("|") for line in lines} == {7}


def test_ingest_run_without_torch_leaves_out_the_naive_method_with_a_note(
    running_service: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec

    def without_torch(name: str) -> ModuleSpec | None:
        return None if name == "torch" else find_spec(name)

    video = write_video(tmp_path / "video.mp4", 1.0, SIZE, speech=False)
    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    with Client(running_service.url) as client:
        service = ingest.Service(client, running_service.pids["worker"])
        report = ingest.run(service, ingest.Videos(video, None, 1.0), "tiny", 1, lambda line: None)
        assert client.items().items == [] or all(item.name != "video.mp4" for item in client.items().items)
    assert set(report.ways) == {ingest.FLOOR, ingest.OURS}
    assert report.lines()[-1] == "The naive method is skipped: torch of the extra `train` is not installed."


def test_run_memory_measures_each_length(running_service: RunningService, tmp_path: Path) -> None:
    with Client(running_service.url) as client:
        service = ingest.Service(client, running_service.pids["worker"])
        report = ingest.run_memory(service, tmp_path, [0.02, 0.04], SIZE, speech=False, on_progress=lambda line: None)
    assert [minutes for minutes, _ in report.rows] == [0.02, 0.04]
    assert len(report.lines()) == 4


def test_write_video_longer_than_the_master_repeats_it_with_continuous_timestamps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm.bench.ingest.video.MASTER_SECONDS", 1)
    path = write_video(tmp_path / "video.mp4", 3.5, SIZE, speech=True)
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert [round(time * FPS) for time in times] == list(range(len(times)))
    assert len(times) == 4 * FPS
    with av.open(str(path)) as container:
        assert sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0)) == pytest.approx(3.5, abs=0.1)


@pytest.mark.parametrize("size", ["1280", "1281x720", "0x0", "x", "99999x2"])
def test_bench_ingest_with_an_invalid_size_is_refused(shell: Shell, size: str) -> None:
    done = shell("bench", "ingest", "--size", size)
    assert done.exit_code == 2
    assert "is not a video size" in done.stderr
