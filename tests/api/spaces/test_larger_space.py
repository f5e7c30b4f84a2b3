"""The API with a larger space: model, embeddings and search."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from mm.settings import Settings
from tests.api import media
from tests.api.conftest import add_searchable, run_server
from tests.graphs import with_graphs
from tests.openclip_models import write_model

if TYPE_CHECKING:
    from pathlib import Path


def test_service_serves_a_larger_space(tmp_path: Path, graphs: Path) -> None:
    from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment

    folder = write_model(tmp_path / "plain", "plain")
    settings = Settings(home=with_graphs(tmp_path / "home", graphs), space=f"openclip:local-dir:{folder}", threads=1)
    with run_server(settings) as api:
        space = api.service.space
        (model, _) = api.client.get("/v1/models").raise_for_status().json()["data"]
        assert model["id"] == str(space.id)
        assert model["dim"] == 24
        assert "open_clip plain" in model["towers"]["image"]
        assert "MiniLM" in model["towers"]["sentences"]
        assert model["runtime"].startswith("torch ")
        assert "not calibrated" in model["card"]

        picture = media.image(7)
        url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        response = api.client.post("/v1/embeddings", json={"input": ["a dog", url]}).raise_for_status().json()
        vectors = np.array([row["embedding"] for row in response["data"]], np.float32)
        assert vectors.shape == (2, 24)
        np.testing.assert_allclose(vectors[0], space.text.embed(["a dog"])[0], atol=1e-6)

        speech = "here is my recipe for apple cake"
        evidence = [
            EncodedEvidence("picture", 0.0, 0.0, None, vectors[1]),
            EncodedEvidence("speech", 0.0, 0.0, speech, space.sentences.embed([speech])[0]),
        ]
        item = add_searchable(api, picture, "a.png", "x", [EncodedSegment(0.0, 0.0, 0, evidence)])
        by_text = api.client.post("/v1/search", json={"text": "a recipe for cake"}).raise_for_status().json()
        assert by_text["space"] == str(space.id)
        assert [hit["item"]["id"] for hit in by_text["hits"]] == [item]
        assert {entry["kind"] for entry in by_text["hits"][0]["evidence"]} == {"picture", "speech"}
        assert any("not calibrated" in note for note in by_text["notes"])
        by_image = api.client.post("/v1/search", files={"picture": ("b.png", picture)}).raise_for_status().json()
        assert [hit["item"]["id"] for hit in by_image["hits"]] == [item]
