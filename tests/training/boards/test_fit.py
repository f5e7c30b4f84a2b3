"""The fit of the verifier of boards, on a rendered data set of two layouts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.data.inspection.deep_pcb import KINDS
from mm.errors import InvalidInput
from mm.inspection.template.verifier import FEATURES
from mm.training.boards.fit import train_boards
from tests.inspection.template.boards import CENTRES, DEFECTS, move, render_board


def write_boards(root: Path, layouts: tuple[str, ...]) -> None:
    """One board of each kind of defect for each layout; a thicker edge is no defect."""
    items: dict[str, object] = {}
    for layout in layouts:
        flip = slice(None, None, -1 if layout == "b" else 1)
        Image.fromarray(render_board()[flip]).save(root / f"{layout}_temp.png")
        for number, kind in enumerate(KINDS, 1):
            name = f"{layout}{number}_test.png"
            image = move(render_board(number, DEFECTS[kind]), 0.0, (1.0, 1.0)).copy()
            image[60:63, 150:190] = 30  # a thicker edge, which no annotation marks
            Image.fromarray(image[flip]).save(root / name)
            x, y = CENTRES[kind][0] + 1, CENTRES[kind][1] + 1
            y = y if layout == "a" else 255 - y
            (root / f"{layout}{number}.txt").write_text(f"{x - 14} {y - 14} {x + 14} {y + 14} {number}\n")
            items[name] = {
                "group": name,
                "board": layout,
                "template": f"{layout}_temp.png",
                "annotation": f"{layout}{number}.txt",
            }
    (root / "split.json").write_text(json.dumps({"protocols": {"board": {"train": list(items)}}, "items": items}))


def test_train_boards_writes_coefficients_with_a_card(tmp_path: Path) -> None:
    write_boards(tmp_path, ("a", "b"))
    lines: list[str] = []
    stored = train_boards(tmp_path, tmp_path / "verifier.json", lines.append)
    assert json.loads((tmp_path / "verifier.json").read_text()) == stored
    assert tuple(stored["features"]) == FEATURES  # type: ignore[arg-type]
    assert len(stored["coefficients"]) == len(FEATURES)  # type: ignore[arg-type]
    assert np.isfinite(stored["coefficients"]).all()  # type: ignore[call-overload]
    card = stored["card"]
    assert isinstance(card, dict)
    assert (card["layouts"], card["defects"]) == (["a", "b"], 12)
    assert card["f1_each_layout_left_out"] >= 0.8


def test_train_boards_of_one_layout_raises_invalid_input(tmp_path: Path) -> None:
    write_boards(tmp_path, ("a",))
    with pytest.raises(InvalidInput, match="at least two layouts"):
        train_boards(tmp_path, tmp_path / "verifier.json")
