"""Anomaly detection on parts: images, pixels and promised rates of false alarms.

Names of arrays end in their axes: S seeds, N images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.runs import Run
from mm.evaluation.runs.scores import AUROC, make_evidence
from mm.evaluation.runs.sums import PIXEL_LEVELS
from mm.inspection.thresholds.binomial import clopper_pearson
from mm.metrics.auc import auc, share_in_order
from mm.metrics.bootstrap import Interval, bootstrap, bootstrap_rows
from mm.metrics.inspection.pixel_rows import make_pixel_rows
from mm.metrics.report import Measure, Report, ReportItem
from mm.numerics import Float64

PROMISED_RATE = 0.05
IN_ORDER = "pairs in order"
"""Value of an image: see `mm.metrics.auc.share_in_order`."""
ALARM, CAUGHT = f"false alarms at promised {PROMISED_RATE:.0%}", f"defective parts found at promised {PROMISED_RATE:.0%}"
BRIGHTNESS = "auroc of mean brightness"
"""Key of the evidence of images for the baseline."""
Rows = npt.NDArray[np.int64]
Statistic = Callable[[Rows], float]


@dataclass(frozen=True, slots=True, eq=False)
class PartsTask:
    """The images of an evaluation by good or defective, kind and group."""

    images: tuple[MarkedImage, ...]
    is_defective_N: npt.NDArray[np.bool_]
    group_N: npt.NDArray[np.int64]

    @classmethod
    def of(cls, images: Sequence[MarkedImage]) -> PartsTask:
        """Raises `InvalidInput` unless there are good and defective images."""
        is_defective_N = np.array([not image.is_good for image in images])
        if not len(images) or is_defective_N.all() or not is_defective_N.any():
            raise InvalidInput(f"The {len(images)} images must be good and defective ones, both.")
        return cls(tuple(images), is_defective_N, np.unique([image.group for image in images], return_inverse=True)[1])

    def interval(self, rows_N: Rows, statistics: Callable[[Rows], Float64]) -> list[Interval]:
        """Bootstrap over groups of these images, as many good and defective ones in each sample."""
        strata = self.is_defective_N[rows_N].astype(np.int64)
        return bootstrap_rows(len(rows_N), self.group_N[rows_N], lambda chosen: statistics(rows_N[chosen]), strata_Q=strata)


def report_parts(of: str, images: Sequence[MarkedImage], runs: Sequence[Run], logical: str | None = None) -> Report:
    """Measures of the runs, each a mean over the seeds.

    `logical` is the kind whose images have no damage; without them the AUROC is reported too.
    Raises `InvalidInput` unless there are good and defective images.
    """
    task = PartsTask.of(images)
    measures = [*_report_images(task, runs, logical), *_report_pixels(task, runs), *_report_alarms(task, runs)]
    notes = sorted({run.aupimo_note for run in runs if run.aupimo_note})
    return Report(of + (f". AUPIMO is left out: {notes[0]}" if notes else ""), tuple(measures), items=_list_items(task, runs))


def _list_items(task: PartsTask, runs: Sequence[Run]) -> tuple[ReportItem, ...]:
    """Of each image means over the seeds, and what the areas of each seed follow from."""
    in_order_N = np.mean([share_in_order(run.score_N, task.is_defective_N) for run in runs], axis=0)
    p_value_N = np.mean([run.p_value_N for run in runs], axis=0)
    alarm_N = np.mean([run.p_value_N <= PROMISED_RATE for run in runs], axis=0)
    by_seed = [make_evidence(run.score_N, task.is_defective_N) for run in runs]
    of_brightness = make_evidence(measure_unusual_brightness(task), task.is_defective_N)
    marked_M = runs[0].marked_M
    pixel_rows = dict(zip(marked_M.tolist(), make_pixel_rows(*(run.pixels for run in runs)), strict=True))
    return tuple(
        ReportItem(
            str(image.path), image.group, kind=image.kind,
            values={IN_ORDER: float(in_order), "p-value": float(p_value), CAUGHT if is_defective else ALARM: float(alarm)},
            evidence={
                AUROC: [own[number] for own in by_seed], BRIGHTNESS: [of_brightness[number]],
                **({PIXEL_LEVELS: pixel_rows[number]} if number in pixel_rows else {}),
            },
        )
        for number, (image, is_defective, in_order, p_value, alarm) in enumerate(
            zip(task.images, task.is_defective_N, in_order_N, p_value_N, alarm_N, strict=True)
        )
    )  # fmt: skip


def measure_unusual_brightness(task: PartsTask) -> Float64:
    """The baseline (N,): distance of the mean brightness from the median of the good images."""
    brightness_N = np.array([image.read().mean() for image in task.images])
    return np.asarray(np.abs(brightness_N - np.median(brightness_N[~task.is_defective_N])))


def measure_image_auroc(scores_SN: Float64, is_defective_N: npt.NDArray[np.bool_]) -> float:
    """Mean over the seeds of the area under the ROC curve of images."""
    return float(np.mean([auc(score_N, is_defective_N) for score_N in scores_SN]))


def _report_images(task: PartsTask, runs: Sequence[Run], logical: str | None) -> list[Measure]:
    scores_SN = np.stack([run.score_N for run in runs])

    def measure(name: str, scores: Float64, rows_N: Rows, statistic: str = "", of: str = "", evidence: str = "") -> Measure:
        def compute(chosen: Rows) -> Float64:
            return np.array([measure_image_auroc(scores[:, chosen], task.is_defective_N[chosen])])

        return Measure(name, task.interval(rows_N, compute)[0], statistic=statistic, of=of, evidence=evidence)

    all_N = np.arange(len(task.images))
    kinds = np.array([image.kind for image in task.images])
    measures = [measure("image AUROC", scores_SN, all_N, AUROC, of=IN_ORDER)]
    seeds = [auc(score_N, task.is_defective_N) for score_N in scores_SN]
    measures.append(
        Measure(f"image AUROC, lowest and highest of {len(runs)} seeds", Interval(float(np.mean(seeds)), min(seeds), max(seeds)))
    )
    if logical is not None:
        measures.append(measure(f"image AUROC without {logical}", scores_SN, all_N[kinds != logical]))
    for kind in sorted(set(kinds[task.is_defective_N])):
        measures.append(measure(f"image AUROC, {kind}", scores_SN, all_N[(kinds == kind) | ~task.is_defective_N]))
    unusual_1N = measure_unusual_brightness(task)[None]
    return [*measures, measure("image AUROC of mean brightness (baseline)", unusual_1N, all_N, AUROC, evidence=BRIGHTNESS)]


def _report_pixels(task: PartsTask, runs: Sequence[Run]) -> list[Measure]:
    marked_M = runs[0].marked_M
    if not task.is_defective_N[marked_M].any():
        return []
    position_N = np.full(len(task.images), -1)
    position_N[marked_M] = np.arange(len(marked_M))

    def statistics(rows_N: Rows) -> Float64:
        rows_M = position_N[rows_N]
        return np.asarray(np.mean([(run.pixels.auroc(rows_M), run.pixels.aupro(rows_M)) for run in runs], axis=0))

    auroc, aupro = task.interval(marked_M, statistics)
    measures = [
        Measure("pixel AUROC", auroc, statistic="pixel-auroc"),
        Measure("PRO up to a false positive rate of 0.3", aupro, statistic="pixel-pro"),
    ]
    areas = [run.aupimo_D for run in runs if run.aupimo_D is not None]
    if areas:
        groups_D = task.group_N[marked_M[task.is_defective_N[marked_M]]]
        measures.append(Measure("AUPIMO", bootstrap(np.mean(areas, axis=0), groups_D)))
    return measures


def _report_alarms(task: PartsTask, runs: Sequence[Run]) -> list[Measure]:
    """Shares of good and of defective images with a p-value of at most the promised rate."""
    alarm_N = np.mean([run.p_value_N <= PROMISED_RATE for run in runs], axis=0)
    return [
        Measure(name, estimate_share(alarm_N[rows_N], task.group_N[rows_N]), is_higher_better=name == CAUGHT, of=name)
        for name, rows_N in ((ALARM, ~task.is_defective_N), (CAUGHT, task.is_defective_N))
    ]


def estimate_share(share_N: Float64, group_N: npt.NDArray[np.int64]) -> Interval:
    """Mean of shares of 0 to 1 with its interval: a bootstrap over groups.

    Where all are 0 or all are 1 every bootstrap sample is the same; then the interval is that of
    Clopper and Pearson for the number of groups.
    """
    if share_N.min() < share_N.max():
        return bootstrap(share_N, group_N)
    num_groups = len(np.unique(group_N))
    return Interval(float(share_N[0]), *clopper_pearson(round(float(share_N[0])) * num_groups, num_groups))
