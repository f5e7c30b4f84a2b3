"""In: arrays of scores or vectors, and their relevance or ground truth.
Out: numbers, and reports of numbers with intervals.
Must not know: models, data sets, files, the service.
"""

from mm.metrics.bootstrap import Interval, bootstrap
from mm.metrics.ranking import average_precision_at, first_ranks, one_hot_relevance, recall_at
from mm.metrics.report import Measure, Report
from mm.metrics.retrieval import Retrieval, recall, recall_of_vectors, retrieval_report
from mm.metrics.spans import iou, iou_recall

__all__ = [
    "Interval",
    "Measure",
    "Report",
    "Retrieval",
    "average_precision_at",
    "bootstrap",
    "first_ranks",
    "iou",
    "iou_recall",
    "one_hot_relevance",
    "recall",
    "recall_at",
    "recall_of_vectors",
    "retrieval_report",
]
