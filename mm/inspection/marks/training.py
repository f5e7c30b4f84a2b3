"""Trains the members of a segmentation head on marked patches.

Member m sees no image whose fold, divided by the number of members, leaves the remainder m. Names
of arrays end in their axes: N patches, D inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mm.inspection.head.kinds import KindClassifier, fit_kinds
from mm.inspection.head.network import Labels, NetworkSettings, PatchNetwork, fit_network
from mm.inspection.marks.examples import NO_KIND, Example, Patches
from mm.numerics import Float32

MAX_MEMBERS = 5
MARKED_SHARE = 0.15
"""Share of a patch that is marked, from which it is an example of a defect; 0 is one of none."""
MAX_MARKED, MAX_OTHER, MAX_HARD = 80, 120, 60
"""Patches of an image: marked ones, others at random, and others with the largest distances."""


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

    def add(self, example: Example, patches: Patches, distance_N: Float32) -> None:
        """Sample the patches of an image; `distance_N` are held-out distances from the bank."""
        random = np.random.default_rng([self.seed, len(self.inputs)])
        marked = np.flatnonzero(patches.share_N >= MARKED_SHARE)
        other = np.flatnonzero(patches.share_N == 0)
        marked = random.permutation(marked)[:MAX_MARKED]
        hard = other[np.argsort(-distance_N[other], kind="stable")[:MAX_HARD]]
        rows = np.concatenate([marked, np.union1d(random.permutation(other)[:MAX_OTHER], hard)])
        self.inputs.append(patches.inputs_ND[rows].astype(np.float16))
        is_marked_N = np.arange(len(rows)) < len(marked)
        self.labels.append(is_marked_N)
        # Each image counts by the square root of its marked patches: a large defect counts more
        # than a small one, but does not hide it.
        self.weights.append(np.where(is_marked_N, 1 / np.sqrt(max(len(marked), 1)), 1).astype(np.float32))
        self.members.append(example.fold % self.num_members)
        named = marked[patches.kind_N[marked] != NO_KIND]
        self.kinds += patches.kind_N[named].tolist()
        self.kind_inputs.append(patches.inputs_ND[named])


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


def _balance(is_marked_N: Labels, weight_N: Float32) -> Float32:
    """Weights with which marked and other patches count the same."""
    total_marked, total_other = (float(weight_N[rows].sum()) for rows in (is_marked_N, ~is_marked_N))
    half = len(weight_N) / 2
    return (weight_N * np.where(is_marked_N, half / total_marked, half / total_other)).astype(np.float32)
