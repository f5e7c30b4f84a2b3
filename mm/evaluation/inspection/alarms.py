"""False alarms on good parts of groups that an inspector has not seen, over repeated splits.

Each split fits on good images of some groups and inspects one image of each of other groups. Only
good images are used. Names of arrays end in their axes: S splits, N images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
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
) -> Report:
    """Share of good images of unseen groups that fail, for fits on so many groups.

    The promised rate is `rate`, or the smallest that the groups allow where that is larger. The
    interval is a bootstrap over splits. Raises `InvalidInput` when no group is left to inspect.
    """
    measures = []
    for count in num_groups:
        promised = max(rate, 1 / (count + 1))
        shares = []
        for seed in range(num_splits):
            shares.append(_measure_split(fit, good, count, seed, promised))
            on_progress(f"{count} groups, split {seed + 1} of {num_splits}: {shares[-1]:.1%}")
        name = f"false alarms of {count} good groups at promised {promised:.1%}"
        measures.append(Measure(name, bootstrap(np.array(shares))))
    return Report(f"Good images of unseen groups, {num_splits} splits", tuple(measures))


def _measure_split(fit: Fit, good: Sequence[MarkedImage], count: int, seed: int, promised: float) -> float:
    """Share of the unseen groups whose image has a p-value of at most the promised rate."""
    random = np.random.default_rng(seed)
    groups = random.permutation(sorted({image.group for image in good}))
    if not 0 < count < len(groups):
        raise InvalidInput(f"Of {len(groups)} groups {count} cannot be fitted and others inspected.")
    chosen = {group: int(random.integers(sum(image.group == group for image in good))) for group in groups}
    by_group = {group: [image for image in good if image.group == group][chosen[group]] for group in groups}
    inspector = fit([GoodImage(by_group[group].read(), group) for group in groups[:count]], seed)
    tested = groups[count : count + MAX_TESTED]
    return float(np.mean([inspector.inspect(by_group[group].read()).p_value <= promised + 1e-9 for group in tested]))
