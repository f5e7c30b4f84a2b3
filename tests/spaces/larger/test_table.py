"""The table of larger spaces: its rows are models of open_clip, and what they need of a machine."""

from __future__ import annotations

import open_clip
import pytest

from mm.errors import NotFound
from mm.machine import Gpu, Machine
from mm.spaces.larger.table import get_larger_space, read_larger_spaces, read_sources, recommend

SMALL, LARGE, GPU = Machine(2.0, ()), Machine(64.0, ()), Machine(64.0, (Gpu("a", 8.0),))


def test_every_row_is_a_model_of_open_clip_with_its_repository_and_tokenizer() -> None:
    for space in read_larger_spaces():
        model, _, tag = space.name.removeprefix("openclip:").partition("/")
        assert open_clip.get_pretrained_cfg(model, tag)["hf_hub"].strip("/") == space.repository
        config = open_clip.get_model_config(model)
        assert config is not None
        assert config["text_cfg"].get("hf_tokenizer_name") == space.tokenizer
        assert config["embed_dim"] == space.dim
        assert all(0 < recall < 100 for recall in (*space.flickr30k, *space.coco))


def test_sources_name_file_commit_and_date() -> None:
    sources = read_sources()
    assert "commit" in sources.recall
    assert "commit" in sources.profile
    assert sources.read.year >= 2026


def test_unknown_space_is_refused_with_the_known_names() -> None:
    with pytest.raises(NotFound, match=r"openclip:ViT-B-32/laion2b_s34b_b79k.*MM_DOWNLOAD_MODELS"):
        get_larger_space("openclip:nothing/here")


def test_machine_with_too_little_memory_is_a_misfit() -> None:
    space = read_larger_spaces()[0]
    assert "GiB of memory" in str(space.describe_misfit(SMALL, 1))
    assert space.describe_misfit(LARGE, 1) is None
    assert space.needed_memory(3, has_gpu=False) == 2 * space.needed_memory(1, has_gpu=False)


def test_gpu_holds_the_model_instead_of_the_memory_of_the_workers() -> None:
    spaces = read_larger_spaces()
    assert spaces[0].needed_memory(4, has_gpu=True) == spaces[0].needed_memory(0, has_gpu=False)
    assert spaces[0].describe_misfit(GPU, 1) is None
    assert "GPU memory" in str(spaces[-1].describe_misfit(GPU, 4))


def test_recommended_space_has_the_best_recall_of_those_that_are_fast_enough() -> None:
    spaces = read_larger_spaces()
    seconds = {space.name: space.image_gflops / 100 for space in spaces}
    best = recommend(spaces, LARGE, 1, seconds)
    assert best is not None
    fast = [space for space in spaces if seconds[space.name] <= 2]
    assert 0 < len(fast) < len(spaces)
    assert best.coco[0] == max(space.coco[0] for space in fast)
    assert recommend(spaces, SMALL, 1, seconds) is None
