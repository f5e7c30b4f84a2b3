"""Alignment from images to weights and card; resumed, killed, and in two processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file

from mm.cli.main import main
from mm.errors import Corrupt, InvalidInput
from mm.evaluation.captions import measure_recall
from mm.training.align.augment import Views
from mm.training.align.losses import ContrastiveLoss, gather_rows
from mm.training.align.recipe import AlignConfig, Variant
from mm.training.align.train import align

pytestmark = pytest.mark.xdist_group("align")
VARIANTS = (
    Variant("plain", 0),
    Variant("other", 1, Views(smallest_crop=0.3), drop_path=0.3, dropout=0.5, text_noise=0.3, unlabeled=True),
)
PHASES = ["run-plain, epoch 1 of 2", "run-plain, epoch 2 of 2", "run-other, epoch 1 of 2", "run-other, epoch 2 of 2"]


class Stopped(Exception):
    """Raised to stop a run."""


def recipe(data: Path, out: Path) -> AlignConfig:
    """Two runs of two epochs; all images are also used as unlabeled images."""
    return AlignConfig(data, out, data / "images", VARIANTS, 2, batch=12, size=32, serving_size=32, stored_size=32, save_every=1)


def config_for(data: Path, out: Path, class_vectors: Path) -> AlignConfig:
    """The recipe, with cached class vectors."""
    (out / "vectors").mkdir(parents=True)
    shutil.copy(class_vectors, out / "vectors")
    return recipe(data, out)


def stop_at(count: int) -> Callable[[int, int, str], None]:
    def on_progress(done: int, _total: int, _line: str) -> None:
        if done == count:
            raise Stopped

    return on_progress


@pytest.fixture(scope="module")
def finished(
    captioned_folder: Path, class_vectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[AlignConfig, list[tuple[int, int, str]]]:
    """One finished run and its progress reports."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = config_for(captioned_folder, tmp_path_factory.mktemp("align") / "out", class_vectors)
    reports: list[tuple[int, int, str]] = []
    assert align(config, lambda *report: reports.append(report)) == config.out / "image.safetensors"
    torch.set_num_threads(threads)
    return config, reports


def assert_same_weights(first: Path, second: Path) -> None:
    ours, theirs = load_file(first / "image.safetensors"), load_file(second / "image.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)


def test_align_reports_every_epoch(finished: tuple[AlignConfig, list[tuple[int, int, str]]]) -> None:
    _, reports = finished
    assert [(done, total) for done, total, _ in reports] == [(n, 4) for n in range(1, 5)]
    assert all(line.startswith(phase) for (_, _, line), phase in zip(reports, PHASES, strict=True))


def test_align_card_has_the_recalls_of_the_weights(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], tmp_path: Path
) -> None:
    config, _ = finished
    card = (config.out / "CARD.md").read_text()
    recalls = measure_recall(config.out / "image.safetensors", config.data, tmp_path)
    assert recalls.table() in card
    assert "- epochs: 2" in card
    assert str(config.out) not in card  # a card is for others


def test_eval_flickr8k_prints_the_recalls_of_the_weights(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, _ = finished
    monkeypatch.setenv("MM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MM_RUNTIME", "onnxruntime")
    weights = config.out / "image.safetensors"
    result = CliRunner().invoke(main, ["eval", "flickr8k", "--root", str(config.data), "--weights", str(weights), "--json"])
    measures = json.loads(result.stdout)["outcome"]["measures"]
    values = {measure["name"]: measure["value"] for measure in measures}
    on_the_card = measure_recall(weights, config.data, tmp_path)
    for k in (1, 5, 10):
        assert 100 * values[f"text to image, R@{k}"] == pytest.approx(on_the_card.text_to_image[k])
        assert 100 * values[f"image to text, R@{k}"] == pytest.approx(on_the_card.image_to_text[k])


def test_align_writes_half_precision_mean_of_the_runs(finished: tuple[AlignConfig, list[tuple[int, int, str]]]) -> None:
    config, _ = finished
    weights = load_file(config.out / "image.safetensors")
    assert weights["head.weight"].dtype == np.float16
    assert weights["stem.norm.bias"].dtype == np.float32
    assert (config.out / "image.safetensors").stat().st_size < 15_000_000
    states = [torch.load(config.out / f"run-{variant.name}.pt", weights_only=True)["average"] for variant in VARIANTS]
    first, second = (state["head.weight"] for state in states)
    assert not torch.equal(first, second)
    np.testing.assert_allclose(weights["head.weight"], ((first + second) / 2).numpy(), atol=1e-3)
    assert weights["class_gain"] == config.class_gain


@pytest.mark.usefixtures("one_thread")
def test_align_resumed_after_an_exception_gives_the_same_weights(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    with pytest.raises(Stopped):
        align(config, stop_at(1))
    assert not (config.out / "image.safetensors").exists()
    align(config, lambda *_: None)
    assert_same_weights(config.out, finished[0].out)


@pytest.mark.usefixtures("one_thread")
def test_align_repeats_epochs_that_were_not_saved(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = replace(config_for(captioned_folder, tmp_path / "out", class_vectors), save_every=2)
    lines: list[str] = []
    with pytest.raises(Stopped):
        align(replace(config, save_every=100), stop_at(3))
    align(config, lambda _done, _total, line: lines.append(line))
    assert [line.split(":")[0] for line in lines] == PHASES[2:]
    assert_same_weights(config.out, finished[0].out)


@pytest.mark.usefixtures("one_thread")
def test_align_resumed_after_a_kill_gives_the_same_weights(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    killed = subprocess.run([*KILLED, str(captioned_folder), str(config.out)], env=environment(), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (config.out / "run-other.pt").exists()
    align(config, lambda *_: None)
    assert_same_weights(config.out, finished[0].out)


@pytest.fixture(scope="module")
def pair(captioned_folder: Path, class_vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> AlignConfig:
    """A run of two processes, and the gradients of one loss in each of them."""
    config = config_for(captioned_folder, tmp_path_factory.mktemp("pair") / "out", class_vectors)
    # Not a free one by the system's choice: until both processes are there, that may be given to
    # another test.
    port = 20_000 + 2 * (os.getpid() % 5_000)
    shared = environment() | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    arguments = [*PAIRED, str(captioned_folder), str(config.out)]
    processes = [subprocess.Popen(arguments, env=shared | {"RANK": rank, "LOCAL_RANK": rank}) for rank in ("0", "1")]
    try:
        assert [process.wait(300) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return config


def test_align_in_two_processes_writes_one_set_of_files(pair: AlignConfig) -> None:
    files = {"CARD.md", "image.safetensors", "vectors", "run-plain.pt", "run-other.pt"}
    assert {path.name for path in pair.out.iterdir()} == files


def test_contrastive_loss_in_two_processes_has_the_gradient_of_one(pair: AlignConfig) -> None:
    """Each process has the gradient that one process has with all rows."""
    matrix = torch.randn(4, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    contrast = ContrastiveLoss()
    cost(contrast, lambda pictures: pictures @ matrix.T, slice(None)).backward()  # type: ignore[no-untyped-call]
    for rank in (0, 1):
        gradients = torch.load(pair.out.parent / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(gradients["matrix"], matrix.grad)
        torch.testing.assert_close(gradients["scale"], contrast.log_scale.grad)


def cost(contrast: ContrastiveLoss, encode: Callable[[torch.Tensor], torch.Tensor], own: slice) -> torch.Tensor:
    """The contrastive loss of six images, of which this process encodes a slice."""
    random = torch.Generator().manual_seed(0)
    pictures, captions = torch.randn(6, 5, generator=random), torch.randn(6, 2, 4, generator=random)
    encoded = gather_rows(encode(pictures[own]))
    rows = torch.arange(6)
    among = contrast.image_to_captions(encoded, captions, rows, rows.flip(0), torch.full((6,), 0.7))
    return contrast.caption_to_image(gather_rows(captions[own, 0]), encoded) + among.mean()


def test_align_with_the_state_of_another_recipe_raises_invalid_input(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path
) -> None:
    config = replace(finished[0], rate=0.5)
    with pytest.raises(InvalidInput, match=r"run-plain\.pt belongs to another recipe"):
        align(config, lambda *_: None)


def test_align_with_a_damaged_state_raises_corrupt(captioned_folder: Path, class_vectors: Path, tmp_path: Path) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    (config.out / "run-plain.pt").write_bytes(b"no state")
    with pytest.raises(Corrupt, match=r"run-plain\.pt"):
        align(config, lambda *_: None)


def test_align_with_an_empty_unlabeled_folder_raises_invalid_input(
    captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = replace(config_for(captioned_folder, tmp_path / "out", class_vectors), unlabeled=tmp_path)
    with pytest.raises(InvalidInput, match="has no images"):
        align(config, lambda *_: None)


def test_align_with_a_batch_larger_than_the_data_raises_invalid_input(
    captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = replace(config_for(captioned_folder, tmp_path / "out", class_vectors), batch=13)
    with pytest.raises(InvalidInput, match="batch of 13 cannot be drawn from 12 images"):
        align(config, lambda *_: None)


@pytest.mark.parametrize("variants", [(), (Variant("one", 0), Variant("one", 1))])
def test_align_config_without_distinct_variants_raises_invalid_input(variants: tuple[Variant, ...]) -> None:
    with pytest.raises(InvalidInput, match="name of its own"):
        AlignConfig(Path("data"), Path("out"), variants=variants)


def test_align_without_dev_raises_before_training(tmp_path: Path, captioned_folder: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    lines = (captioned_folder / "captions.jsonl").read_text().splitlines(keepends=True)
    (data / "captions.jsonl").write_text("".join(lines[:12]))
    with pytest.raises(InvalidInput, match="no image of the split 'dev'"):
        align(AlignConfig(data, tmp_path / "out"), lambda *_: None)


# A run that kills itself within its second half: data, out.
KILLED = [
    sys.executable,
    "-c",
    """
import os, signal, sys
from pathlib import Path
import torch
from mm.training.align.train import align
from tests.training.align.test_train import recipe
torch.set_num_threads(1)
data, out = Path(sys.argv[1]), Path(sys.argv[2])
align(recipe(data, out), lambda done, total, line: os.kill(os.getpid(), signal.SIGKILL) if done == 3 else None)
""",
]

# One process of two: the gradients of a loss after its half of the rows, then a run: data, out.
PAIRED = [
    sys.executable,
    "-c",
    """
import os
import sys
from pathlib import Path
import torch
from torch.nn.parallel import DistributedDataParallel
from mm.training.align.train import align
from mm.training.align.losses import ContrastiveLoss
from tests.training.align.test_train import cost, recipe
torch.set_num_threads(1)
data, out = Path(sys.argv[1]), Path(sys.argv[2])
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
linear = torch.nn.Linear(5, 4, bias=False)
linear.weight.data.copy_(torch.randn(4, 5, generator=torch.Generator().manual_seed(1)))
forward, contrast = DistributedDataParallel(linear), ContrastiveLoss()
cost(contrast, forward, slice(rank * 3, rank * 3 + 3)).backward()
torch.save({"matrix": linear.weight.grad, "scale": contrast.log_scale.grad}, out.parent / f"{rank}.pt")
torch.distributed.destroy_process_group()
# A port of its own: at the old one the other process may still stand, and be taken for the new
# group.
os.environ["MASTER_PORT"] = str(int(os.environ["MASTER_PORT"]) + 1)
align(recipe(data, out), lambda *_: None)
""",
]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}
