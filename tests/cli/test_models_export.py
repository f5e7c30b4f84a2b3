"""`mm models export`: the files of the built-in model, and options that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors import safe_open

from mm.cli.main import main
from mm.files import hash_file
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.media_prefix.config import MediaPrefixConfig
from mm.models.language.smollm2 import find_smollm2
from tests.models.language.additions_files import SMOLLM2_MOE, write_random_additions


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


def test_models_export_writes_the_trained_model_for_transformers(run: CliRunner, tmp_path: Path) -> None:
    additions = write_random_additions(
        tmp_path / "additions.safetensors", SMOLLM2_MOE, MediaPrefixConfig(), base_sha256=hash_file(find_smollm2())
    )
    out = tmp_path / "out"
    options = ["--precision", "float16", "--additions", str(additions)]
    done = run.invoke(main, ["models", "export", "language", str(out), *options])
    assert done.output == f"{out}: the language model with 128 experts, safetensors, float16.\n"
    assert json.loads((out / "config.json").read_text())["architectures"] == ["Glm4MoeForCausalLM"]
    with safe_open(out / "model.safetensors", "numpy") as file:
        names = set(file.keys())
        assert file.get_tensor("model.layers.29.mlp.experts.127.down_proj.weight").any()
        assert not file.get_tensor("model.layers.29.mlp.experts.129.down_proj.weight").any()
    assert not any(name.startswith("model.layers.27.mlp.experts.") for name in names)
    again = run.invoke(main, ["models", "export", "language", str(out), *options])
    assert again.exit_code == 1
    assert "is not empty" in again.output


def test_models_export_writes_the_base_model_as_gguf(run: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "model.gguf"
    done = run.invoke(main, ["models", "export", "language", str(out), "--format", "gguf", "--precision", "q4_1", "--base-only"])
    assert done.output == f"{out}: the language model without experts, gguf, q4_1.\n"
    ours, packaged = read_gguf(out), read_gguf(find_smollm2())
    assert ours.tensors.keys() == packaged.tensors.keys()
    np.testing.assert_array_equal(ours.read_tensor("token_embd.weight"), packaged.read_tensor("token_embd.weight"))
    stored, expected = (file.read_tensor("blk.7.attn_q.weight") for file in (ours, packaged))
    assert np.linalg.norm(stored - expected) < 0.02 * np.linalg.norm(expected)


def test_models_export_with_options_that_do_not_fit_is_refused(run: CliRunner, tmp_path: Path) -> None:
    out, foreign = str(tmp_path / "out"), write_random_additions(tmp_path / "additions.safetensors")
    for options, message in [
        (["--precision", "q8_0"], "precision of safetensors must be one of float32, float16, not 'q8_0'"),
        (["--format", "gguf", "--precision", "int4"], "precision of gguf must be one of f16, q8_0, q4_1"),
        (["--additions", str(foreign)], "belong to a base model with the SHA-256 000000000000"),
    ]:
        done = run.invoke(main, ["models", "export", "language", out, *options])
        assert done.exit_code == 1
        assert message in done.output
    assert not Path(out).exists()


def test_models_lists_its_commands_in_the_help(run: CliRunner) -> None:
    output = run.invoke(main, ["models", "--help"]).output
    assert "show" in output
    assert "export" in output
    assert "Print JSON" in run.invoke(main, ["models", "lite", "--help"]).output
