"""Alignment from a folder of pictures to weights and card; stopped, killed, and over two processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
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
from mm.training.align import align
from mm.training.align_config import AlignConfig, Teacher
from mm.training.align_evaluate import evaluate
from mm.training.align_losses import Contrast

TEACHERS = (Teacher("plain", 0), Teacher("odd", 1, 0.5, drop_path=0.2, text_noise=0.3, tolerance=0.75, unlabeled=True))
PHASES = [
    "teacher-plain, epoch 1 of 1",
    "teacher-odd, epoch 1 of 1",
    "student-0, epoch 1 of 2",
    "student-0, epoch 2 of 2",
    "student-3, epoch 1 of 2",
    "student-3, epoch 2 of 2",
]


class Stopped(Exception):
    """Raised to end a run where a test wants it ended."""


def recipe(data: Path, out: Path) -> AlignConfig:
    """One that takes seconds: two teachers of one epoch, two students of two. Every picture is taken as unlabeled too."""
    return AlignConfig(
        data, out, data / "images", TEACHERS, (0, 3), 1, 2, 2, batch=6, size=48, served=64, stored=48, bank=5, save_every=1
    )


def config_for(data: Path, out: Path, class_vectors: Path) -> AlignConfig:
    """The recipe, in a folder that has the classes' vectors already."""
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
    """One run from start to end, and what it told."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = config_for(captioned_folder, tmp_path_factory.mktemp("align") / "out", class_vectors)
    told: list[tuple[int, int, str]] = []
    assert align(config, lambda *report: told.append(report)) == config.out / "image.safetensors"
    torch.set_num_threads(threads)
    return config, told


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = load_file(one / "image.safetensors"), load_file(other / "image.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)


def test_every_epoch_is_told(finished: tuple[AlignConfig, list[tuple[int, int, str]]]) -> None:
    _, told = finished
    assert [(done, total) for done, total, _ in told] == [(n, 6) for n in range(1, 7)]
    assert all(line.startswith(phase) for (_, _, line), phase in zip(told, PHASES, strict=True))


def test_the_card_says_what_the_shipped_file_does(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], tmp_path: Path
) -> None:
    config, _ = finished
    card = (config.out / "CARD.md").read_text()
    found = evaluate(config.out / "image.safetensors", config.data, tmp_path)
    assert found.table() in card
    assert "- student_epochs: 2" in card
    assert str(config.out) not in card  # a card is for others


def test_the_numbers_of_a_weights_file_are_one_command(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], tmp_path: Path
) -> None:
    config, _ = finished
    weights = config.out / "image.safetensors"
    told = CliRunner().invoke(main, ["eval", "flickr8k", "--root", str(config.data), "--weights", str(weights), "--json"])
    found = {measure["name"]: measure["value"] for measure in json.loads(told.output)["measures"]}
    on_the_card = evaluate(weights, config.data, tmp_path)
    for k in (1, 5, 10):
        assert 100 * found[f"text to image, R@{k}"] == pytest.approx(on_the_card.text_to_image[k])
        assert 100 * found[f"image to text, R@{k}"] == pytest.approx(on_the_card.image_to_text[k])


def test_weights_are_small_and_moved(finished: tuple[AlignConfig, list[tuple[int, int, str]]]) -> None:
    config, _ = finished
    weights = load_file(config.out / "image.safetensors")
    assert weights["head.weight"].dtype == np.float16
    assert weights["stem.norm.bias"].dtype == np.float32
    assert (config.out / "image.safetensors").stat().st_size < 15_000_000
    names = ("teacher-plain", "student-0", "student-3")
    states = [torch.load(config.out / f"{name}.pt", weights_only=True)["average"] for name in names]
    start, first, second = (state["head.weight"] for state in states)
    assert not torch.equal(start, first)
    assert not torch.equal(first, second)  # they saw the same views in another order
    np.testing.assert_allclose(weights["head.weight"], ((first + second) / 2).numpy(), atol=1e-3)


@pytest.mark.usefixtures("one_thread")
def test_a_stopped_run_ends_the_same(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    for stop in (1, 5):  # where a teacher is done, and within a student
        with pytest.raises(Stopped):
            align(config, stop_at(stop))
        assert not (config.out / "image.safetensors").exists()
    align(config, lambda *_: None)
    assert_same_weights(config.out, finished[0].out)


@pytest.mark.usefixtures("one_thread")
def test_what_was_not_saved_is_done_again(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = replace(config_for(captioned_folder, tmp_path / "out", class_vectors), save_every=2)
    told: list[str] = []
    with pytest.raises(Stopped):
        align(replace(config, save_every=100), stop_at(5))
    align(config, lambda _done, _total, line: told.append(line))
    assert [line.split(":")[0] for line in told] == ["student-3, epoch 1 of 2", "student-3, epoch 2 of 2"]
    assert_same_weights(config.out, finished[0].out)


def test_a_killed_process_ends_the_same(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path, class_vectors: Path, tmp_path: Path
) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    killed = subprocess.run([*PROGRAM, str(captioned_folder), str(config.out), "4"], env=environment(), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (config.out / "student-0.pt").exists()
    subprocess.run([*PROGRAM, str(captioned_folder), str(config.out), "0"], env=environment(), check=True)
    assert_same_weights(config.out, finished[0].out)


def together(arguments: list[str]) -> None:
    """Run a program as two processes of one group."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = environment() | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    processes = [subprocess.Popen(arguments, env=shared | {"RANK": rank, "LOCAL_RANK": rank}) for rank in ("0", "1")]
    try:
        assert [process.wait(100) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()


def test_two_processes_train_together(captioned_folder: Path, class_vectors: Path, tmp_path: Path) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    together([*PROGRAM, str(captioned_folder), str(config.out), "0"])
    states = {"teacher-plain.pt", "teacher-odd.pt", "student-0.pt", "student-3.pt"}
    files = {"CARD.md", "image.safetensors", "vectors"} | states
    assert {path.name for path in config.out.iterdir()} == files


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """The gradient of the contrast over the rows of both, as each applies it, is that of one process with all rows."""
    together([sys.executable, "-c", GRADIENTS, str(tmp_path)])
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    torch.manual_seed(0)
    pictures, captions, matrix = torch.randn(6, 5), torch.randn(6, 4), torch.randn(4, 5, requires_grad=True)
    contrast = Contrast()
    contrast(pictures @ matrix.T, captions).backward()
    for found in (first, second):
        torch.testing.assert_close(found["matrix"], matrix.grad)
        torch.testing.assert_close(found["scale"], contrast.log_scale.grad)


def test_the_state_of_another_recipe_is_refused(
    finished: tuple[AlignConfig, list[tuple[int, int, str]]], captioned_folder: Path
) -> None:
    config = replace(finished[0], rate=0.5)
    with pytest.raises(InvalidInput, match=r"teacher-plain\.pt belongs to another recipe"):
        align(config, lambda *_: None)


def test_a_state_that_is_none_is_refused(captioned_folder: Path, class_vectors: Path, tmp_path: Path) -> None:
    config = config_for(captioned_folder, tmp_path / "out", class_vectors)
    (config.out / "teacher-plain.pt").write_bytes(b"no state")
    with pytest.raises(Corrupt, match=r"teacher-plain\.pt"):
        align(config, lambda *_: None)


def test_a_folder_without_pictures_is_refused(captioned_folder: Path, class_vectors: Path, tmp_path: Path) -> None:
    config = replace(config_for(captioned_folder, tmp_path / "out", class_vectors), unlabeled=tmp_path)
    with pytest.raises(InvalidInput, match="has no pictures"):
        align(config, lambda *_: None)


def test_a_batch_larger_than_the_data_is_refused(captioned_folder: Path, class_vectors: Path, tmp_path: Path) -> None:
    config = replace(config_for(captioned_folder, tmp_path / "out", class_vectors), batch=13)
    with pytest.raises(InvalidInput, match="batch of 13 cannot be drawn from 12 pictures"):
        align(config, lambda *_: None)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"seeds": ()}, "seed of its own"),
        ({"seeds": (1, 1)}, "seed of its own"),
        ({"teachers": ()}, "name of its own"),
        ({"teachers": (Teacher("one", 0), Teacher("one", 1))}, "name of its own"),
    ],
)
def test_a_recipe_that_means_nothing_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        AlignConfig(Path("data"), Path("out"), **change)  # type: ignore[arg-type]


def test_data_without_dev_is_refused_before_training(tmp_path: Path, captioned_folder: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    lines = (captioned_folder / "captions.jsonl").read_text().splitlines(keepends=True)
    (data / "captions.jsonl").write_text("".join(lines[:12]))
    with pytest.raises(InvalidInput, match="no picture of the split 'dev'"):
        align(AlignConfig(data, tmp_path / "out"), lambda *_: None)


# One process of a run: data, out, and after how many epochs it kills itself (0: never).
PROGRAM = [
    sys.executable,
    "-c",
    """
import os, signal, sys
from pathlib import Path
import torch
from mm.training.align import align
from tests.training.test_align import recipe
torch.set_num_threads(1)
data, out, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
align(recipe(data, out), lambda done, total, line: os.kill(os.getpid(), signal.SIGKILL) if done == last else None)
""",
]

# One process of two: the gradients of the contrast after its half of the rows.
GRADIENTS = """
import os, sys
from pathlib import Path
import torch
from torch.nn.parallel import DistributedDataParallel
from mm.training.align_losses import Contrast, gathered
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
torch.manual_seed(0)
pictures, captions, matrix = torch.randn(6, 5), torch.randn(6, 4), torch.randn(4, 5)
linear = torch.nn.Linear(5, 4, bias=False)
linear.weight.data.copy_(matrix)
forward, contrast = DistributedDataParallel(linear), Contrast()
own = slice(rank * 3, rank * 3 + 3)
contrast(gathered(forward(pictures[own])), gathered(captions[own])).backward()
found = {"matrix": linear.weight.grad, "scale": contrast.log_scale.grad}
torch.save(found, Path(sys.argv[1]) / f"{rank}.pt")
torch.distributed.destroy_process_group()
"""


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}
