"""Trains the members of a segmentation head on marked and on rendered patches.

Member m sees no image whose fold, divided by the number of members, leaves the remainder m. Names
of arrays end in their axes: N patches, D inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mm.inspection.head.kinds import KindClassifier, fit_kinds
from mm.inspection.head.network import Inputs, Labels, NetworkSettings, PatchNetwork, fit_network
from mm.inspection.learning.examples import NO_KIND, Patches
from mm.numerics import Float32, Float64

MAX_MEMBERS = 5
DROPOUT = 0.3
"""Share of the inputs that are left out at random in training: few groups are marked, and no single
input should decide."""
NETWORK = NetworkSettings(dropout=DROPOUT)
RENDERED_WEIGHT = 0.3
"""Weight of the patches of a copy with cracks beside those of a marked image."""
MARKED_SHARE = 0.15
"""Share of a patch that is marked, from which it is an example of a defect; 0 is one of none."""
MAX_MARKED, MAX_OTHER, MAX_HARD = 80, 180, 60
"""Patches of an image: marked ones, others, and those of the others with the largest distances."""


@dataclass(slots=True, eq=False)
class TrainingSet:
    """Sampled patches of examples, added one image at a time."""

    num_members: int
    seed: int
    inputs: list[Float32] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    weights: list[Float32] = field(default_factory=list)
    members: list[int] = field(default_factory=list)
    """Member that does not see the image of each entry."""
    kinds: list[str] = field(default_factory=list)
    kind_inputs: list[Float32] = field(default_factory=list)

    def add(self, fold: int, patches: Patches, distance_N: Float32 | None = None) -> None:
        """Sample the patches of an image; `MAX_HARD` by the largest distances, if given."""
        random = np.random.default_rng([self.seed, len(self.inputs)])
        marked = np.flatnonzero(patches.share_N >= MARKED_SHARE)
        other = np.flatnonzero(patches.share_N == 0)
        marked = random.permutation(marked)[:MAX_MARKED]
        if distance_N is None:
            chosen = random.permutation(other)[:MAX_OTHER]
        else:
            hard = other[np.argsort(-distance_N[other], kind="stable")[:MAX_HARD]]
            chosen = np.union1d(random.permutation(other)[: MAX_OTHER - MAX_HARD], hard)
        rows = np.concatenate([marked, chosen])
        is_marked_N = np.arange(len(rows)) < len(marked)
        self._append(fold, patches.inputs_ND[rows], is_marked_N, np.where(is_marked_N, _weigh(len(marked)), 1))
        named = marked[patches.kind_N[marked] != NO_KIND]
        self.kinds += patches.kind_N[named].tolist()
        self.kind_inputs.append(patches.inputs_ND[named])

    def add_rendered(self, fold: int, patches: Patches) -> None:
        """Sample the defective patches of a copy of a good image; its others are in the image."""
        random = np.random.default_rng([self.seed, len(self.inputs)])
        rows = random.permutation(np.flatnonzero(patches.share_N >= MARKED_SHARE))[:MAX_MARKED]
        weight_N = np.full(len(rows), RENDERED_WEIGHT * _weigh(len(rows)))
        self._append(fold, patches.inputs_ND[rows], np.ones(len(rows), np.bool_), weight_N)

    def _append(self, fold: int, inputs_ND: Inputs, is_marked_N: Labels, weight_N: Float64) -> None:
        self.inputs.append(inputs_ND.astype(np.float16))
        self.labels.append(is_marked_N)
        self.weights.append(weight_N.astype(np.float32))
        self.members.append(fold % self.num_members)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedMembers:
    """What `SegmentationHead` needs of the training."""

    members: tuple[PatchNetwork, ...]
    kinds: KindClassifier | None


def train_members(
    training: TrainingSet, settings: NetworkSettings, on_progress: Callable[[str], None] = lambda line: None
) -> TrainedMembers:
    """Train a network for each member, and the classifier of kinds if marks have them."""
    inputs_ND = np.concatenate(training.inputs).astype(np.float32)
    labels_N, weight_N = np.concatenate(training.labels), np.concatenate(training.weights)
    member_N = np.repeat(training.members, [len(each) for each in training.inputs])
    members = []
    for member in range(training.num_members):
        rows = member_N != member
        balanced_N = _balance(labels_N[rows], weight_N[rows])
        members.append(fit_network(inputs_ND[rows], labels_N[rows], balanced_N, settings, training.seed + member))
        on_progress(f"segmentation head: member {member + 1} of {training.num_members} trained")
    kinds = None
    if training.kinds:
        kinds = fit_kinds(np.concatenate(training.kind_inputs), training.kinds)
    return TrainedMembers(tuple(members), kinds)


def choose_num_members(num_folds: int, marked_folds: Sequence[int]) -> int:
    """Members, so that each is trained on at least one marked image; 0 where that is impossible."""
    for count in range(min(MAX_MEMBERS, num_folds), 1, -1):
        if len({fold % count for fold in marked_folds}) > 1:
            return count
    return 0


def _weigh(num_marked: int) -> float:
    """Weight of a marked patch, so that an image counts by the square root of their number.

    A large defect counts more than a small one, but does not hide it.
    """
    return 1 / math.sqrt(max(num_marked, 1))


def _balance(is_marked_N: Labels, weight_N: Float32) -> Float32:
    """Weights with which marked and other patches count the same."""
    total_marked, total_other = (float(weight_N[rows].sum()) for rows in (is_marked_N, ~is_marked_N))
    half = len(weight_N) / 2
    return (weight_N * np.where(is_marked_N, half / total_marked, half / total_other)).astype(np.float32)
