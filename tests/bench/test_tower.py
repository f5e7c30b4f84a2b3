"""`mm bench tower`: counted work, rows and table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.utils.flop_counter import FlopCounterMode

from mm.bench.towers.roofline import Peak, count_work
from mm.bench.towers.tower import EAGER, TowerReport, TowerRow, run
from mm.bench.towers.tower_gpu import measure
from mm.cli.main import main
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.training.checkpoint import write_encoder

SIZE = 32


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "image.safetensors"
    write_encoder(path, ImageEncoder().state_dict(), SIZE)
    return path


@pytest.mark.parametrize("size", [32, 75])
def test_count_work_equals_the_flops_that_torch_counts(size: int) -> None:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        ImageEncoder().eval()(torch.zeros(1, 3, size, size))
    assert count_work(size).operations == pytest.approx(counter.get_total_flops())


def test_work_seconds_count_weights_once_per_batch() -> None:
    peak = Peak(operations=1e12, bytes=1e9)
    single, double = (count_work(64).seconds(batch, 2, peak) for batch in (1, 2))
    assert double[0] == pytest.approx(2 * single[0])
    assert single[1] < double[1] < 2 * single[1]


def test_tower_run_has_a_row_per_runtime_and_batch_size(weights: Path, tmp_path: Path) -> None:
    report = run(weights, tmp_path, ["onnxruntime", "cuda"], [1, 2], threads=1, rounds=1)
    assert {(row.name, row.batch) for row in report.rows} >= {(name, n) for name in ("onnxruntime", EAGER) for n in (1, 2)}
    for row in report.rows:
        assert row.cosine == pytest.approx(1, abs=1e-3)
        assert row.lost == 0
        if row.name == EAGER:
            assert row.ratio == 1
    if not torch.cuda.is_available():
        assert "GPU" in report.left_out["cuda"]
        assert any("not available: cuda" in line for line in report.lines())


def test_tower_report_leaves_unknown_cells_empty() -> None:
    report = TowerReport([TowerRow("openvino-bf16", 8, 100.0, 10.0, None, 0.998, None)], {}, 1.0)
    assert "| openvino-bf16 | 8 | 100.0 | 10.0 |  | 0.9980 |  |" in report.lines()


def test_gpu_measure_on_the_cpu_has_a_row_per_batch_size(weights: Path) -> None:
    report = measure(weights, SIZE, [1, 3], torch.device("cpu"), torch.float32, copied=1 << 16, side=32)
    assert [row.batch for row in report.rows] == [1, 3]
    assert report.cosine == pytest.approx(1, abs=1e-3)
    assert np.isfinite([row.floor_per_second for row in report.rows]).all()
    assert len(report.lines()) == 7


@pytest.mark.parametrize("batch", ["", "0", "1,x", "-3", "1,,2"])
def test_bench_tower_with_invalid_batch_sizes_is_refused(batch: str) -> None:
    done = CliRunner().invoke(main, ["bench", "tower", "--batch", batch])
    assert done.exit_code == 2
    assert "--batch" in done.output


def test_bench_tower_without_a_gpu_prints_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    done = CliRunner().invoke(main, ["bench", "tower", "--device", "cuda"])
    assert done.exit_code == 1
    assert done.output.strip() == "The runtime cuda needs a GPU, and torch detects none."
