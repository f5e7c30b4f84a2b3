"""Features by several image towers: cross-fitted, and of dev."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mm.data.captioned_images import read_captioned_images
from mm.training.align.folds import Folds
from mm.training.language.data_sets.feature_report import compare_features, describe_features
from mm.training.language.data_sets.image_features import ImageFeatures
from mm.training.language.data_sets.prepare import Prepared, Sources, prepare
from mm.training.language.data_sets.towers import FoldTowers, Towers
from mm.training.language.recipe import StageRecipe
from mm.training.language.train import train_language
from tests.training.language.tiny_training import CPU, load_tokenizer, make_base, make_recipe, make_tower, write_images

pytestmark = [pytest.mark.xdist_group("language_training"), pytest.mark.usefixtures("one_thread")]
CHANGES = {"texts": None, "num_evidence": 0, "num_views": 2, "stages": {"captions": StageRecipe(1, 2, 1.0)}}
MAIN, ONE, TWO = make_tower(0), make_tower(1), make_tower(2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("towers") / "data", {"train": 20, "dev": 20})


def prepare_features(data: Path, towers: Towers) -> Prepared:
    recipe = make_recipe(data, data, **CHANGES)
    return prepare(recipe, data / "cache", Sources(load_tokenizer(), towers, CPU, 1))


def learned(data: Path, towers: Towers) -> ImageFeatures:
    features = prepare_features(data, towers).train.captions.features
    assert features is not None
    return features


def test_cross_fitted_features_are_of_the_tower_that_did_not_see_the_image(data: Path) -> None:
    names = [row.path.stem for row in read_captioned_images(data, "train")]
    folds = Folds(2, {name: index % 2 for index, name in enumerate(names)})
    whole = {tower.sha256: learned(data, Towers(tower)) for tower in (ONE, TWO)}
    unseen = learned(data, Towers(MAIN, FoldTowers((ONE, TWO), folds)))
    seen = learned(data, Towers(MAIN, FoldTowers((ONE, TWO), folds, is_seen=True)))
    for index in range(len(names)):
        tower, other = (ONE, TWO) if index % 2 == 0 else (TWO, ONE)
        assert torch.equal(unseen.maps_VNPC[:, index], whole[tower.sha256].maps_VNPC[:, index])
        assert torch.equal(seen.maps_VNPC[:, index], whole[other.sha256].maps_VNPC[:, index])
        assert torch.equal(unseen.vectors_VND[:, index], whole[tower.sha256].vectors_VND[:, index])


def test_towers_have_an_id_that_depends_on_all_they_compute_with() -> None:
    folds = Folds(2, {"a": 0})
    towers = [
        Towers(MAIN),
        Towers(ONE),
        Towers(MAIN, FoldTowers((ONE, TWO), folds)),
        Towers(MAIN, FoldTowers((ONE, TWO), folds, True)),
    ]
    assert len({tower.id for tower in towers}) == 4


def test_features_of_another_tower_are_not_read_from_the_cache(data: Path) -> None:
    assert not torch.equal(learned(data, Towers(MAIN)).maps_VNPC, learned(data, Towers(ONE)).maps_VNPC)


def test_train_language_measures_captions_with_every_tower(data: Path, tmp_path: Path) -> None:
    prepared = prepare_features(data, Towers(MAIN, others={"one": ONE}))
    recipe = make_recipe(data, tmp_path, **CHANGES)
    measures = train_language(recipe, make_base(), prepared, 1, CPU, lambda line: None)["captions"]
    assert measures["captions, beam 3, image tower one"].keys() == measures["captions, beam 3"].keys()
    assert measures["loss, image tower one"]["captions"] != measures["loss"]["captions"]


def test_compare_features_of_the_same_and_of_noisy_features() -> None:
    random = torch.Generator().manual_seed(0)
    maps, vectors = torch.randn(1, 50, 4, 6, generator=random), torch.randn(1, 50, 8, generator=random)
    same = ImageFeatures(maps, vectors)
    assert compare_features(same, same) == {"difference of maps": 0.0, "cosine of vectors": pytest.approx(1.0)}
    noisy = ImageFeatures(maps + 0.5 * torch.randn(maps.shape, generator=random), vectors)
    assert compare_features(same, noisy)["difference of maps"] == pytest.approx(0.5, rel=0.1)


def test_describe_features_has_recalls_of_train_and_dev(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def embed(sentences: list[str], _cache: Path) -> np.ndarray:
        return np.eye(384, dtype=np.float32)[np.arange(len(sentences)) % 384]

    monkeypatch.setattr("mm.training.language.data_sets.feature_report.embed_sentences", embed)
    numbers = describe_features(prepare_features(data, Towers(MAIN, others={"one": ONE})), data, data)
    assert list(numbers) == ["learned", "dev", "dev, image tower one"]
    assert numbers["dev, image tower one"]["difference of maps"] > 0
    assert all(0 <= values["text to image, R@1"] <= values["text to image, R@5"] <= 100 for values in numbers.values())
