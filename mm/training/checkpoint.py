"""Checkpoints: the weights that serve (safetensors, half precision), and the state that a run
resumes from."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from mm.errors import Corrupt
from mm.files import open_atomic
from mm.models.image.efficientnet_lite_torch import load_encoder

__all__ = ["load_encoder", "read_state", "write_encoder", "write_state"]


def write_encoder(path: Path, state: dict[str, Tensor], size: int) -> None:
    """Write an `ImageEncoder` state: matrices and kernels in half precision, norms, biases and
    scales in float32."""
    tensors = {
        name: (tensor.half() if tensor.ndim > 1 else tensor.float()).cpu().contiguous()
        for name, tensor in state.items()
        if tensor.is_floating_point()
    }
    with open_atomic(path) as file:
        file.write(save(tensors, {"size": str(size)}))


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Keep what a run resumes from."""
    with open_atomic(path) as file:
        torch.save(state, file)


def read_state(path: Path, device: torch.device) -> dict[str, Any] | None:
    """What `write_state` kept, or None.

    Raises `Corrupt` for what is no such file, and for a pickle that holds more than tensors and
    plain values: it is not opened.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise Corrupt(f"{path} is no state of a run; remove it to start again.") from error
    return state
