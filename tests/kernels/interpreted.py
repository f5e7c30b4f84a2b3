"""Kernels for the tests: on the GPU where there is one, else through Triton's interpreter, which
`tests/conftest.py` turns on."""

from __future__ import annotations

from typing import Any

import torch
import triton.runtime.interpreter as interpreter

from kernels.windowed_attention import DENSE, LOCAL, WIDE, Tiles, windowed_attention
from kernels.windowed_attention_torch import windowed_attention as windowed_attention_torch

__all__ = ["DENSE", "DEVICE", "LOCAL", "WIDE", "Tiles", "windowed_attention", "windowed_attention_torch"]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

_patch = interpreter._patch_lang_tensor


def _patch_with_item(tensor: Any, scope: Any) -> None:
    """Its scalars are arrays of one element, which NumPy from 2.4 on does not take for a bound of
    `range`."""
    _patch(tensor, scope)
    scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())


interpreter._patch_lang_tensor = _patch_with_item
