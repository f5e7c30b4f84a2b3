"""Chooses thresholds of regions and of the tracker on sequences that no head has seen.

Heads are trained on frames of four fifths of the sequences; the counts of identities of the other
fifth, over all fifths and seeds, give the IDF1 of each setting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from mm.data.inspection.lesions import SequenceFrame
from mm.errors import InvalidInput
from mm.evaluation.inspection.lesion_methods import track_probabilities
from mm.evaluation.inspection.lesions import overlap_tracks
from mm.evaluation.inspection.runs import Progress
from mm.lesions.tracking.tracker import TrackerSettings
from mm.media.types import RGB
from mm.metrics.inspection.identity import measure_identity
from mm.numerics import Float32

THRESHOLDS = (0.7, 0.8, 0.9)
CONFIDENCES = (0.8, 0.9, 0.95)
DISTANCES = (None, 1.0, 1.5, 2.5)
NUM_FOLDS = 5

Predict = Callable[[RGB], Float32]
"""Probabilities (H, W) of the pixels of an image."""
FitHead = Callable[[Sequence[SequenceFrame], int], Predict]
"""Trains on frames with a seed."""


@dataclass(frozen=True, slots=True)
class TrackingChoice:
    """One setting and its IDF1 on held-out sequences, from 0 to 1."""

    threshold: float
    settings: TrackerSettings
    idf1: float

    def line(self) -> str:
        """A row of a Markdown table."""
        distance = "none" if self.settings.max_distance is None else f"{self.settings.max_distance:g}"
        return f"| {self.threshold:g} | {self.settings.high:g} | {distance} | {100 * self.idf1:.1f} |"


def choose_tracking(
    frames: Sequence[SequenceFrame], fit: FitHead, num_seeds: int, on_progress: Progress = lambda line: None
) -> list[TrackingChoice]:
    """All settings, the best first. Raises `InvalidInput` with fewer sequences than folds."""
    sequences = sorted({frame.sequence for frame in frames})
    if len(sequences) < NUM_FOLDS:
        raise InvalidInput(f"{len(sequences)} sequences are not enough for {NUM_FOLDS} parts.")
    fold_of = dict(zip(sequences, np.random.default_rng(0).permutation(len(sequences)) % NUM_FOLDS, strict=True))
    grid = [
        (threshold, TrackerSettings(high=high, low=0.3, max_distance=distance))
        for threshold, high, distance in product(THRESHOLDS, CONFIDENCES, DISTANCES)
    ]
    counts_G3 = np.zeros((len(grid), 3))
    for seed, fold in product(range(num_seeds), range(NUM_FOLDS)):
        predict = fit([frame for frame in frames if fold_of[frame.sequence] != fold], seed)
        for sequence in (each for each in sequences if fold_of[each] == fold):
            own = [frame for frame in frames if frame.sequence == sequence]
            maps = [predict(frame.read()) for frame in own]
            for row, (threshold, settings) in enumerate(grid):
                scores = measure_identity(overlap_tracks(own, track_probabilities(maps, threshold, settings)))
                counts_G3[row] += scores.num_right, scores.num_predicted, scores.num_true
        on_progress(f"seed {seed}, part {fold + 1} of {NUM_FOLDS}")
    idf1_G = 2 * counts_G3[:, 0] / np.maximum(counts_G3[:, 1] + counts_G3[:, 2], 1)
    choices = [TrackingChoice(*setting, float(idf1)) for setting, idf1 in zip(grid, idf1_G, strict=True)]
    return sorted(choices, key=lambda choice: -choice.idf1)
