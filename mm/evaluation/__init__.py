"""In: scores or vectors, and what is right. Out: the numbers that reports give.

Must not know how a model works, where data lies, or what a service is.
"""

from mm.evaluation.retrieval import Retrieval, recall, recall_of_vectors

__all__ = ["Retrieval", "recall", "recall_of_vectors"]
