"""Learns a segmentation head from rendered cracks alone, when an inspector is fitted.

Each member sees neither the good images that it judges nor copies of them with cracks, so that
held-out scores keep their meaning (`mm.inspection.head.head`). How much the head counts is fixed:
what it was trained on does not show how it judges real defects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mm.inspection.calibrate import HeldOutResults
from mm.inspection.good_pixels import GoodPixels
from mm.inspection.head.network import NetworkSettings
from mm.inspection.inspector import FittedInspector
from mm.inspection.learning.examples import list_good_examples
from mm.inspection.learning.held_out import HeldOutImage, make_head, measure_anomaly, measure_units, score, use_fixed
from mm.inspection.learning.patch_reader import PatchReader
from mm.inspection.learning.rendered import render_patches
from mm.inspection.learning.training import NETWORK, TrainingSet, choose_num_members, train_members


def learn_rendered_cracks(
    inspector: FittedInspector, goods: GoodPixels, on_progress: Callable[[str], None], network: NetworkSettings = NETWORK
) -> FittedInspector:
    """The inspector with a head and calibrated; it has a bank of two folds or more."""
    seed, num_folds = inspector.settings.seed, inspector.bank.num_folds
    reader, examples = PatchReader(inspector), list_good_examples(goods, inspector.group_folds)
    training = TrainingSet(choose_num_members(num_folds, list(range(num_folds))), seed)
    distances = []
    for example in examples:
        patches = reader.read(example)
        distances.append(inspector.measure_patches(patches.vectors_NC, patches.inputs_ND)[:, example.fold])
        training.add(example.fold, patches)  # distances from a bank would depend on images that are held out
    for fold, patches in render_patches(inspector, goods):
        training.add_rendered(fold, patches)
    trained = train_members(training, network, on_progress)
    held_out = []
    for number, (example, distance_N) in enumerate(zip(examples, distances, strict=True), 1):
        logit_N = trained.members[example.fold % len(trained.members)].predict(reader.read(example).inputs_ND)
        held_out.append(HeldOutImage(example.fold, True, False, distance_N, logit_N))
        on_progress(f"held-out scores of {number} of {len(examples)} images")
    units = measure_units(held_out, seed)
    choice = use_fixed(held_out, units, num_folds)
    results = HeldOutResults(seed)
    for image in held_out:
        results.add(score(image, units, *choice.get(image.fold)), measure_anomaly(image, units, choice.get(image.fold)[0]))
    fitted = replace(inspector, head=make_head(trained, units, choice))
    fold_N = np.array([example.fold for example in examples], np.int64)
    return results.calibrate(fitted, [example.group for example in examples], fold_N)
