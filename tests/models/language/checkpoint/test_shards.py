"""Additions in several files: equal to one file, and what is missing or damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from mm.cli.main import main
from mm.errors import Corrupt, InvalidInput
from mm.models.language.checkpoint.file import load_additions, read_metadata, split_additions
from mm.models.language.checkpoint.shards import read_tensors, write_shards
from tests.models.language.additions_files import write_random_additions

MAX_BYTES = 15_000


@pytest.fixture
def single(tmp_path: Path) -> Path:
    return write_random_additions(tmp_path / "additions.safetensors", rank=4)


@pytest.fixture
def index(single: Path, tmp_path: Path) -> Path:
    return split_additions(single, tmp_path / "shards", MAX_BYTES)


def list_shards(index: Path) -> list[Path]:
    return sorted(index.parent.glob("*.safetensors"))


def test_split_additions_equal_the_single_file(single: Path, index: Path) -> None:
    one, several = load_additions(single), load_additions(index)
    assert read_metadata(index) == read_metadata(single) == several.metadata == one.metadata
    assert several.config == one.config
    for name, weight in one.weights.items():
        np.testing.assert_array_equal(several.weights[name], weight)
    for name, matrix in one.experts.items():
        np.testing.assert_array_equal(several.experts[name].dequantize(), matrix.dequantize())
    assert several.updates.keys() == one.updates.keys()


def test_split_additions_are_named_and_limited_as_shards_of_transformers(single: Path, index: Path) -> None:
    shards = list_shards(index)
    count = len(shards)
    assert count > 2
    assert [path.name for path in shards] == [
        f"additions-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)
    ]
    assert index.name == "additions.safetensors.index.json"
    contents = {path.name: load_file(path) for path in shards}
    assert all(sum(tensor.nbytes for tensor in tensors.values()) <= MAX_BYTES for tensors in contents.values())
    stored = json.loads(index.read_text())
    assert stored["weight_map"] == {name: shard for shard, tensors in contents.items() for name in tensors}
    whole = load_file(single)
    assert stored["weight_map"].keys() == whole.keys()
    assert stored["metadata"]["total_size"] == sum(tensor.nbytes for tensor in whole.values())


def test_split_additions_again_writes_the_same_bytes_and_removes_other_shards(single: Path, index: Path) -> None:
    before = {path.name: path.read_bytes() for path in index.parent.iterdir()}
    split_additions(single, index.parent, 2 * MAX_BYTES)
    assert len(list_shards(index)) < len(before) - 1
    load_additions(index)
    split_additions(single, index.parent, MAX_BYTES)
    assert {path.name: path.read_bytes() for path in index.parent.iterdir()} == before


def remove(shard: Path) -> None:
    shard.unlink()


def truncate(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-1])


def remove_tensor(shard: Path) -> None:
    tensors = load_file(shard)
    tensors.pop(min(tensors))
    save_file(tensors, shard)


@pytest.mark.parametrize("damage", [remove, truncate, remove_tensor])
def test_missing_truncated_and_incomplete_shards_are_corrupt_and_named(index: Path, damage: Callable[[Path], None]) -> None:
    shard = list_shards(index)[1]
    damage(shard)
    for read in (load_additions, read_metadata):
        with pytest.raises(Corrupt, match=f"cannot be read from .*{shard.name}: .*\\.$"):
            read(index)


def test_shards_of_other_weights_are_damaged(index: Path, tmp_path: Path) -> None:
    other = split_additions(
        write_random_additions(tmp_path / "other" / "additions.safetensors", seed=1, rank=4), tmp_path / "other", MAX_BYTES
    )
    assert read_metadata(other).sha256 != read_metadata(index).sha256
    shard = list_shards(index)[-1]
    shard.write_bytes((other.parent / shard.name).read_bytes())
    with pytest.raises(Corrupt, match=r"index\.json is damaged"):
        load_additions(index)


def test_shard_without_its_index_is_corrupt_and_the_index_is_named(index: Path) -> None:
    with pytest.raises(Corrupt, match=r"name the file that ends in \.safetensors\.index\.json"):
        load_additions(list_shards(index)[0])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"metadata": {}, "weight_map": {}}',
        '{"metadata": {}, "weight_map": {"a": 1}}',
        '{"metadata": {}, "weight_map": {"a": "../other.safetensors"}}',
    ],
)
def test_invalid_index_is_corrupt(index: Path, content: str) -> None:
    index.write_text(content)
    for read in (load_additions, read_metadata):
        with pytest.raises(Corrupt, match=r"cannot be read from .*index\.json"):
            read(index)


def test_tensor_larger_than_a_shard_is_refused_and_nothing_written(single: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="larger than a file may be, 100 bytes"):
        write_shards(tmp_path / "small" / "additions.safetensors.index.json", *read_tensors(single), 100)
    assert not (tmp_path / "small").exists()


def test_train_language_refuses_shards_of_runs_without_trained_weights(tmp_path: Path) -> None:
    common = ["train", "language", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--max-shard-mb", "16"]
    for option in (["--prepare"], ["--variant", "lora"]):
        result = CliRunner().invoke(main, [*common, *option])
        assert result.exit_code == 2
        assert "--max-shard-mb cannot be combined" in result.output
