"""The populated place at coordinates."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mm.places.names import NEAR
from mm.places.table import PlaceTable, load_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR_KM = 5.0
"""From this distance on, a place whose extent does not contain the coordinates is "near X"."""
MAX_KM = 50.0
"""Coordinates that are farther from every place have no name: the sea, deserts, ice."""
_PER_KM2 = 3000.0
"""Inhabitants per square kilometre by which the extent of a place is estimated."""
_MAX_RADIUS_KM = 20.0
_KM_PER_DEGREE = 111.0
_EARTH_DIAMETER_KM = 2 * 6371.0


@lru_cache(maxsize=4096)
def name_place(latitude: float, longitude: float) -> str:
    """Return "City, Region, Country" or "near City, Region, Country"; empty beyond `MAX_KM`.

    Raises `Unavailable` when the table is not installed.
    """
    return find_place(load_places(), latitude, longitude)


def find_place(table: PlaceTable, latitude: float, longitude: float) -> str:
    """Return the name of the place at coordinates, in degrees.

    It is a place whose extent contains them, a circle by its number of inhabitants: of several
    the one in which they are nearest to the centre, relative to its radius, so that a quarter of
    a city does not stand for the city. Outside all of them it is the nearest place.
    """
    bounds = np.array([latitude - MAX_KM / _KM_PER_DEGREE, latitude + MAX_KM / _KM_PER_DEGREE], np.float32)
    start, stop = np.searchsorted(table.latitude_N, bounds)
    if start == stop:
        return ""
    rows = slice(int(start), int(stop))
    distance_R = measure_km(table.latitude_N[rows], table.longitude_N[rows], latitude, longitude)
    radius_R = np.minimum(np.sqrt(table.population_N[rows] / (_PER_KM2 * math.pi)), _MAX_RADIUS_KM)
    contains_R = distance_R <= radius_R
    if contains_R.any():
        # One kilometre more, so that the centre of a quarter is not nearer than that of its city.
        relative_R = np.where(contains_R, (distance_R + 1.0) / np.maximum(radius_R, 1e-9), np.inf)
        return table.describe(int(start) + int(relative_R.argmin()))
    nearest = int(distance_R.argmin())
    if distance_R[nearest] > MAX_KM:
        return ""
    name = table.describe(int(start) + nearest)
    return name if distance_R[nearest] <= NEAR_KM else f"{NEAR}{name}"


def measure_km(
    latitude_R: NDArray[np.float32], longitude_R: NDArray[np.float32], latitude: float, longitude: float
) -> NDArray[np.float64]:
    """Distances in kilometres of places from coordinates, on a sphere (haversine formula)."""
    first_R, second = np.radians(latitude_R.astype(np.float64)), math.radians(latitude)
    across_R = np.sin((np.radians(longitude_R.astype(np.float64)) - math.radians(longitude)) / 2)
    up_R = np.sin((first_R - second) / 2)
    chord_R = up_R**2 + np.cos(first_R) * math.cos(second) * across_R**2
    kilometres_R: NDArray[np.float64] = _EARTH_DIAMETER_KM * np.arcsin(np.sqrt(np.clip(chord_R, 0.0, 1.0)))
    return kilometres_R
