"""Runs of the rendered photos with chosen ranks, as a task would keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.evaluation.runs.statistics import measure
from mm.schemas import ItemRecord, Outcome, Run, RunMeasure, Signature

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RANK = "text to image, rank"
NUM_PHOTOS = 5
"""Photos that the items show in turn; the last one is no image."""


def make_run(name: str, root: Path, day: int, ranks: Sequence[int]) -> Run:
    """A run of one November day; the loss of its items never changes, and its last measure is of
    all items at once."""
    items = [
        ItemRecord(
            id=f"{index}", group=f"{index}", values={RANK: float(rank), "loss": 0.5 + index % 2},
            path=f"images/{index % NUM_PHOTOS}.png", question=f"Wall {index} .", answer="A wall",
            answer_path=f"images/{(index + 1) % 3}.png",
        )
        for index, rank in enumerate(ranks)
    ]  # fmt: skip
    measures = [
        measure("text to image, R@1", "recall@1", RANK, items),
        measure("loss", "mean", "loss", items, is_share=False, is_higher_better=False),
        RunMeasure(name="corpus score", value=0.25, low=0.2, high=0.3, statistic="corpus"),
    ]
    signature = Signature(
        set_name="flickr8k", set_version=1, split="dev", task="retrieval", method=f"lite, {name}", code="0.1.0",
        weights={"image": "00ff"}, num_items=len(items), num_missing=1, is_simulated=True,
    )  # fmt: skip
    return Run(
        id=name, started=f"2025-11-{day:02}T10:15:00+00:00", seconds=3.2, command="test", root=str(root), signature=signature,
        outcome=Outcome(title="Rendered photos", measures=measures, items=items, notes=["Rendered."]), missing=["5.png"],
    )  # fmt: skip
