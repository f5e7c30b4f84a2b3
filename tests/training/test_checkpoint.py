"""Checkpoints for serving, and the states that runs resume from."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from mm.errors import Corrupt
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.training.checkpoint import load_encoder, read_state, write_encoder, write_state

pytestmark = pytest.mark.usefixtures("one_thread")


def test_load_encoder_reads_what_write_encoder_wrote(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = ImageEncoder()
    write_encoder(tmp_path / "image.safetensors", encoder.state_dict(), 64)
    again = load_encoder(tmp_path / "image.safetensors")
    for name, tensor in again.state_dict().items():
        assert torch.allclose(tensor.float(), encoder.state_dict()[name].float(), atol=1e-3, rtol=1e-3), name
    write_encoder(tmp_path / "second.safetensors", encoder.state_dict(), 64)
    assert (tmp_path / "image.safetensors").read_bytes() == (tmp_path / "second.safetensors").read_bytes()


@pytest.mark.parametrize("change", ["missing", "unknown", "noise"])
def test_load_encoder_of_another_file_raises_corrupt(tmp_path: Path, change: str) -> None:
    path = tmp_path / "image.safetensors"
    state = ImageEncoder().state_dict()
    if change == "missing":
        del state["head.weight"]
    if change == "unknown":
        state["tail.weight"] = torch.zeros(2, 2)
    write_encoder(path, state, 64)
    if change == "noise":
        path.write_bytes(b"\xff" * 100)
    with pytest.raises(Corrupt, match=r"image\.safetensors"):
        load_encoder(path)


def test_read_state_returns_what_was_written_or_none(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    assert read_state(path, torch.device("cpu")) is None
    write_state(path, {"epoch": 3, "weights": {"a": torch.arange(3)}})
    state = read_state(path, torch.device("cpu"))
    assert state is not None
    assert state["epoch"] == 3
    assert torch.equal(state["weights"]["a"], torch.arange(3))


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


def test_read_state_does_not_execute_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"epoch": _Trap()}, tmp_path / "run.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(_Trap(), protocol=2))
    for name in ("run.pt", "plain.pt"):
        with pytest.raises(Corrupt, match=name):
            read_state(tmp_path / name, torch.device("cpu"))
    assert not (tmp_path / "sprung").exists()
