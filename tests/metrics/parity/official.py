"""What the published evaluation code computes, step by step, for comparisons with `mm.metrics`.

Each function follows one of the sources that it names. Sorting there is not stable, so that equal
scores have no defined order: inputs have distinct scores, or the test says what a tie does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

THRESHOLDS = np.linspace(0.5, 0.95, 10)


def recall_of_clip_benchmark(scores: torch.Tensor, image_of_text: Sequence[int], k: int) -> tuple[float, float]:
    """Image and text retrieval recall@k of scores (texts, images).

    LAION-AI/CLIP_benchmark at 082089f5, clip_benchmark/metrics/zeroshot_retrieval.py: recall is the
    share of the relevant among the k best, and counts as 1 where it is above 0.
    """
    positive = torch.zeros_like(scores, dtype=torch.bool)
    positive[torch.arange(len(scores)), torch.tensor(image_of_text)] = True

    def recall_at_k(values: torch.Tensor, relevant: torch.Tensor) -> torch.Tensor:
        best = torch.topk(values, k, dim=1)[1]
        one_hot = torch.nn.functional.one_hot(best, num_classes=values.shape[1])
        num_hits = (one_hot * relevant.view(len(values), 1, -1)).sum(dim=(1, 2))
        return num_hits / relevant.sum(dim=1)

    image_retrieval = (recall_at_k(scores, positive) > 0).float().mean()
    text_retrieval = (recall_at_k(scores.T, positive.T) > 0).float().mean()
    return float(image_retrieval), float(text_retrieval)


def segment_iou(target: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """`segment_iou` of Evaluation/utils.py in activitynet/ActivityNet at 258ee695."""
    latest_start = np.maximum(target[0], candidates[:, 0])
    earliest_end = np.minimum(target[1], candidates[:, 1])
    shared = (earliest_end - latest_start).clip(0)
    return shared / ((candidates[:, 1] - candidates[:, 0]) + (target[1] - target[0]) - shared)


def interpolate_precision(precision: np.ndarray, recall: np.ndarray) -> float:
    """`interpolated_prec_rec` of Evaluation/utils.py: the average precision of VOC 2011."""
    precision, recall = np.hstack([[0], precision, [0]]), np.hstack([[0], recall, [1]])
    for index in range(len(precision) - 1)[::-1]:
        precision[index] = max(precision[index], precision[index + 1])
    steps = np.where(recall[1:] != recall[:-1])[0] + 1
    return float(np.sum((recall[steps] - recall[steps - 1]) * precision[steps]))


def average_precision_of_activitynet(
    predicted: Sequence[tuple[int, float, float, float]], true: Sequence[tuple[int, float, float]]
) -> np.ndarray:
    """Average precision (T,) of the detections of one class.

    Rows of video, start, end and, of predictions, score.
    `compute_average_precision_detection` of Evaluation/eval_detection.py in activitynet/ActivityNet
    at 2795199f.
    """
    if not predicted:
        return np.zeros(len(THRESHOLDS))
    taken = -np.ones((len(THRESHOLDS), len(true)))
    is_hit = np.zeros((len(THRESHOLDS), len(predicted)))
    for place, (video, start, end, _) in enumerate(sorted(predicted, key=lambda row: -row[3])):
        own = [index for index, row in enumerate(true) if row[0] == video]
        if not own:
            continue
        overlaps = segment_iou(np.array([start, end]), np.array([true[index][1:] for index in own]))
        for row, threshold in enumerate(THRESHOLDS):
            for index in overlaps.argsort()[::-1]:
                if overlaps[index] < threshold:
                    break
                if taken[row, own[index]] >= 0:
                    continue
                is_hit[row, place] = 1
                taken[row, own[index]] = place
                break
    num_hits = np.cumsum(is_hit, axis=1)
    precision = num_hits / (num_hits + np.cumsum(1 - is_hit, axis=1))
    return np.array([interpolate_precision(*rows) for rows in zip(precision, num_hits / len(true), strict=True)])


def average_recall_of_activitynet(
    proposals: Sequence[np.ndarray], true: Sequence[np.ndarray], max_number: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Average number of proposals (100,), average recall (100,) and area under the curve.

    Of each video the proposals (P, 3) of start, end and score, and true spans (G, 2).
    `average_recall_vs_avg_nr_proposals` and `ANETproposal.evaluate` of
    Evaluation/eval_proposal.py in activitynet/ActivityNet at 2795199f.
    """
    videos = [index for index, spans in enumerate(true) if len(spans)]
    ratio = max_number * float(len(videos)) / sum(len(rows) for rows in proposals)
    overlaps, total = [], 0
    for index in videos:
        rows = proposals[index][proposals[index][:, 2].argsort()[::-1]]
        number = min(int(len(rows) * ratio), len(rows))
        if not len(rows):
            overlaps.append(np.zeros((len(true[index]), 1)))
            continue
        total += number
        columns = [segment_iou(row, true[index]) for row in rows[:number, :2]]
        overlaps.append(np.stack(columns, axis=1) if columns else np.zeros((len(true[index]), 0)))
    shares = np.arange(1, 101) / 100.0 * (max_number * float(len(videos)) / total)
    recall = np.empty((len(THRESHOLDS), len(shares)))
    for row, threshold in enumerate(THRESHOLDS):
        matches = np.empty((len(videos), len(shares)))
        for video, values in enumerate(overlaps):
            numbers = np.minimum((values.shape[1] * shares).astype(int), values.shape[1])
            for column, number in enumerate(numbers):
                matches[video, column] = np.count_nonzero((values >= threshold)[:, :number].sum(axis=1))
        recall[row] = matches.sum(axis=0) / sum(len(values) for values in overlaps)
    average, numbers = recall.mean(axis=0), shares * (float(total) / len(videos))
    return numbers, average, float(np.trapezoid(average, numbers) / numbers[-1])


def hit_at_k_of_activitynet(scores: np.ndarray, labels: Sequence[Sequence[int]], k: int) -> float:
    """Share of videos of which one of the k best classes is a label.

    `compute_video_hit_at_k` of Evaluation/eval_classification.py at b4fce362.
    """
    hits = [any(label in row.argsort()[::-1][:k].tolist() for label in own) for row, own in zip(scores, labels, strict=True)]
    return float(np.mean(hits))
