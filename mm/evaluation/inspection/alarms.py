"""False alarms on good parts of groups that an inspector has not seen, over repeated splits.

Each split fits on good images of some groups and inspects one image of each of other groups. Only
good images are used. Names of arrays end in their axes: S splits, N images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.jobs import divide, run_jobs
from mm.evaluation.inspection.runs import Fit, Progress
from mm.inspection.features.backbone import Backbone
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.numerics import Float32

MAX_TESTED = 60
"""Unseen groups that are inspected in a split."""
MAX_CACHED = 2_000_000_000
"""Bytes of vectors that `CachedBackbone` holds."""


class CachedBackbone:
    """A `Backbone` that computes the vectors of the same pixels once; they are held as float16."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self._vectors: dict[bytes, np.ndarray[tuple[int, ...], np.dtype[np.float16]]] = {}
        self._bytes = 0

    @property
    def name(self) -> str:
        return self._backbone.name

    @property
    def digest(self) -> str:
        return self._backbone.digest

    def extract(self, pixels_NHWC: RGB) -> Float32:
        key = hashlib.blake2b(pixels_NHWC.tobytes() + repr(pixels_NHWC.shape).encode(), digest_size=16).digest()
        if key in self._vectors:
            return self._vectors[key].astype(np.float32)
        vectors = self._backbone.extract(pixels_NHWC).astype(np.float16)
        if self._bytes + vectors.nbytes <= MAX_CACHED:
            self._vectors[key] = vectors
            self._bytes += vectors.nbytes
        return vectors.astype(np.float32)


def evaluate_false_alarms(
    fit: Fit,
    good: Sequence[MarkedImage],
    num_groups: Sequence[int],
    num_splits: int,
    rate: float,
    on_progress: Progress = lambda line: None,
    num_jobs: int = 1,
) -> Report:
    """Share of good images of unseen groups that fail, for fits on so many groups.

    The promised rate is `rate`, or the smallest that the groups allow where that is larger. The
    interval is a bootstrap over splits. Raises `InvalidInput` when no group is left to inspect.
    """
    splits = [Split(fit, good, count, seed, max(rate, 1 / (count + 1))) for count in num_groups for seed in range(num_splits)]
    shares = []
    for split, share in zip(splits, run_jobs(_measure_split, splits, num_jobs), strict=True):
        shares.append(share)
        on_progress(f"{split.count} groups, split {split.seed + 1} of {num_splits}: {share:.1%}")
    measures = [
        Measure(
            f"false alarms of {own[0].count} good groups at promised {own[0].promised:.1%}",
            bootstrap(np.array(part)),
            is_higher_better=False,
        )
        for own, part in zip(divide(splits, num_splits), divide(shares, num_splits), strict=True)
    ]
    return Report(f"Good images of unseen groups, {num_splits} splits", tuple(measures))


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A fit on `count` groups, which the seed chooses, and the rate that it promises."""

    fit: Fit
    good: Sequence[MarkedImage]
    count: int
    seed: int
    promised: float


def _measure_split(split: Split) -> float:
    """Share of the unseen groups whose image has a p-value of at most the promised rate."""
    good, count = split.good, split.count
    random = np.random.default_rng(split.seed)
    groups = random.permutation(sorted({image.group for image in good}))
    if not 0 < count < len(groups):
        raise InvalidInput(f"Of {len(groups)} groups {count} cannot be fitted and others inspected.")
    chosen = {group: int(random.integers(sum(image.group == group for image in good))) for group in groups}
    by_group = {group: [image for image in good if image.group == group][chosen[group]] for group in groups}
    inspector = split.fit([GoodImage(by_group[group].read(), group) for group in groups[:count]], split.seed)
    tested = groups[count : count + MAX_TESTED]
    return float(np.mean([inspector.inspect(by_group[group].read()).p_value <= split.promised + 1e-9 for group in tested]))
