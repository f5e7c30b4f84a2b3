"""A training of the language model: stages, resumption, and what it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mm.training.language.data_sets.prepare
from mm.errors import InvalidInput
from mm.models.language.checkpoint.file import load_additions
from mm.models.language.network_torch import LanguageModel
from mm.training.language.data_sets.prepare import Prepared
from mm.training.language.model import TrainedModel
from mm.training.language.objectives import CaptionObjective, Learner
from mm.training.language.recipe import LanguageRecipe, StageRecipe, choose_config, choose_stages
from mm.training.language.run import StageRun
from mm.training.language.train import ADDITIONS, METRICS, train_language
from tests.training.language.tiny_training import (
    CPU,
    DENSE,
    STAGES,
    load_tokenizer,
    make_base,
    make_recipe,
    prepare_tiny,
    write_images,
    write_texts,
)

pytestmark = [pytest.mark.xdist_group("language_training"), pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captioned images, and captions without images."""
    data = write_images(tmp_path_factory.mktemp("language") / "data", {"train": 40, "dev": 24})
    write_texts(data / "texts.safetensors")
    return data


@pytest.fixture(scope="module")
def prepared(folder: Path) -> Prepared:
    """Data that all runs share, with few questions to measure on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mm.training.language.data_sets.prepare, "NUM_DEV_EVIDENCE", 6)
        patch.setattr(mm.training.language.data_sets.prepare, "NUM_DEV_QUESTIONS", 2)
        return prepare_tiny(make_recipe(folder, folder), folder / "cache")


def train(recipe: LanguageRecipe, prepared: Prepared) -> dict[str, dict[str, dict[str, float]]]:
    return train_language(recipe, make_base(), prepared, 1, CPU, lambda line: None)


def test_train_language_runs_all_stages_and_resumes_with_the_same_result(
    folder: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, interrupted = make_recipe(folder, tmp_path / "whole"), make_recipe(folder, tmp_path / "interrupted")
    metrics = train(whole, prepared)
    assert list(metrics) == list(STAGES)
    assert {"captions, beam 3", "image questions", "answers", "loss", "expert use"} <= metrics["scst"].keys()

    advance, count = StageRun.advance, 0

    def advance_or_stop(run: StageRun) -> torch.Tensor:
        nonlocal count
        count += 1
        if count in (4, 8, 12):  # in the stages captions, answers and scst
            raise KeyboardInterrupt
        return advance(run)

    monkeypatch.setattr(StageRun, "advance", advance_or_stop)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train(interrupted, prepared)
    assert train(interrupted, prepared) == metrics
    first, second = (load_additions(recipe.out / ADDITIONS) for recipe in (whole, interrupted))
    assert str(tmp_path) not in str(first.metadata.training), "the weights name no folder of the machine"
    assert first.metadata.sha256 == second.metadata.sha256
    assert first.metadata.training["metrics"] == metrics
    assert json.loads((whole.out / METRICS).read_text()) == metrics
    assert train(whole, prepared) == metrics  # all stages are complete


def test_train_language_in_the_folder_of_another_recipe_raises_invalid_input(
    folder: Path, prepared: Prepared, tmp_path: Path
) -> None:
    stages = {"captions": StageRecipe(steps=1, batch=2, rate=1.0)}
    recipe = make_recipe(folder, tmp_path, stages=stages)
    train(recipe, prepared)
    with pytest.raises(InvalidInput, match="another recipe"):
        train(replace(recipe, seed=1), prepared)


def test_additions_merged_with_the_base_compute_as_the_trained_model(folder: Path, prepared: Prepared, tmp_path: Path) -> None:
    stages = {"captions": StageRecipe(steps=3, batch=8, rate=30.0)}
    recipe = make_recipe(folder, tmp_path, stages=stages)
    train(recipe, prepared)
    base = make_base()
    merged = load_additions(tmp_path / ADDITIONS).merge(base.weights)
    model = TrainedModel(recipe, base, CPU).eval()
    model.load_trained(torch.load(tmp_path / "captions.pt", weights_only=True)["model"])
    model.set_quantized(True)
    embeds = torch.randn(1, 9, 32, generator=torch.Generator().manual_seed(0))
    served = LanguageModel.from_weights(recipe.config, merged)
    with torch.no_grad():
        expected, computed = model.language(embeds).hidden_BLW, served(embeds).hidden_BLW
    torch.testing.assert_close(computed, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("variant", ["lora", "early_router"])
def test_train_language_of_a_control_lowers_the_loss_and_writes_no_additions(
    folder: Path, prepared: Prepared, tmp_path: Path, variant: str
) -> None:
    stages = {"captions": StageRecipe(steps=8, batch=4, rate=30.0)}
    changes = {"config": DENSE} if variant != "early_router" else {}
    recipe = make_recipe(folder, tmp_path, stages=stages, variant=variant, lora_rank=2, **changes)
    train(recipe, prepared)
    losses = json.loads((tmp_path / "losses.json").read_text())["captions"]
    assert losses[-1][1] < 10.8  # log(49152), of a guess at random
    assert not (tmp_path / ADDITIONS).exists()


def test_stage_run_ends_when_its_minutes_have_passed_and_its_rate_has_fallen(folder: Path, prepared: Prepared) -> None:
    stages = {"captions": StageRecipe(steps=1000, batch=2, rate=1.0, minutes=1.0)}
    recipe = make_recipe(folder, folder, stages=stages)
    model = TrainedModel(recipe, make_base(), CPU)
    learner = Learner(recipe, model)
    objective = CaptionObjective(learner, load_tokenizer(), prepared.train.captions, 2)
    run = StageRun(recipe, "captions", model, objective, learner.balance)
    run.num_done, run.seconds = 100, 30.0
    assert run.progress == 0.5
    assert not run.is_out_of_time
    run.seconds = 59.9
    run.advance()
    assert run.optimizer.param_groups[0]["lr"] < 1e-7
    run.seconds = 60.0
    assert run.is_out_of_time


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variant": "other"}, "variant must be one of"),
        ({"stages": {}}, "Stages must be some of"),
        ({"texts": None}, "captions without images"),
        ({"variant": "lora"}, "has no experts"),
    ],
)
def test_recipe_with_invalid_values_raises_invalid_input(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_recipe(tmp_path, tmp_path, **changes)


def test_choose_config_and_stages_follow_the_options() -> None:
    assert choose_config("lora").num_experts == 0
    config = choose_config("experts", width=16, first=20, top=2)
    assert (config.num_null_experts, config.num_experts_per_tok, config.moe_intermediate_size) == (0, 2, 16)
    stages = choose_stages(None, {"steps": {"scst": 7}, "minutes": {}}, has_texts=False)
    assert list(stages) == ["captions", "answers", "scst"]
    assert stages["scst"].steps == 7


def test_train_language_from_additions_starts_with_their_weights(folder: Path, prepared: Prepared, tmp_path: Path) -> None:
    first = make_recipe(folder, tmp_path / "first", stages={"captions": StageRecipe(steps=3, batch=8, rate=30.0)})
    train(first, prepared)
    start = load_additions(first.out / ADDITIONS)
    base = make_base()
    model = TrainedModel(first, base, CPU).eval()
    model.load_additions(start)
    embeds = torch.randn(1, 9, 32, generator=torch.Generator().manual_seed(0))
    served = LanguageModel.from_weights(first.config, start.merge(base.weights))
    with torch.no_grad():
        torch.testing.assert_close(model.language(embeds).hidden_BLW, served(embeds).hidden_BLW, rtol=1e-4, atol=1e-4)

    stages = {"scst": StageRecipe(steps=1, batch=2, rate=1e-6)}
    second = make_recipe(folder, tmp_path / "second", stages=stages, start_sha256=start.metadata.sha256)
    train_language(second, base, prepared, 1, CPU, lambda line: None, start)
    continued = load_additions(second.out / ADDITIONS)
    for name, update in start.updates.items():
        np.testing.assert_allclose(continued.updates[name].compute(), update.compute(), atol=1e-2)


def test_train_language_from_additions_of_other_sizes_raises_invalid_input(
    folder: Path, prepared: Prepared, tmp_path: Path
) -> None:
    stages = {"captions": StageRecipe(steps=1, batch=2, rate=1.0)}
    train(make_recipe(folder, tmp_path / "first", stages=stages), prepared)
    start = load_additions(tmp_path / "first" / ADDITIONS)
    other = make_recipe(folder, tmp_path / "other", stages=stages, attention_rank=2)
    with pytest.raises(InvalidInput, match="to start from"):
        train_language(other, make_base(), prepared, 1, CPU, lambda line: None, start)
