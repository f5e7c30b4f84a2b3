"""Use of experts on a mix of documents, with a small random model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mm.errors import InvalidInput
from mm.evaluation.language.routing import RoutingModel, draw_documents, evaluate_routing
from mm.media.types import RGB
from mm.models.language.media_prefix import MediaPrefix
from tests.data.language.made_captions import make_images
from tests.generation.test_captioner import TOKENIZER, TOKENS
from tests.models.language.media_prefix.prefixes import TINY, AnImage, random_prefix_weights
from tests.models.language.models import DENSE, MOE, random_weights

CONFIG = replace(MOE, vocab_size=len(TOKENS), max_position_embeddings=4096)
NUM_IMAGES = 8


class Tower:
    """Features of an image that depend on its mean colour."""

    def encode(self, images: Sequence[RGB]) -> list[AnImage]:
        return [
            AnImage(np.full((5, 5, TINY.map_channels), image.mean() / 99, np.float32), np.ones(TINY.vector_size, np.float32))
            for image in images
        ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captioned")
    (folder / "images").mkdir()
    rows = []
    for number, image in enumerate(make_images("dev", 60)):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / "images" / image.path.name)
        rows.append({"image": image.path.name, "captions": image.captions, "split": "dev"})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def make_model(config: object = CONFIG) -> RoutingModel:
    weights = random_weights(config)  # type: ignore[arg-type]
    additions = SimpleNamespace(config=config, merge=lambda base: weights, prefix=MediaPrefix(TINY, random_prefix_weights(TINY)))
    return RoutingModel(additions, {}, Tower(), TOKENIZER)  # type: ignore[arg-type]


def test_draw_documents_has_captions_questions_and_answers_and_repeats(data: Path) -> None:
    documents = list(draw_documents(TOKENIZER, data, "dev", NUM_IMAGES))
    assert [document.task for document in documents[:NUM_IMAGES]] == ["caption"] * NUM_IMAGES
    assert {document.image is None for document in documents if document.task == "answer"} == {True, False}
    assert all(document.text[-1] == TOKENIZER.eos_id for document in documents)
    assert list(draw_documents(TOKENIZER, data, "dev", NUM_IMAGES)) == documents


def test_route_has_the_experts_of_every_token_by_its_kind(data: Path) -> None:
    document = next(draw_documents(TOKENIZER, data, "dev", 1))
    experts = make_model().route(document)
    num_image = len(make_model()._prefix.embed_image(*_features()))
    assert {kind: len(rows) for kind, rows in experts.items()} == {
        "prompt": len(document.before) + len(document.after),
        "image": num_image,
        "caption": len(document.text),
    }
    assert {rows.shape[1:] for rows in experts.values()} == {(CONFIG.num_moe_layers, CONFIG.num_experts_per_tok)}


def _features() -> tuple[np.ndarray, np.ndarray]:
    (image,) = Tower().encode([np.zeros((8, 8, 3), np.uint8)])
    return image.map_HWC, image.vector_D


def test_evaluate_routing_reports_each_kind_of_token(data: Path) -> None:
    report = evaluate_routing(make_model(), data, "dev", NUM_IMAGES, lambda _: None)
    value = {measure.name: measure.interval.value for measure in report.measures}
    for kind in ("all", "image", "prompt", "caption", "answer"):
        assert 0 < value[f"{kind} tokens: experts per token, mean layer"] <= CONFIG.num_experts_per_tok
        assert value[f"{kind} tokens: CV, mean layer"] > 0
    assert "fewer than 1,000,000 assignments" in report.of


def test_evaluate_routing_of_a_dense_model_is_refused(data: Path) -> None:
    dense = replace(DENSE, hidden_size=32, num_attention_heads=4, vocab_size=len(TOKENS))
    with pytest.raises(InvalidInput, match="no routed experts"):
        evaluate_routing(make_model(dense), data, "dev", 2, lambda _: None)
