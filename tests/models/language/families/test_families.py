"""The network of other families: equal to transformers, for small checkpoints made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mm.errors import Corrupt, UnsupportedMedia
from mm.generation import Engine, EngineConfig, Request, SamplingParams, Vocabulary
from mm.generation.runners.family_runner import FamilyRunner
from mm.models.language.families.config import ARCHITECTURES, read_family_config
from mm.models.language.families.network import FamilyNetwork
from mm.models.language.families.weights import MoEWeights, load_weights
from tests.generation.requests import generate, joined
from tests.models.language.families.checkpoints import CASES, make_model, save_model

CPU = torch.device("cpu")
ENGINE = EngineConfig(num_blocks=40, block_size=4, max_model_len=64, max_num_seqs=4, max_num_batched_tokens=7)


def load(folder: Path) -> FamilyNetwork:
    config = read_family_config(folder)
    return FamilyNetwork(config, load_weights(folder, config, CPU, torch.float32))


def test_every_supported_architecture_has_a_case() -> None:
    assert {f"{family}ForCausalLM" for family, _ in CASES.values()} == set(ARCHITECTURES)


@pytest.mark.parametrize("case", CASES)
def test_family_generates_what_transformers_does(case: str, tmp_path: Path) -> None:
    model = make_model(*CASES[case], seed=int(np.random.default_rng().integers(1000)))
    assert_equal_to_transformers(load(save_model(model, tmp_path)), model)


@torch.inference_mode()
def assert_equal_to_transformers(network: FamilyNetwork, model: Any) -> None:
    """The engine over the paged runner, in chunks and batches, against whole sequences."""
    random = np.random.default_rng()
    vocabulary = Vocabulary(tuple(bytes([i % 256]) for i in range(300)), (1,))
    engine = Engine(FamilyRunner(network, ENGINE.num_blocks, ENGINE.block_size), vocabulary, ENGINE)
    params = SamplingParams(max_tokens=3, temperature=0.0, ignore_eos=True, logprobs=20)
    requests = [Request(str(i), tuple(random.integers(2, 300, 5 + 4 * i).tolist()), params) for i in range(4)]
    outputs = generate(engine, requests)
    for request in requests:
        tokens, _, _ = joined(outputs[request.request_id])
        whole = torch.tensor([[*request.prompt_token_ids, *tokens]])
        expected = model(whole).logits[0, len(request.prompt_token_ids) - 1 : -1].log_softmax(-1).numpy()
        for output, row in zip(outputs[request.request_id], expected, strict=True):
            (logprobs,) = output.logprobs
            ids = [token_id for token_id, _ in logprobs.top]
            np.testing.assert_allclose([logprob for _, logprob in logprobs.top], row[ids], atol=1e-4)
            assert row[logprobs.token_id] > row.max() - 1e-4


def test_shards_and_fused_experts_are_read(tmp_path: Path) -> None:
    model = make_model(*CASES["qwen3 moe"])
    whole = load(save_model(model, tmp_path / "whole"))
    sharded = load(save_model(model, tmp_path / "sharded", max_shard_size="20KB"))
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    fused = save_model(model, tmp_path / "fused")
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, fused / "model.safetensors")
    for other in (sharded, load(fused)):
        for first, second in zip(list_matrices(whole), list_matrices(other), strict=True):
            torch.testing.assert_close(first, second)


def list_matrices(network: FamilyNetwork) -> list[torch.Tensor]:
    """The gate and up matrices of all layers."""
    mlps = [layer.mlp for layer in network._weights.layers]
    return [mlp.gate_up_EIW if isinstance(mlp, MoEWeights) else mlp.gate_up.weight for mlp in mlps]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"architectures": ["GemmaForCausalLM"]}, UnsupportedMedia, "GemmaForCausalLM; supported are LlamaForCausalLM"),
        ({"architectures": None}, UnsupportedMedia, "unknown"),
        ({"hidden_act": "gelu"}, UnsupportedMedia, "gelu"),
        ({"rope_parameters": {"rope_type": "yarn"}}, UnsupportedMedia, "yarn"),
        ({"hidden_size": "32"}, Corrupt, "hidden_size"),
        ({"num_key_value_heads": 3}, Corrupt, "do not form"),
        ({"num_hidden_layers": 4}, Corrupt, "no tensor model.layers.3"),
        ({"vocab_size": 301}, Corrupt, "shape"),
    ],
)
def test_bad_configuration_is_named(tmp_path: Path, changes: dict[str, object], error: type[Exception], message: str) -> None:
    folder = save_model(make_model(*CASES["llama"]), tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(error, match=message):
        load(folder)


@pytest.mark.parametrize(
    "changes", [{"num_experts_per_tok": 7}, {"num_experts_per_tok": 0}, {"n_group": 5}, {"n_group": 3, "topk_group": 4}]
)
def test_router_that_cannot_select_its_experts_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    folder = save_model(make_model(*CASES["qwen3 moe"]), tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(Corrupt, match="experts"):
        load(folder)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("llama", "model.layers.1.mlp.up_proj.weight"),
        ("llama", "model.layers.1.mlp.down_proj.weight"),
        ("llama with biases and llama3 scaling", "model.layers.1.mlp.down_proj.bias"),
        ("llama with biases and llama3 scaling", "model.layers.1.self_attn.q_proj.bias"),
        ("qwen2", "lm_head.weight"),
        ("qwen3 moe", "model.layers.1.mlp.gate.weight"),
        ("qwen3 moe", "model.layers.1.mlp.experts.2.down_proj.weight"),
        ("qwen2 moe", "model.layers.1.mlp.shared_expert_gate.weight"),
        ("glm4 moe", "model.layers.1.mlp.gate.e_score_correction_bias"),
        ("glm4 moe", "model.layers.1.mlp.shared_experts.gate_proj.weight"),
        ("granite moe", "model.layers.1.block_sparse_moe.output_linear.weight"),
    ],
)
def test_tensor_of_another_shape_is_named(tmp_path: Path, case: str, name: str) -> None:
    folder = save_model(make_model(*CASES[case]), tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = tensors[name][..., :-1].contiguous()
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(Corrupt, match="has the shape"):
        load(folder)


def test_missing_and_foreign_tensors_are_named(tmp_path: Path) -> None:
    folder = save_model(make_model(*CASES["llama"]), tmp_path)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "model.visual.weight": torch.zeros(1)}, path)
    with pytest.raises(Corrupt, match=r"model\.visual\.weight"):
        load(folder)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Corrupt, match="cannot be read"):
        load(folder)
    path.unlink()
    with pytest.raises(Corrupt, match=r"neither model\.safetensors"):
        load(folder)
