"""`mm bench inspect`: rendered parts, and anomalib's PatchCore with this project's backbone."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from mm.bench.inspect.memory import run_memory
from mm.bench.inspect.patchcore import fit_patchcore, run_in_openvino, run_in_torch
from mm.bench.inspect.rendered_parts import CONTRAST, render_part
from mm.bench.inspect.run import OPENVINO, OURS, TORCH, run
from mm.bench.inspect.steps import FILES
from mm.errors import InvalidInput
from mm.inspection.bank.patch_bank import BankSearch, PatchBank

if TYPE_CHECKING:
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel

pytestmark = pytest.mark.xdist_group("bench inspect")

SIDE, BANK = 96, 40


@pytest.fixture(scope="module")
def patchcore() -> PatchcoreModel:
    return fit_patchcore([render_part(SIDE, seed) for seed in range(2)], BANK, 1)


def test_render_part_is_deterministic_and_a_scratch_changes_a_small_area() -> None:
    plain, scratched = render_part(256, 3), render_part(256, 3, has_scratch=True)
    assert plain.shape == (256, 256, 3)
    assert plain.dtype == np.uint8
    assert np.array_equal(plain, render_part(256, 3))
    assert not np.array_equal(plain, render_part(256, 4))
    assert scratched.astype(int).max() > plain.max()
    brighter = np.abs(scratched.astype(int) - plain) > CONTRAST / 2
    assert 0 < brighter[..., 0].mean() < 0.01


def test_patchcore_in_openvino_equals_torch(patchcore: PatchcoreModel) -> None:
    assert len(patchcore.memory_bank) == BANK
    image = render_part(SIDE, 50, has_scratch=True)
    score, heat = run_in_torch(patchcore)(image)
    other_score, other_heat = run_in_openvino(patchcore, SIDE, 1)(image)
    assert heat.shape == other_heat.shape == (SIDE, SIDE)
    assert other_score == pytest.approx(score, rel=1e-3)
    np.testing.assert_allclose(other_heat, heat, rtol=1e-2, atol=1e-2 * float(heat.max()))


def test_distances_of_a_bank_equal_those_of_anomalib(patchcore: PatchcoreModel) -> None:
    queries = torch.randn(300, patchcore.memory_bank.shape[1], generator=torch.Generator().manual_seed(1))
    expected, _ = patchcore.nearest_neighbors(queries, n_neighbors=1)
    bank = PatchBank(patchcore.memory_bank.numpy().astype(np.float16), np.zeros(BANK, np.int64))
    distances = BankSearch(bank).search(queries.numpy())
    np.testing.assert_allclose(distances[:, 0], expected.numpy().ravel(), rtol=2e-3)


def test_run_reports_each_method_over_the_same_parts(patchcore: PatchcoreModel, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test fits and converts the model; here its form in torch stands for both.
    monkeypatch.setattr("mm.bench.inspect.patchcore.fit_patchcore", lambda images, bank_size, threads: patchcore)
    monkeypatch.setattr("mm.bench.inspect.patchcore.run_in_openvino", lambda model, side, threads: run_in_torch(model))
    lines: list[str] = []
    report = run(SIDE, 2, BANK, 1, 1, lines.append)
    assert [row.name for row in report.rows] == [OURS, TORCH, OPENVINO]
    assert [row.ratio is None for row in report.rows] == [True, False, False]
    assert all(0 <= row.auroc <= 1 and row.milliseconds > 0 for row in report.rows)
    assert len(report.lines()) == 18
    assert sum(step.share or 0 for step in report.steps) == pytest.approx(1)
    assert [step.share is None for step in report.steps] == [step.name in FILES for step in report.steps]
    assert lines


def test_run_without_anomalib_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *package: None if name == "anomalib" else find(name, *package))
    report = run(SIDE, 2, BANK, 1, 1)
    assert [row.name for row in report.rows] == [OURS]
    assert set(report.left_out) == {TORCH, OPENVINO}
    assert any(line.startswith(f"not available: {OPENVINO}: anomalib is not installed") for line in report.lines())


@pytest.mark.parametrize("sizes", [(32, 2, 10, 1, 1), (96, 1, 10, 1, 1), (96, 2, 10, 1, 0)])
def test_run_of_sizes_that_are_too_small_raises_invalid_input(sizes: Sequence[int]) -> None:
    with pytest.raises(InvalidInput):
        run(*sizes)


def test_run_memory_measures_a_process_of_its_own() -> None:
    lines: list[str] = []
    report = run_memory(64, 3, 1, on_progress=lines.append)
    assert lines[-1].startswith("held-out scores of 3 of 3 images: ")
    assert lines[-1].endswith(" MB at the peak")
    assert 20 < report.start_megabytes <= report.peak_megabytes < 2000
    assert report.lines()[0].startswith("3 good images of 64 x 64 pixels")
    with pytest.raises(InvalidInput, match="process that fits"):
        run_memory(64, 0, 1)
