"""Biases of a small model fitted layer by layer: equal to running the network, resumed, written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mm.cli.main import main
from mm.errors import InvalidInput
from mm.models.language.checkpoint.file import load_additions, split_additions
from mm.models.language.checkpoint.shards import read_tensors
from mm.models.language.network_torch import LanguageModel
from mm.training.language import bias_training
from mm.training.language.bias_training import BIAS, USE, FittedLayer, TokenMix, train_biases
from mm.training.language.experts.bias_fit import BiasFitConfig
from mm.training.language.experts.router_fit import RouterFitConfig
from tests.models.language.additions_files import write_random_additions
from tests.models.language.models import DENSE, MOE, random_weights

CPU = torch.device("cpu")
CONFIG = BiasFitConfig(steps=12, first_rate=2e-2, last_rate=1e-3, sweeps=1, num_shifts=3, mean_experts_per_tok=1.5)


def draw_mix(seed: int = 0) -> TokenMix:
    random = np.random.default_rng(seed)
    sequences = [random.standard_normal((length, MOE.hidden_size)).astype(np.float32) for length in (9, 30, 12, 30, 5)]
    is_even = [np.arange(len(sequence)) % 2 == 0 for sequence in sequences]
    return TokenMix(sequences, is_even, [np.append(flags[1:], False) for flags in is_even])


@pytest.fixture
def start(tmp_path: Path) -> Path:
    return split_additions(write_random_additions(tmp_path / "additions.safetensors", rank=4), tmp_path / "start", 15_000)


def train(start: Path, out: Path, mix: TokenMix | None = None, routers: RouterFitConfig | None = None) -> list[FittedLayer]:
    return train_biases(start, random_weights(MOE), MOE, mix or draw_mix(), out, CONFIG, CPU, lambda line: None, routers)


def test_train_biases_reports_the_use_that_the_whole_network_has(start: Path, tmp_path: Path) -> None:
    fitted = train(start, tmp_path / "out")
    assert [entry.layer for entry in fitted] == [layer for layer in range(MOE.num_hidden_layers) if MOE.is_moe_layer(layer)]
    biases = {name: bias for name, bias in load_additions(tmp_path / "out" / start.name).weights.items() if name.endswith(BIAS)}
    model = LanguageModel.from_weights(MOE, {**random_weights(MOE), **biases})
    loads = torch.zeros(MOE.num_moe_layers, MOE.num_experts + MOE.num_null_experts)
    for sequence in draw_mix().sequences:
        with torch.no_grad():
            for layer, routing in enumerate(model(torch.from_numpy(sequence)[None]).routings):
                loads[layer] += torch.bincount(routing.indices_TK.flatten(), minlength=loads.shape[1])
    real = loads[:, : MOE.num_experts]
    cv = real.std(1, correction=0) / real.mean(1)
    np.testing.assert_allclose([entry.after.cv for entry in fitted], cv.numpy(), atol=1e-5)
    assert json.loads((tmp_path / "out" / USE).read_text())[0]["after"]["cv"] == pytest.approx(fitted[0].after.cv)


def test_train_biases_changes_no_other_tensor_and_writes_no_large_file_again(start: Path, tmp_path: Path) -> None:
    train(start, tmp_path / "out")
    index = tmp_path / "out" / start.name
    before, after = read_tensors(start)[0], read_tensors(index)[0]
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert changed
    assert all(name.endswith(BIAS) for name in changed)
    for shard in start.parent.glob("additions-0*.safetensors"):
        assert (index.parent / shard.name).read_bytes() == shard.read_bytes()
    assert (index.parent / "additions-routing.safetensors").stat().st_size < 10_000
    trained = load_additions(index).metadata.training
    assert trained["steps"] == 3
    assert trained["balance"]["config"]["steps"] == CONFIG.steps  # type: ignore[index]


def test_train_biases_with_steps_of_the_routers_changes_these_too_and_makes_the_use_more_even(
    start: Path, tmp_path: Path
) -> None:
    biases_alone = train(start, tmp_path / "biases")
    routers = RouterFitConfig(steps=40, batch_tokens=86, rate=1e-2, bias_rate=1e-2, width=0.1, mean_experts_per_tok=1.5)
    fitted = train(start, tmp_path / "out", routers=routers)
    assert np.mean([entry.after.cv for entry in fitted]) < np.mean([entry.after.cv for entry in biases_alone])
    before, after = read_tensors(start)[0], read_tensors(tmp_path / "out" / start.name)[0]
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if name.endswith((BIAS, "mlp.gate.weight"))}
    assert (tmp_path / "out" / "additions-routing.safetensors").stat().st_size < 10_000


def test_train_biases_interrupted_after_a_layer_gives_the_same_result(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(start, tmp_path / "whole")
    run_layer, first = bias_training._run_layer, MOE.first_k_dense_replace

    def run_or_stop(layer: object, number: int, *rest: object) -> object:
        if number == first + 1:
            raise KeyboardInterrupt
        return run_layer(layer, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(bias_training, "_run_layer", run_or_stop)
    with pytest.raises(KeyboardInterrupt):
        train(start, tmp_path / "out")
    monkeypatch.undo()
    with pytest.raises(InvalidInput, match="another run"):
        train(start, tmp_path / "out", draw_mix(1))
    assert train(start, tmp_path / "out") == expected
    assert load_additions(tmp_path / "out" / start.name).metadata == load_additions(tmp_path / "whole" / start.name).metadata
    assert not list((tmp_path / "out").glob("*.pt"))


def test_train_biases_of_one_file_writes_one_file(tmp_path: Path) -> None:
    single = write_random_additions(tmp_path / "additions.safetensors")
    train(single, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["additions.safetensors", USE]
    assert load_additions(tmp_path / "out" / single.name).metadata.sha256 != load_additions(single).metadata.sha256


def test_train_biases_into_the_folder_of_the_weights_or_without_experts_is_refused(start: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="another one"):
        train(start, start.parent)
    with pytest.raises(InvalidInput, match="no routed experts"):
        train_biases(start, random_weights(DENSE), DENSE, draw_mix(), tmp_path / "out", CONFIG, CPU, lambda line: None)


def test_stage_balance_without_weights_to_start_from_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    arguments = ["train", "language", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--stage", "balance"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "needs --start" in result.output
    assert "cannot be combined" in CliRunner().invoke(main, [*arguments, "--prepare"]).output
    (tmp_path / "out").mkdir()
    start = tmp_path / "out" / "additions.safetensors"
    start.touch()
    assert "another folder" in CliRunner().invoke(main, [*arguments, "--start", str(start)]).output
