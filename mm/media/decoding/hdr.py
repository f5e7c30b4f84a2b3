"""Tone mapping: high dynamic range and wide gamut to 8 bits of BT.709.

For each pixel: code to display light (PQ: SMPTE ST 2084; HLG: ITU-R BT.2100, with the system gamma
of a display of `PEAK`); the primaries of BT.2020 (BT.2087) or P3-D65 to those of BT.709; light
above the range of SDR is rolled off by the spline of BT.2390-10, 5.4.1, on the largest of the three
channels, which preserves hues; light to the code of SDR (BT.1886). White is `WHITE`, as in BT.2408.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mm.media.types import RGB

Transfer = Literal["pq", "hlg", "sdr"]
Primaries = Literal["bt2020", "p3", "bt709"]
Light = npt.NDArray[np.float32]
"""Linear light, 1 is `WHITE`."""

PEAK, WHITE = 1000.0, 203.0  # cd/m2: the peak that most HDR is graded for; its diffuse white, which maps to SDR white
HLG_GAMMA = 1.2  # of a display of 1000 cd/m2 (BT.2100, table 5)
SDR_GAMMA = 2.4  # BT.1886
BAND = 1 << 18  # pixels per step
M1, M2 = 2610 / 16384, 2523 / 32  # ST 2084
C1, C2, C3 = 3424 / 4096, 2413 / 128, 2392 / 128
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073  # BT.2100
HLG_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)
TO_709: dict[Primaries, npt.NDArray[np.float32]] = {
    "bt2020": np.array(
        [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
    ),
    "p3": np.array([[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0], [-0.019638, -0.078636, 1.098274]], np.float32),
    "bt709": np.eye(3, dtype=np.float32),
}


def to_sdr(codes: npt.NDArray[np.uint16], transfer: Transfer, primaries: Primaries = "bt2020") -> RGB:
    """Convert R'G'B' (height, width, 3) of the full 16-bit range to SDR of BT.709."""
    height, width, _ = codes.shape
    image = np.empty((height, width, 3), np.uint8)
    rows = max(BAND // max(width, 1), 1)
    for top in range(0, height, rows):
        light = _display_light(codes[top : top + rows], transfer) @ TO_709[primaries].T
        np.maximum(light, 0.0, out=light)
        if transfer != "sdr":
            light *= _roll_off(light.max(axis=2))[..., None]
        image[top : top + rows] = np.rint(255 * np.minimum(light, 1.0) ** (1 / SDR_GAMMA))
    return image


def _display_light(codes: npt.NDArray[np.uint16], transfer: Transfer) -> Light:
    """Light that a display emits for `codes`."""
    light = _light_table(transfer)[codes]
    if transfer != "hlg":
        return light
    luma = light @ HLG_LUMA
    return np.asarray(light * (luma ** (HLG_GAMMA - 1))[..., None] * (PEAK / WHITE), np.float32)


@cache
def _light_table(transfer: Transfer) -> Light:
    """Light of each 16-bit code; for HLG, scene light in [0, 1]."""
    code = np.arange(1 << 16) / 65535
    if transfer == "pq":
        return (pq_light(code) / WHITE).astype(np.float32)
    if transfer == "hlg":
        low = code**2 / 3
        return np.where(code <= 0.5, low, (np.exp((code - HLG_C) / HLG_A) + HLG_B) / 12).astype(np.float32)
    return (code**SDR_GAMMA).astype(np.float32)


def pq_light(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert a PQ code in [0, 1] to cd/m2."""
    power = code ** (1 / M2)
    return 10_000.0 * (np.maximum(power - C1, 0) / (C2 - C3 * power)) ** (1 / M1)


def pq_code(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert cd/m2 to a PQ code: the inverse of `pq_light`."""
    power = (light / 10_000.0) ** M1
    return ((C1 + C2 * power) / (1 + C3 * power)) ** M2


def _roll_off(top: Light) -> Light:
    """Gain of a pixel whose strongest channel has the light `top`."""
    light, gain = _gain_curve()
    return np.interp(top, light, gain).astype(np.float32)


@cache
def _gain_curve() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Light values and their gains. The gain is 1 below the knee; light above `PEAK` is clipped."""
    peak, white = pq_code(np.array([PEAK, WHITE]))
    limit = white / peak
    knee = 1.5 * limit - 0.5
    code = np.linspace(0, 1, 4097)[1:]
    t = np.clip((np.minimum(code, 1.0) - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * limit
    mapped = np.where(code < knee, code, spline)
    light = pq_light(code * peak)
    beyond = np.geomspace(PEAK, 20 * PEAK, 200)[1:]
    return np.append(light, beyond) / WHITE, np.append(pq_light(mapped * peak) / light, WHITE / beyond)
