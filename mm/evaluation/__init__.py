"""In: scores or vectors, and what is right. Out: the numbers that reports give.

Must not know how a model works, where data lies, or what a service is.
"""

from mm.evaluation.bootstrap import Interval, bootstrap
from mm.evaluation.ranking import average_precision_at, first_ranks, one_right, recall_at
from mm.evaluation.report import Measure, Report
from mm.evaluation.retrieval import Retrieval, recall, recall_of_vectors, retrieval_report
from mm.evaluation.spans import iou, iou_recall

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
    "one_right",
    "recall",
    "recall_at",
    "recall_of_vectors",
    "retrieval_report",
]
