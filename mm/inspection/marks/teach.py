"""Makes a candidate for a new version of an inspector from the marks of a person.

Accepted parts that had not passed join the bank, each group as a fold of its own. They are not held
against new parts as good ones of the fit are: they were chosen because their scores are high, so
with them p-values would no longer be those of a part that nobody chose. Their vectors are in the
bank for the held-out good images as for new parts, so the comparison stays one of like with like.
Drawn defects train a segmentation head, whose members see neither the images that they judge nor
other images of their groups (`mm.inspection.head.head`). What the promise of the p-values assumes
is that a new part is of none of the groups of the marks, and that the parts of the fit did not
decide which parts were marked. The second holds only approximately, since a person marks what
exceeded their scores; the observed rate on parts that are later confirmed as good shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mm.errors import InvalidInput
from mm.inspection.bank.coreset import select_coreset
from mm.inspection.bank.patch_bank import PatchBank
from mm.inspection.calibrate import HeldOutResults
from mm.inspection.fit import OnProgress
from mm.inspection.good_pixels import GoodPixels, ReadImage
from mm.inspection.head.network import NetworkSettings
from mm.inspection.inspector import FittedInspector
from mm.inspection.learning.examples import GAINS, Example, Patches, list_good_examples
from mm.inspection.learning.held_out import (
    Choice,
    HeldOutImage,
    Units,
    choose,
    make_head,
    measure_anomaly,
    measure_units,
    score,
    use_fixed,
)
from mm.inspection.learning.patch_reader import PatchReader
from mm.inspection.learning.rendered import render_patches
from mm.inspection.learning.training import NETWORK, TrainingSet, choose_num_members, train_members
from mm.inspection.marks.comparison import MIN_ACCEPTED_GROUPS, Comparison, HeldOutMeasures, JudgedImage, measure_held_out
from mm.inspection.marks.folds import assign_marked, check_good_images, count_good_folds
from mm.inspection.marks.parts import collect_parts
from mm.inspection.marks.types import Mark
from mm.inspection.scoring.score import mean_of_largest
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.numerics import Float32

FEW_MARKED = 80
"""Marked images up to which mirrored, darker and lighter copies of them are trained on too."""


@dataclass(frozen=True, slots=True)
class TeachSettings:
    """Options of `teach`."""

    network: NetworkSettings = NETWORK
    has_copies: bool = True
    """Whether few marked images are trained on with mirrored copies; not with registration."""
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A version that is not stored yet, and whether it is better than the one before it."""

    inspector: FittedInspector
    comparison: Comparison


def teach(
    inspector: FittedInspector,
    good: Sequence[GoodImage],
    marks: Sequence[Mark],
    open_image: Callable[[str], RGB],
    read_image: ReadImage | None = None,
    settings: TeachSettings | None = None,
    on_progress: OnProgress = lambda line: None,
) -> Candidate:
    """Make a candidate from all marks in force; earlier teaching is done again, not added to.

    `good` are the images of the fit with their groups, `open_image` decodes the image of a mark by
    its name. Parts that were accepted after they had passed teach nothing. Raises `InvalidInput`
    without other marks, when the good images are not those of the fit or of one group only, and for
    images that do not fit their marks.
    """
    lesson = _Lesson(inspector, good, marks, open_image, read_image, settings or TeachSettings(), on_progress)
    return lesson.make_candidate()


class _Lesson:
    """The images of one call of `teach`, by fold."""

    def __init__(
        self, inspector: FittedInspector, good: Sequence[GoodImage], marks: Sequence[Mark],
        open_image: Callable[[str], RGB], read_image: ReadImage | None, settings: TeachSettings, on_progress: OnProgress,
    ) -> None:  # fmt: skip
        parts = [part for part in collect_parts(marks) if not (part.is_good and part.marks[-1].inspected == "pass")]
        if not parts:
            raise InvalidInput("There are no marks to learn from: accept parts that did not pass, or reject parts.")
        check_good_images(inspector, good)
        self._before, self._settings, self._on_progress = inspector, settings, on_progress
        self._num_good_folds = count_good_folds(inspector)
        self._marked_folds = assign_marked(inspector, parts)
        self._goods = GoodPixels(good, inspector.settings, read_image)
        self._good = list_good_examples(self._goods, inspector.group_folds)
        self._marked = [
            Example("accepted" if part.is_good else "rejected", part.image, part.group, self._marked_folds[part.group],
                    partial(open_image, part.image), part.draw_masks)
            for part in parts
        ]  # fmt: skip
        self._has_outline = {part.image: part.has_outline for part in parts}
        self._reader = PatchReader(inspector)

    def make_candidate(self) -> Candidate:
        before = self._before
        examples = [*self._good, *self._marked]
        bank = self._join_bank()
        notes: list[str] = []
        candidate = replace(before, bank=bank, head=None, marked_folds=self._marked_folds, comparison=None)
        trained, training = None, self._train(candidate, notes)
        if training is not None:
            trained = train_members(training, self._settings.network, self._on_progress)
        held_out, judged_before = [], []
        for number, example in enumerate(examples, 1):
            patches = self._reader.read(example)
            judged_before.append(JudgedImage(example.role, example.group, self._judge_before(example, patches)))
            logit_N = None
            if trained is not None:
                member = trained.members[example.fold % len(trained.members)]
                logit_N = member.predict(patches.inputs_ND)
            distance_N = candidate.measure_patches(patches.vectors_NC, patches.inputs_ND)[:, example.fold]
            is_defective = example.role == "rejected"
            held_out.append(HeldOutImage(example.fold, example.role == "good", is_defective, distance_N, logit_N))
            self._on_progress(f"held-out scores of {number} of {len(examples)} images")
        rate = max(before.settings.rate, before.calibration.smallest_rate)
        if trained is None:
            scores = [float(mean_of_largest(image.distance_N[:, None], before.settings.share)[0]) for image in held_out]
            maps = [image.distance_N for image in held_out if image.is_of_fit]
        else:
            units = measure_units(held_out, self._settings.seed)
            choice = self._choose(held_out, units, bank.num_folds, rate)
            scores = [score(image, units, *choice.get(image.fold)) for image in held_out]
            maps = [measure_anomaly(image, units, choice.get(image.fold)[0]) for image in held_out if image.is_of_fit]
            candidate = replace(candidate, head=make_head(trained, units, choice))
        candidate = self._calibrate(candidate, scores[: len(self._good)], maps)
        judged = [JudgedImage(each.role, each.group, value) for each, value in zip(examples, scores, strict=True)]
        comparison = self._compare(
            measure_held_out(judged_before, _calibrate_scores(before.calibration, judged_before), rate),
            measure_held_out(judged, candidate.calibration, rate), rate, trained is not None, notes,
        )  # fmt: skip
        return Candidate(replace(candidate, version=before.version + 1, comparison=comparison.to_text()), comparison)

    def _join_bank(self) -> PatchBank:
        """The bank of the fit, with a coreset of the accepted parts that had not passed."""
        before = self._before
        is_of_fit_B = before.bank.fold_B < self._num_good_folds
        bank = PatchBank(before.bank.vectors_BC[is_of_fit_B], before.bank.fold_B[is_of_fit_B])
        per_fold = max(1, before.settings.bank_size // self._num_good_folds)
        accepted: dict[int, list[Float32]] = {}
        for example in self._marked:
            if example.role == "accepted":
                accepted.setdefault(example.fold, []).append(self._reader.read(example).vectors_NC)
        for fold in sorted(accepted):
            pool_NC = np.concatenate(accepted[fold])
            bank = bank.append(pool_NC[select_coreset(pool_NC, per_fold, self._settings.seed + fold)], fold)
        return bank

    def _train(self, candidate: FittedInspector, notes: list[str]) -> TrainingSet | None:
        """Samples of images that show where a defect is, or that none is, and rendered ones."""
        drawn = [each for each in self._marked if each.role == "rejected" and self._has_outline[each.image]]
        num_members = choose_num_members(self._num_good_folds, [each.fold for each in drawn])
        if drawn and not num_members:
            notes.append(
                "Drawn defects were not learned from: that needs two groups of them and two groups of good images, so that each "
                "can be judged by what was learned from the others."
            )
            drawn = []
        if not drawn:
            if not self._before.settings.has_rendered_cracks:
                return None
            num_members = choose_num_members(self._num_good_folds, list(range(self._num_good_folds)))
        training = TrainingSet(num_members, self._settings.seed)
        has_copies = self._settings.has_copies and len(drawn) <= FEW_MARKED and self._before.reference_HWC is None
        for example in [*self._good, *(each for each in self._marked if each.role == "accepted"), *drawn]:
            copies = len(GAINS) if has_copies and example.role == "rejected" else 1
            for copy in range(copies):
                patches = self._reader.read(example, copy)
                distance_N = None
                if example.role == "accepted":  # its largest distances are why it did not pass
                    distance_N = candidate.measure_patches(patches.vectors_NC, patches.inputs_ND)[:, example.fold]
                training.add(example.fold, patches, distance_N)
        if drawn and not any(labels.any() for labels in training.labels):
            raise InvalidInput("The drawn defects cover no patch of the images: they are too small for this inspector.")
        for fold, patches in render_patches(self._before, self._goods):
            training.add_rendered(fold, patches)
        return training

    def _judge_before(self, example: Example, patches: Patches) -> float:
        """The score of the version before, held out where that version knew the group."""
        before = self._before
        score_F = before.score_patches(before.measure_patches(patches.vectors_NC, patches.inputs_ND))
        fold = before.group_folds.get(example.group, before.marked_folds.get(example.group))
        return float(score_F[before.judging_folds].mean() if fold is None else score_F[fold])

    def _choose(self, held_out: Sequence[HeldOutImage], units: Units, num_folds: int, rate: float) -> Choice:
        """How much the head counts: by the rejected parts, if there are any."""
        if not any(image.is_defective for image in held_out):
            return use_fixed(held_out, units, num_folds)
        return choose(held_out, units, num_folds, self._before.settings.share, rate)

    def _calibrate(self, candidate: FittedInspector, scores: Sequence[float], maps: Sequence[Float32]) -> FittedInspector:
        """The candidate with the scores of the good images and the threshold of regions."""
        results = HeldOutResults(self._settings.seed)
        for value, map_N in zip(scores, maps, strict=True):
            results.add(value, map_N)
        return results.calibrate(
            candidate, [each.group for each in self._good], np.array([each.fold for each in self._good], np.int64)
        )

    def _compare(
        self, before: HeldOutMeasures, candidate: HeldOutMeasures, rate: float, has_head: bool, notes: list[str]
    ) -> Comparison:
        groups = {role: {each.group for each in self._marked if each.role == role} for role in ("accepted", "rejected")}
        if 0 < len(groups["accepted"]) < MIN_ACCEPTED_GROUPS:
            notes.append("One accepted group cannot be judged by what was learned from others: accept a part of a second group.")
        counts = {role: sum(each.role == role for each in self._marked) for role in ("accepted", "rejected")}
        return Comparison(
            before, candidate, rate, len(self._good), counts["accepted"], len(groups["accepted"]), counts["rejected"],
            len(groups["rejected"]), has_head, tuple(notes),
        )  # fmt: skip


def _calibrate_scores(calibration: Calibration, judged: Sequence[JudgedImage]) -> Calibration:
    """The calibration with the scores in the order of the images, all for one column."""
    score_N = np.array([image.score for image in judged if image.role == "good"])
    _, group_N = np.unique(
        np.array([image.group for image in judged if image.role == "good"], dtype=object).astype(str), return_inverse=True
    )
    return replace(calibration, score_N=score_N, group_N=group_N.astype(np.int64), fold_N=np.zeros(len(score_N), np.int64))
