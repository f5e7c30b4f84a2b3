"""Embeddings and models, in the format of OpenAI's API."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.api import media
from tests.api.conftest import ApiServer, assert_problem


def data_url(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def test_embeddings_of_texts_and_images_are_unit_vectors_in_order(api: ApiServer) -> None:
    inputs = ["a dog in the snow", data_url(media.image(1)), "a dog in snow"]
    response = api.client.post("/v1/embeddings", json={"input": inputs, "model": "lite"}).json()
    assert response["object"] == "list"
    assert response["model"] == str(api.service.space.id)
    assert [row["index"] for row in response["data"]] == [0, 1, 2]
    vectors = np.array([row["embedding"] for row in response["data"]])
    assert vectors.shape == (3, api.service.space.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors[0] @ vectors[2] > 0.9
    assert response["usage"]["prompt_tokens"] == response["usage"]["total_tokens"] > 5


def test_embeddings_in_base64_equal_floats(api: ApiServer) -> None:
    def embedding(**form: str) -> list[float] | str:
        response = api.client.post("/v1/embeddings", json={"input": "a dog", **form}).json()
        vector: list[float] | str = response["data"][0]["embedding"]
        return vector

    packed, floats = embedding(encoding_format="base64"), embedding()
    assert isinstance(packed, str)
    assert isinstance(floats, list)
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(packed), "<f4"), floats, atol=1e-6)


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({}, 400, "invalid-input"),
        ({"input": []}, 400, "invalid-input"),
        ({"input": ["a", " "]}, 400, "invalid-input"),
        ({"input": ["a"] * 513}, 400, "invalid-input"),
        ({"input": [[1, 2]]}, 400, "invalid-input"),
        ({"input": "a", "encoding_format": "int8"}, 400, "invalid-input"),
        ({"input": "a", "model": "gpt"}, 404, "not-found"),
        ({"input": "x" * 2001}, 413, "too-large"),
        ({"input": "x" * (2 << 20)}, 413, "too-large"),
        ({"input": "data:image/png;base64,@@@@"}, 400, "invalid-input"),
        ({"input": data_url(b"not a picture at all")}, 415, "unsupported-media"),
    ],
)
def test_embeddings_with_invalid_inputs_are_refused(api: ApiServer, body: object, status: int, slug: str) -> None:
    assert_problem(api.client.post("/v1/embeddings", json=body), status, slug)


def test_models_describe_the_served_space(api: ApiServer) -> None:
    model, language_model = api.client.get("/v1/models").json()["data"]
    assert language_model["kind"] == "language"
    assert model["id"] == str(api.service.space.id)
    assert model["dim"] == api.service.space.dim
    assert {"text", "image", "speech"} <= set(model["towers"])
    assert len(model["card"]) > 100
    assert api.client.get("/v1/models/lite").json() == api.client.get(f"/v1/models/{model['id']}").json() == model
    assert_problem(api.client.get("/v1/models/gpt"), 404, "not-found")


def test_models_have_the_card_of_the_shipped_language_model(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.models.CARD", tmp_path / "CARD.md")
    assert api.client.get("/v1/models/smollm2-135m").json()["card"] == ""
    (tmp_path / "CARD.md").write_text("# Trained weights\n")
    assert api.client.get("/v1/models/smollm2-135m").json()["card"] == "# Trained weights\n"
