"""The feed-forward network SwiGLU (Shazeer 2020, arXiv:2002.05202)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.numerics import sigmoid

Float = npt.NDArray[np.float32]


def swiglu(x: Float, gate_proj: Float, up_proj: Float, down_proj: Float) -> Float:
    """Vectors (..., D): down_proj (D, I) of silu(gate_proj (I, D) x) times up_proj (I, D) x."""
    gate = x @ gate_proj.T
    hidden: Float = gate * sigmoid(gate) * (x @ up_proj.T)
    return hidden @ down_proj.T
