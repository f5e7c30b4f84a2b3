"""Workers name the places of items in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog

from mm.errors import Unavailable
from mm.media.types import Capture
from tests.indexes.library import add
from workers.place_names import PlaceNaming

if TYPE_CHECKING:
    from tests.workers.conftest import Home


def test_place_naming_names_items_once(home: Home) -> None:
    here, _ = add(home.store, 1, capture=Capture(latitude=48.8584, longitude=2.2945))
    sea, _ = add(home.store, 2, capture=Capture(latitude=40.0, longitude=-40.0))
    unknown, _ = add(home.store, 3, capture=Capture(make="Canon"))
    naming = PlaceNaming(home.store)
    assert naming.step() == 3
    assert naming.step() == 0
    places = [item.place for row in (here, sea, unknown) if (item := home.store.catalog.get_item(row.id))]
    assert places == ["Paris, Île-de-France, France", "", ""]
    assert home.store.catalog.list_places(10) == [("Paris, Île-de-France, France", 1)]


def test_place_naming_without_the_table_warns_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(latitude: float, longitude: float) -> str:
        raise Unavailable("The package is not installed.")

    monkeypatch.setattr("mm.places.locate.name_place", fail)
    add(home.store, 1, capture=Capture(latitude=48.8584, longitude=2.2945))
    naming = PlaceNaming(home.store)
    with structlog.testing.capture_logs() as lines:
        assert naming.step() == naming.step() == 0
    assert [line["event"] for line in lines] == ["places are not named"]
    assert "48.8" not in str(lines)
