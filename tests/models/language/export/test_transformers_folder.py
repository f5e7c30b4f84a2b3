"""The exported folder: transformers loads it, with equal logits and an equal tokenizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from mm.errors import Corrupt, InvalidInput
from mm.models.language.chat_template import Message, encode_chat
from mm.models.language.config import LanguageConfig
from mm.models.language.export.transformers_folder import write_transformers_folder
from mm.models.language.network_torch import LanguageModel
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward
from tests.models.language.export.small_models import make_small_model
from tests.models.language.models import DENSE, MOE
from tests.models.language.test_tokenizer import CONVERSATIONS, TOKENIZER


@pytest.mark.parametrize(("config", "name"), [(DENSE, "LlamaForCausalLM"), (MOE, "Glm4MoeForCausalLM")], ids=["dense", "moe"])
def test_exported_model_in_transformers_has_the_logits_of_numpy_and_torch(
    tmp_path: Path, config: LanguageConfig, name: str
) -> None:
    model = make_small_model(tmp_path, config)
    write_transformers_folder(tmp_path / "out", model)
    exported, loading = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert type(exported).__name__ == name
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, 50).tolist()
    with torch.inference_mode():
        logits = exported(torch.tensor([ids])).logits[0].numpy()
        network = LanguageModel.from_weights(model.config, model.weights)
        torch_logits = network.compute_logits(network(network.embed_tokens(torch.tensor([ids]))).hidden_BLW)[0].numpy()
    output = forward(
        model.config, model.weights, embed_tokens(model.config, model.weights, ids), KVCache.allocate(model.config, 50)
    )
    assert logits.std() > 0.5
    np.testing.assert_allclose(logits, compute_logits(model.weights, output.hidden_LW), atol=1e-4)
    np.testing.assert_allclose(logits, torch_logits, atol=1e-4)
    if config == MOE:
        selects_null = [routing.indices_TK >= config.num_experts for routing in output.routings]
        assert all(is_null.any() for is_null in selects_null), "null experts are part of the comparison"


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_exported_tokenizer_in_transformers_gives_the_same_prompts_and_texts(tmp_path: Path, messages: list[Message]) -> None:
    write_transformers_folder(tmp_path / "out", make_small_model(tmp_path, DENSE))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    turns = [{"role": message.role, "content": message.content} for message in messages]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    assert [prompt] == encode_chat(TOKENIZER, messages)
    assert tokenizer.decode(TOKENIZER.encode("a naïve café 猫")) == "a naïve café 猫"
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (1, 2)


def test_exported_model_in_half_precision_is_close_and_half_as_large(tmp_path: Path) -> None:
    model = make_small_model(tmp_path, MOE)
    write_transformers_folder(tmp_path / "exact", model)
    write_transformers_folder(tmp_path / "half", model, "float16")
    half = AutoModelForCausalLM.from_pretrained(tmp_path / "half")
    assert half.model.embed_tokens.weight.dtype == torch.float16
    np.testing.assert_allclose(half.model.embed_tokens.weight.detach(), model.weights["model.embed_tokens.weight"], atol=2e-3)
    sizes = [(tmp_path / folder / "model.safetensors").stat().st_size for folder in ("exact", "half")]
    assert sizes[1] < 0.65 * sizes[0]


def test_export_refuses_a_full_folder_other_weights_and_a_width_that_is_no_multiple(tmp_path: Path) -> None:
    model = make_small_model(tmp_path, MOE)
    with pytest.raises(InvalidInput, match="not empty"):
        write_transformers_folder(tmp_path, model)
    with pytest.raises(Corrupt, match="missing"):
        write_transformers_folder(tmp_path / "out", replace(model, weights={}))
    uneven = make_small_model(tmp_path, replace(MOE, moe_intermediate_size=24))
    with pytest.raises(InvalidInput, match="multiple of that of the routed experts, 24"):
        write_transformers_folder(tmp_path / "out", uneven)
    assert not (tmp_path / "out").exists()
