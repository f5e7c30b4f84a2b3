"""The exported GGUF file: read back, it has the weights and the logits of the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt, InvalidInput
from mm.models.language.config import LanguageConfig
from mm.models.language.export.gguf_file import write_gguf_model
from mm.models.language.gguf.blocks import BLOCK_TYPES
from mm.models.language.gguf.reader import GGUFFile, read_gguf
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward
from mm.models.language.smollm2 import read_config, read_weights
from mm.models.language.tokenizer import read_vocabulary
from tests.models.language.export.small_models import make_small_model
from tests.models.language.models import DENSE, MOE
from tests.models.language.test_tokenizer import VOCABULARY

LARGE = replace(MOE, hidden_size=64, intermediate_size=64, moe_intermediate_size=32)
"""A model all of whose rows are whole blocks."""
NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "mlp.gate.weight": "ffn_gate_inp.weight",
    "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight",
    "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
    "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
}


def read_glm4moe(file: GGUFFile, config: LanguageConfig, names: list[str]) -> dict[str, np.ndarray]:
    """The weights of a file by their names here, with null experts among the real ones."""
    weights = {}
    for name in names:
        if not name.startswith("model.layers."):
            weights[name] = file.read_tensor({"model.norm.weight": "output_norm.weight"}.get(name, "token_embd.weight"))
            continue
        layer, part = name.removeprefix("model.layers.").split(".", 1)
        if part == "mlp.experts.gate_up_proj":
            gate, up = (file.read_tensor(f"blk.{layer}.ffn_{half}_exps.weight") for half in ("gate", "up"))
            weights[name] = np.concatenate([gate, up], axis=1)
        elif part == "mlp.experts.down_proj":
            weights[name] = file.read_tensor(f"blk.{layer}.ffn_down_exps.weight")
        else:
            weights[name] = file.read_tensor(f"blk.{layer}.{NAMES[part]}")
    return weights


def logits_of(config: LanguageConfig, weights: dict[str, np.ndarray]) -> np.ndarray:
    ids = np.random.default_rng(1).integers(0, config.vocab_size, 40).tolist()
    hidden = forward(config, weights, embed_tokens(config, weights, ids), KVCache.allocate(config, 40)).hidden_LW
    return compute_logits(weights, hidden)


@pytest.mark.parametrize(("precision", "block_type"), [("f16", 1), ("q8_0", 8), ("q4_1", 3)])
def test_exported_moe_read_back_has_the_logits_of_the_rounded_model(tmp_path: Path, precision: str, block_type: int) -> None:
    model = make_small_model(tmp_path, LARGE)
    path = tmp_path / "out.gguf"
    write_gguf_model(path, model, precision)
    file = read_gguf(path)
    with_nulls = replace(model.config, num_experts=model.config.num_routed, num_null_experts=0)
    read = read_glm4moe(file, with_nulls, list(model.weights))
    kind, rounded = BLOCK_TYPES[block_type], dict(model.weights)
    for name, value in model.weights.items():
        stored_in = BLOCK_TYPES[8] if name == "model.embed_tokens.weight" and precision == "q4_1" else kind
        if value.ndim > 1 and not name.endswith("mlp.gate.weight"):
            blocks = stored_in.quantize(np.ascontiguousarray(value).reshape(-1, stored_in.num_values))
            rounded[name] = stored_in.dequantize(blocks).reshape(value.shape)
        np.testing.assert_array_equal(read[name][: len(value)], rounded[name], err_msg=name)
        assert not read[name][len(value) :].any(), "null experts are zeros"
    np.testing.assert_allclose(logits_of(with_nulls, read), logits_of(model.config, rounded), atol=1e-4)


def test_exported_moe_describes_itself_to_llama_cpp(tmp_path: Path) -> None:
    model = make_small_model(tmp_path, MOE)
    write_gguf_model(tmp_path / "out.gguf", model, "q8_0")
    file = read_gguf(tmp_path / "out.gguf")
    assert file.get_str("general.architecture") == "glm4moe"
    assert (file.get_int("glm4moe.expert_count"), file.get_int("glm4moe.expert_used_count")) == (13, 3)
    assert (file.get_int("glm4moe.expert_shared_count"), file.get_int("glm4moe.leading_dense_block_count")) == (4, 1)
    assert file.get_int("glm4moe.expert_gating_func") == 2
    assert file.metadata["glm4moe.expert_weights_norm"] is True
    assert read_vocabulary(file) == VOCABULARY
    assert file.get_str("tokenizer.chat_template") == model.base.get_str("tokenizer.chat_template")
    types = {name: info.block_type.name for name, info in file.tensors.items()}
    assert types["blk.1.ffn_down_exps.weight"] == "F16"  # rows of 8 are no whole blocks
    assert (types["blk.1.ffn_gate_exps.weight"], types["blk.1.ffn_gate_inp.weight"]) == ("Q8_0", "F32")


def test_exported_dense_model_is_read_as_the_file_of_the_package_is(tmp_path: Path) -> None:
    model = make_small_model(tmp_path, DENSE)
    write_gguf_model(tmp_path / "out.gguf", model, "f16")
    file = read_gguf(tmp_path / "out.gguf")
    config = read_config(file)
    assert config.to_metadata() == {**model.config.to_metadata(), "rms_norm_eps": config.rms_norm_eps}
    read = read_weights(file, config)
    for name, value in model.weights.items():
        expected = value if value.ndim == 1 else value.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(read[name], expected, err_msg=name)


def test_export_of_other_weights_or_a_width_that_is_no_multiple_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="missing"):
        write_gguf_model(tmp_path / "out.gguf", replace(make_small_model(tmp_path, MOE), weights={}), "f16")
    uneven = make_small_model(tmp_path, replace(MOE, moe_intermediate_size=24))
    with pytest.raises(InvalidInput, match="multiple of that of the routed experts, 24"):
        write_gguf_model(tmp_path / "out.gguf", uneven, "f16")
    assert not (tmp_path / "out.gguf").exists()
