"""Groups of experts: the bias of a preference, and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import Corrupt, InvalidInput
from mm.models.language.expert_bias import check_expert_bias
from mm.models.language.expert_preference import STRENGTH, ExpertGroups, read_groups, write_groups
from tests.models.language.models import DENSE, MOE


def draw_groups(seed: int = 0) -> ExpertGroups:
    random = np.random.default_rng(seed)
    shares = {
        name: random.dirichlet(np.full(MOE.num_experts, 0.5), MOE.num_moe_layers) for name in ("count", "caption", "answer")
    }
    return ExpertGroups("digest", {name: share.astype(np.float32) for name, share in shares.items()})


def test_bias_of_a_group_prefers_the_experts_that_its_task_uses_more() -> None:
    groups = draw_groups()
    bias = groups.make_bias(MOE, ["count"])
    check_expert_bias(MOE, bias)
    excess = groups.shares_ME["count"] - np.mean(list(groups.shares_ME.values()), axis=0)
    clear = np.abs(excess) > 0.02
    assert (np.sign(bias[:, : MOE.num_experts])[clear] == np.sign(excess)[clear]).all()
    assert np.abs(bias).max() <= STRENGTH
    assert not bias[:, MOE.num_experts :].any()


def test_bias_of_a_name_with_a_minus_is_the_opposite() -> None:
    groups = draw_groups()
    np.testing.assert_array_equal(groups.make_bias(MOE, ["-count"]), -groups.make_bias(MOE, ["count"]))
    assert not groups.make_bias(MOE, []).any()
    assert not groups.make_bias(MOE, ["count", "-count"]).any()


def test_bias_of_several_groups_stays_bounded() -> None:
    bias = draw_groups().make_bias(MOE, ["count", "caption", "answer", "count", "count"])
    assert np.abs(bias).max() <= STRENGTH


def test_bias_of_an_unknown_group_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"no expert group 'cooking'\. Groups are: answer, caption, count"):
        draw_groups().make_bias(MOE, ["-cooking"])


def test_bias_for_a_model_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidInput, match="another shape"):
        draw_groups().make_bias(DENSE, ["count"])


def test_groups_that_are_written_are_read_again(tmp_path: Path) -> None:
    write_groups(tmp_path / "groups.json", draw_groups())
    groups = read_groups(tmp_path / "groups.json", "digest")
    assert groups.names == ("answer", "caption", "count")
    for name, shares in draw_groups().shares_ME.items():
        np.testing.assert_allclose(groups.shares_ME[name], shares, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"additions_sha256": "digest", "shares": {}}', b'{"shares": [1]}', b"\xff"])
def test_read_groups_of_another_file_is_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "groups.json").write_bytes(content)
    with pytest.raises(Corrupt):
        read_groups(tmp_path / "groups.json", "digest")


def test_read_groups_of_other_weights_is_corrupt(tmp_path: Path) -> None:
    write_groups(tmp_path / "groups.json", draw_groups())
    with pytest.raises(Corrupt, match="of other trained weights"):
        read_groups(tmp_path / "groups.json", "another digest")


def test_read_groups_of_different_shapes_is_corrupt(tmp_path: Path) -> None:
    groups = draw_groups()
    write_groups(tmp_path / "groups.json", ExpertGroups("digest", {**groups.shares_ME, "count": groups.shares_ME["count"][:1]}))
    with pytest.raises(Corrupt, match="same experts"):
        read_groups(tmp_path / "groups.json", "digest")
