"""Kernels for the tests, on a GPU or in the interpreter of Triton.

`tests/conftest.py` enables the interpreter.
"""

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
    """Make scalars of the interpreter valid bounds of `range`.

    They are arrays of one element, which NumPy 2.4 no longer converts to an index.
    """
    _patch(tensor, scope)
    scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())


interpreter._patch_lang_tensor = _patch_with_item
