"""In: scores or vectors, and what is right. Out: the numbers that reports give.

Must not know how a model works, where data lies, or what a service is.
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
